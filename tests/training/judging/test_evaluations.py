"""Each evaluation on a holdout is counted once, has a price, and is not lost by accident."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.data_manifest import DataManifest
from contracts.decision import Decision
from contracts.exits import Exit, UsageError
from contracts.features import Feature
from contracts.model_folder import model_digest
from contracts.release import Champion
from contracts.schema import write_json
from contracts.stage import Build
from testbed.cards import card
from testbed.model_folders import draw_tables, replace_table, write_data, write_model
from tests.refusals import code_of, refuses
from tests.training.evaluating import A_LITTLE_NOISY, NOISY, decided, deciding, evaluate
from training.judging.evaluations import (
    Evaluation,
    Holdout,
    Ledger,
    LedgerError,
    confidence_of_evaluation,
    evaluation_of,
    forgotten,
    number_of_evaluation,
    read_ledger,
)
from training.judging.holdout_rows import RowSample, rows_of

CARD = card((Feature(name="shop", kind="categorical", categories=("east", "west")),), files={"model.onnx": "f" * 64})


MARCH, APRIL = Holdout("march"), Holdout("april")


def challenger(name: str) -> Evaluation:
    return Evaluation(model=f"sha256:{name}", function=name)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "evaluations.json"


def test_each_new_challenger_gets_the_next_number(ledger: Path) -> None:
    assert [number_of_evaluation(ledger, MARCH, challenger(name), None) for name in "abc"] == [1, 2, 3]


def test_a_challenger_judged_before_keeps_its_number(ledger: Path) -> None:
    assert [number_of_evaluation(ledger, MARCH, challenger(name), None) for name in "abab"] == [1, 2, 1, 2]
    assert len(read_ledger(ledger).holdouts["march"]) == 2


def test_another_holdout_is_counted_apart(ledger: Path) -> None:
    assert number_of_evaluation(ledger, MARCH, challenger("a"), None) == 1
    assert number_of_evaluation(ledger, APRIL, challenger("b"), None) == 1
    assert number_of_evaluation(ledger, MARCH, challenger("b"), None) == 2


def test_the_champion_itself_is_no_new_evaluation_but_gets_no_discount(ledger: Path) -> None:
    champion = challenger("champion")
    assert number_of_evaluation(ledger, MARCH, champion, champion) == 1
    assert not ledger.exists()
    for name in "abc":
        number_of_evaluation(ledger, MARCH, challenger(name), champion)
    assert number_of_evaluation(ledger, MARCH, champion, champion) == 3


def test_another_commit_with_the_same_graph_is_the_same_try() -> None:
    rebuilt = CARD.model_copy(update={"commit": "b" * 40, "data_digest": "sha256:e"})
    assert evaluation_of(CARD, "sha256:1").function == evaluation_of(rebuilt, "sha256:2").function


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"model.onnx": "e" * 64}},
        {"threshold": 0.4},
        {"classes": ("yes", "no")},
        {"features": (Feature(name="shop", kind="categorical", categories=("west", "east")),)},
    ],
)
def test_whatever_changes_the_answers_is_another_evaluation(change: dict[str, object]) -> None:
    assert (
        evaluation_of(CARD.model_copy(update=change), "sha256:1").function != evaluation_of(CARD, "sha256:1").function
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"format_version": 3, "holdouts": {}}',
        b'{"format_version": 1, "holdouts": {"march": ["sha256:a"]}}',
        b'{"format_version": 1, "holdouts": {}, "forgiven": true}',
    ],
)
def test_a_ledger_that_cannot_be_read_refuses_and_says_what_to_do(ledger: Path, content: bytes) -> None:
    ledger.write_bytes(content)
    with refuses(LedgerError, "ledger-damaged"):
        number_of_evaluation(ledger, MARCH, challenger("a"), None)
    assert ledger.read_bytes() == content
    assert issubclass(LedgerError, UsageError)


def test_a_folder_in_the_ledger_s_place_refuses(ledger: Path) -> None:
    ledger.mkdir()
    with pytest.raises(LedgerError):
        read_ledger(ledger)


def test_a_ledger_under_its_old_name_is_read_on(ledger: Path) -> None:
    number_of_evaluation(ledger, MARCH, challenger("a"), None)
    ledger.rename(ledger.with_name("tries.json"))
    assert number_of_evaluation(ledger, MARCH, challenger("b"), None) == 2
    assert len(read_ledger(ledger).holdouts["march"]) == 2


def test_no_ledger_is_an_empty_one(ledger: Path) -> None:
    assert read_ledger(ledger) == Ledger()


def test_the_first_evaluation_needs_what_pipeline_toml_says_and_the_tenth_a_tenth_of_the_error() -> None:
    assert confidence_of_evaluation(0.95, 1) == pytest.approx(0.95)
    assert confidence_of_evaluation(0.95, 10) == pytest.approx(0.9995)


@given(st.floats(0.8, 0.999), st.integers(1, 500))
def test_the_confidence_asked_for_never_falls(confidence: float, number: int) -> None:
    asked = [confidence_of_evaluation(confidence, one) for one in (number, number + 1)]
    assert confidence <= asked[0] <= asked[1] < 1


def others(count: int) -> tuple[Evaluation, ...]:
    return tuple(Evaluation(model=f"sha256:{number:064}", function=f"sha256:{number:064}") for number in range(count))


def remember(build: Build, decision: Decision, count: int) -> None:
    """As if `count` other challengers had been judged on this holdout before."""
    (holdout,) = read_ledger(build.evaluations).holdouts
    assert decision.evaluation == 1
    write_json(build.evaluations, Ledger(holdouts={holdout: others(count)}))


def test_the_tenth_try_needs_more_than_the_first(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, A_LITTLE_NOISY)
    first = decided(build)
    remember(build, first, 9)
    tenth = decided(build)
    assert (tenth.evaluation, tenth.confidence) == (10, 0.9995)
    differences = [deciding(one).difference for one in (first, tenth)]
    assert differences[0] is not None
    assert differences[1] is not None
    between = -(differences[0].low + differences[1].low) / 2
    assert decided(build, margin=f"{between}").decision == "reject"
    build.evaluations.unlink()
    assert decided(build, margin=f"{between}").decision == "promote"


def test_the_same_challenger_keeps_its_number_and_another_gets_the_next(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, NOISY)
    assert [decided(build).evaluation for _ in range(2)] == [1, 1]
    write_model(build.challenger, build, A_LITTLE_NOISY)
    assert decided(build).evaluation == 2
    write_model(build.challenger, build, NOISY, commit="b" * 40)
    assert decided(build).evaluation == 1


def test_the_champion_itself_is_no_try(build: Build) -> None:
    write_model(build.champion, build, commit="b" * 40)
    assert decided(build).evaluation == 1
    assert read_ledger(build.evaluations).holdouts == {}


def test_another_feature_makes_no_new_holdout_of_the_same_rows(build: Build) -> None:
    write_model(build.challenger, build, NOISY)
    assert decided(build).evaluation == 1
    frames = {name: frame.assign(dummy=np.float32(0)) for name, frame in draw_tables().items()}
    write_data(build, frames)
    write_model(build.challenger, build, A_LITTLE_NOISY)
    assert decided(build).evaluation == 2
    write_data(build, {name: frame.drop(columns="echo") for name, frame in draw_tables().items()})
    write_model(build.challenger, build)
    assert decided(build).evaluation == 3


def test_a_new_holdout_starts_at_one(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, NOISY)
    remember(build, decided(build), 5)
    replace_table(build, "holdout", draw_tables()["replay"])
    assert decided(build).evaluation == 1


def test_a_damaged_ledger_refuses_every_challenger(build: Build) -> None:
    build.evaluations.write_text('{"format_version": 1, "holdouts": {"x": [')
    code, headline = evaluate(build)
    assert (code, code_of(build, "evaluate")) == (Exit.USAGE, "ledger-damaged")
    assert str(build.evaluations) in headline
    assert not (build.stage("evaluate") / "decision.json").exists()


MANIFEST = DataManifest(
    source="", source_sha256="", task="binary", target="late", time="at", features=(), tables={}, digest=""
)
DAY = 300


def flights(first_day: int, days: int = 30, **columns: object) -> pd.DataFrame:
    """Rows of an endless table: the same day always has the same rows."""
    at = [pd.Timestamp("2013-01-01") + pd.Timedelta(days=first_day + day) for day in range(days) for _ in range(DAY)]
    late = np.concatenate([np.random.default_rng(first_day + day).random(DAY) < 0.2 for day in range(days)])
    return pd.DataFrame({"at": at, "late": np.where(late, "true", "false"), **columns})


def holdout(frame: pd.DataFrame, key: str, manifest: DataManifest = MANIFEST) -> Holdout:
    return Holdout(key, rows_of(frame, manifest))


def after(path: Path, *tried: Holdout, now: Holdout) -> int:
    """The number of a new challenger on `now`, after one look at each of the others."""
    for number, one in enumerate(tried):
        number_of_evaluation(path, one, challenger(f"earlier {number}"), None)
    return number_of_evaluation(path, now, challenger("new"), None)


@pytest.mark.parametrize(("days", "number"), [(0, 5), (1, 5), (7, 4), (15, 3), (28, 1), (30, 1)])
def test_a_moved_holdout_counts_the_evaluations_of_the_rows_it_kept(ledger: Path, days: int, number: int) -> None:
    looks = [holdout(flights(0), "march")] * 4
    assert after(ledger, *looks, now=holdout(flights(days), f"moved by {days}")) == number


@pytest.mark.parametrize("change", ["a column", "other order", "one row less", "a row twice"])
def test_a_holdout_that_was_changed_a_little_is_the_same(ledger: Path, change: str) -> None:
    frame = flights(0)
    changed = {
        "a column": frame.assign(dummy=1.0),
        "other order": frame.sample(frac=1, random_state=1),
        "one row less": frame.iloc[1:],
        "a row twice": pd.concat([frame, frame.iloc[:1]]),
    }[change]
    assert after(ledger, *[holdout(frame, "march")] * 4, now=holdout(changed, change)) == 5


def test_other_answers_at_the_same_times_are_other_rows(ledger: Path) -> None:
    other = flights(0).assign(late=flights(90)["late"].to_numpy())
    assert 1 < after(ledger, *[holdout(flights(0), "march")] * 4, now=holdout(other, "other")) <= 5


@pytest.mark.parametrize("seed", range(20))
def test_new_rows_of_a_table_without_time_are_a_new_holdout(ledger: Path, seed: int) -> None:
    """The control: categories and classes are shared by all rows, and a new sample of them is no second look."""
    draw = np.random.default_rng(seed)
    timeless = MANIFEST.model_copy(update={"time": ""})

    def sample() -> pd.DataFrame:
        shop, late = draw.integers(0, 5, 900), np.where(draw.random(900) < 0.5, "true", "false")
        return pd.DataFrame({"shop": shop, "price": draw.normal(size=900).astype("float32"), "late": late})

    looks = [holdout(sample(), f"{number}", timeless) for number in range(4)]
    assert after(ledger, *looks, now=holdout(sample(), "new", timeless)) == 1


@pytest.mark.parametrize("change", ["a column", "a column less", "other order"])
def test_the_same_rows_without_time_are_recognised_by_a_distinct_column(ledger: Path, change: str) -> None:
    draw = np.random.default_rng(3)
    timeless = MANIFEST.model_copy(update={"time": ""})
    frame = pd.DataFrame({"price": draw.normal(size=900), "shop": draw.integers(0, 5, 900), "late": "true"})
    changed = {
        "a column": frame.assign(dummy=draw.normal(size=900)),
        "a column less": frame.drop(columns="shop"),
        "other order": frame.sample(frac=1, random_state=1),
    }[change]
    assert after(ledger, *[holdout(frame, "one", timeless)] * 4, now=holdout(changed, "two", timeless)) == 5


def test_one_function_on_many_moved_holdouts_is_one_evaluation(ledger: Path) -> None:
    for days in range(3):
        number_of_evaluation(ledger, holdout(flights(days), f"{days}"), challenger("same"), None)
    assert number_of_evaluation(ledger, holdout(flights(3), "3"), challenger("new"), None) == 2


def test_a_ledger_of_format_1_counts_on(ledger: Path) -> None:
    ledger.write_text('{"format_version": 1, "holdouts": {"march": [{"model": "sha256:a", "function": "a"}]}}')
    assert number_of_evaluation(ledger, holdout(flights(0), "march"), challenger("b"), None) == 2
    assert number_of_evaluation(ledger, holdout(flights(1), "moved"), challenger("c"), None) == 3


@pytest.mark.parametrize(
    ("functions", "champion", "remembered", "said"),
    [
        ("", "champion", 0, "is new"),
        ("n", "champion", 0, "is new"),
        ("abn", "champion", 4, "is shorter than it was: 4"),
        ("abn", "champion", 3, ""),
        ("an", "champion", 0, ""),
        ("cn", "c", 0, ""),
        ("n", "n", 0, ""),
        ("n", "", 0, ""),
    ],
)
def test_a_count_that_is_new_or_shorter_is_reported(functions: str, champion: str, remembered: int, said: str) -> None:
    ledger = Ledger(holdouts={"march": tuple(challenger(one) for one in functions)})
    seen = forgotten(ledger, "n", champion, remembered)
    assert said in seen
    assert bool(seen) == bool(said)


def test_a_decision_compares_its_count_with_the_champions_record(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, NOISY)
    assert decided(build).forgotten == forgotten(Ledger(), "", "champion", 0)
    record = Champion(model=model_digest(build.champion), evaluations=7)
    write_json(build.champion_record, record)
    seen = decided(build)
    assert "shorter" in seen.forgotten
    assert "7 when" in seen.forgotten
    assert seen.evaluations == 1
    write_json(build.champion_record, record.model_copy(update={"model": "sha256:another"}))
    assert "7" not in decided(build).forgotten


SAMPLES = {
    "says nothing of its rows": RowSample(rows=5, smallest=""),
    "no rows but hashes": RowSample(rows=0, smallest="0" * 12),
    "one hash of many rows": RowSample(rows=10**12, smallest="f" * 12),
    "hashes out of order": RowSample(rows=2, smallest="f" * 12 + "0" * 12),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_that_was_written_by_hand_stops_no_later_evaluation(tmp_path: Path, name: str) -> None:
    path, here = tmp_path / "evaluations.json", RowSample(rows=2, smallest="0" * 11 + "1" + "0" * 11 + "2")
    first, second = (Evaluation(model=f"sha256:{one}", function=f"sha256:{one}") for one in "ab")
    write_json(path, Ledger(format_version=2, holdouts={"forged": (first,)}, rows={"forged": (SAMPLES[name],)}))
    assert number_of_evaluation(path, Holdout("ours", (here,)), second, None) == 1
