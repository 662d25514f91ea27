"""Tries on one holdout are counted once each, paid for, and never forgotten by accident."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.decision import Decision
from contracts.exits import Exit, UsageError
from contracts.features import Feature
from contracts.schema import write_json
from contracts.stage import Build
from testbed.cards import card
from testbed.model_folders import draw_tables, replace_table, write_data, write_model
from tests.refusals import refuses
from tests.training.evaluating import A_LITTLE_NOISY, NOISY, decided, deciding, evaluate, fresh_build
from training.judging.tries import Ledger, LedgerError, Try, confidence_of_try, number_of_try, read_ledger, try_of

CARD = card((Feature(name="shop", kind="categorical", categories=("east", "west")),), files={"model.onnx": "f" * 64})


def challenger(name: str) -> Try:
    return Try(model=f"sha256:{name}", function=name)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "tries.json"


def test_each_new_challenger_gets_the_next_number(ledger: Path) -> None:
    assert [number_of_try(ledger, "march", challenger(name), None) for name in "abc"] == [1, 2, 3]


def test_a_challenger_judged_before_keeps_its_number(ledger: Path) -> None:
    assert [number_of_try(ledger, "march", challenger(name), None) for name in "abab"] == [1, 2, 1, 2]
    assert len(read_ledger(ledger).holdouts["march"]) == 2


def test_another_holdout_is_counted_apart(ledger: Path) -> None:
    assert number_of_try(ledger, "march", challenger("a"), None) == 1
    assert number_of_try(ledger, "april", challenger("b"), None) == 1
    assert number_of_try(ledger, "march", challenger("b"), None) == 2


def test_the_champion_itself_is_no_new_try_but_gets_no_discount(ledger: Path) -> None:
    champion = challenger("champion")
    assert number_of_try(ledger, "march", champion, champion) == 1
    assert not ledger.exists()
    for name in "abc":
        number_of_try(ledger, "march", challenger(name), champion)
    assert number_of_try(ledger, "march", champion, champion) == 3


def test_another_commit_with_the_same_graph_is_the_same_try() -> None:
    rebuilt = CARD.model_copy(update={"commit": "b" * 40, "data_digest": "sha256:e"})
    assert try_of(CARD, "sha256:1").function == try_of(rebuilt, "sha256:2").function


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"model.onnx": "e" * 64}},
        {"threshold": 0.4},
        {"classes": ("yes", "no")},
        {"features": (Feature(name="shop", kind="categorical", categories=("west", "east")),)},
    ],
)
def test_whatever_changes_the_answers_is_another_try(change: dict[str, object]) -> None:
    assert try_of(CARD.model_copy(update=change), "sha256:1").function != try_of(CARD, "sha256:1").function


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"format_version": 2, "holdouts": {}}',
        b'{"format_version": 1, "holdouts": {"march": ["sha256:a"]}}',
        b'{"format_version": 1, "holdouts": {}, "forgiven": true}',
    ],
)
def test_a_ledger_that_cannot_be_read_refuses_and_says_what_to_do(ledger: Path, content: bytes) -> None:
    ledger.write_bytes(content)
    with refuses(LedgerError, "ledger-damaged"):
        number_of_try(ledger, "march", challenger("a"), None)
    assert ledger.read_bytes() == content
    assert issubclass(LedgerError, UsageError)


def test_a_folder_in_the_ledger_s_place_refuses(ledger: Path) -> None:
    ledger.mkdir()
    with pytest.raises(LedgerError):
        read_ledger(ledger)


def test_no_ledger_is_an_empty_one(ledger: Path) -> None:
    assert read_ledger(ledger) == Ledger()


def test_the_first_try_needs_what_pipeline_toml_says_and_the_tenth_a_tenth_of_the_error() -> None:
    assert confidence_of_try(0.95, 1) == pytest.approx(0.95)
    assert confidence_of_try(0.95, 10) == pytest.approx(0.9995)


@given(st.floats(0.8, 0.999), st.integers(1, 500))
def test_the_confidence_asked_for_never_falls(confidence: float, tries: int) -> None:
    assert confidence <= confidence_of_try(confidence, tries) <= confidence_of_try(confidence, tries + 1) < 1


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return fresh_build(tmp_path)


def others(count: int) -> tuple[Try, ...]:
    return tuple(Try(model=f"sha256:{number:064}", function=f"sha256:{number:064}") for number in range(count))


def remember(build: Build, decision: Decision, count: int) -> None:
    """As if `count` other challengers had been judged on this holdout before."""
    (holdout,) = read_ledger(build.tries).holdouts
    assert decision.tries == 1
    write_json(build.tries, Ledger(holdouts={holdout: others(count)}))


def test_the_tenth_try_needs_more_than_the_first(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, A_LITTLE_NOISY)
    first = decided(build)
    remember(build, first, 9)
    tenth = decided(build)
    assert (tenth.tries, tenth.confidence) == (10, 0.9995)
    differences = [deciding(one).difference for one in (first, tenth)]
    assert differences[0] is not None
    assert differences[1] is not None
    between = -(differences[0].low + differences[1].low) / 2
    assert decided(build, margin=f"{between}").decision == "reject"
    build.tries.unlink()
    assert decided(build, margin=f"{between}").decision == "promote"


def test_the_same_challenger_keeps_its_number_and_another_gets_the_next(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, NOISY)
    assert [decided(build).tries for _ in range(2)] == [1, 1]
    write_model(build.challenger, build, A_LITTLE_NOISY)
    assert decided(build).tries == 2
    write_model(build.challenger, build, NOISY, commit="b" * 40)
    assert decided(build).tries == 1


def test_the_champion_itself_is_no_try(build: Build) -> None:
    write_model(build.champion, build, commit="b" * 40)
    assert decided(build).tries == 1
    assert read_ledger(build.tries).holdouts == {}


def test_another_feature_makes_no_new_holdout_of_the_same_rows(build: Build) -> None:
    write_model(build.challenger, build, NOISY)
    assert decided(build).tries == 1
    frames = {name: frame.assign(dummy=np.float32(0)) for name, frame in draw_tables().items()}
    write_data(build, frames)
    write_model(build.challenger, build, A_LITTLE_NOISY)
    assert decided(build).tries == 2
    write_data(build, {name: frame.drop(columns="echo") for name, frame in draw_tables().items()})
    write_model(build.challenger, build)
    assert decided(build).tries == 3


def test_a_new_holdout_starts_at_one(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, NOISY)
    remember(build, decided(build), 5)
    replace_table(build, "holdout", draw_tables()["replay"])
    assert decided(build).tries == 1


def test_a_damaged_ledger_refuses_every_challenger(build: Build) -> None:
    build.tries.write_text('{"format_version": 1, "holdouts": {"x": [')
    code, headline = evaluate(build)
    assert code is Exit.USAGE
    assert "tries.json cannot be trusted" in headline
    assert not (build.stage("evaluate") / "decision.json").exists()
