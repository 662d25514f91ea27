"""The gate refuses a model folder whose card reads dates otherwise than training did, also if it was signed again."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from contracts.dates.inputs import DateInput
from contracts.decision import Decision
from contracts.exits import Exit
from contracts.model_folder import Golden, GoldenRow, read_card
from contracts.schema import read_json, write_json
from contracts.stage import Build, execute
from scoring.scorer import Scorer, load_scorer
from testbed.cards import sign
from tests.training.dated_build import dated_build
from training.evaluate import work as evaluate
from training.judging.evaluations import evaluation_of

Dates = tuple[DateInput, ...]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dated")
    dated_build(folder)
    return folder


@pytest.fixture
def build(made: Path, tmp_path: Path) -> Build:
    shutil.copytree(made / "build", tmp_path / "build")
    return Build(tmp_path / "build")


def decided(build: Build, made: Path) -> tuple[Exit, Decision]:
    code = execute("evaluate", made / "pipeline.toml", build, evaluate)
    return code, read_json(build.stage("evaluate") / "decision.json", Decision, "make evaluate")


def golden_of(folder: Path) -> Golden:
    return Golden.model_validate_json((folder / "golden.json").read_bytes())


def test_the_gate_passes_a_model_with_dates(build: Build, made: Path) -> None:
    code, decision = decided(build, made)
    assert (code, decision.reasons) == (Exit.PASS, ()) or decision.decision == "promote"


def test_the_card_says_which_dates_are_sent_and_golden_rows_send_them(build: Build) -> None:
    card, golden = read_card(build.challenger), golden_of(build.challenger)
    at, due = card.dates
    assert (at.parts, due.may_be_missing) == ({"at_weekday": "weekday", "at_hour": "hour"}, True)
    assert all(set(row.inputs) == {one.name for one in card.inputs} for row in golden.rows)
    assert {"at", "due"} < {one.name for one in card.inputs}
    sent = [row.inputs["at"] for row in golden.rows]
    assert "2023-12-31 22:30:00-01:45" in sent
    assert None in [row.inputs["due"] for row in golden.rows]


def changed(build: Build, change: Callable[[Dates], Dates]) -> None:
    """Another description of the dates on the card, signed."""
    sign(build.challenger, dates=change(read_card(build.challenger).dates))


def answered_again(folder: Path) -> None:
    """Golden rows with the answers that the changed card gives, or with parts where it has no dates; signed."""
    card, golden = read_card(folder), golden_of(folder)
    scorer = Scorer(card, "", (folder / "model.onnx").read_bytes())
    rows = []
    for row in golden.rows:
        inputs = dict(row.inputs) if card.dates else parts_of(row.inputs, folder)
        output = scorer.predict(scorer.encoded([inputs]))[0].astype(np.float64)
        rows.append(GoldenRow(inputs=inputs, output=tuple(output.tolist())))
    write_json(folder / "golden.json", golden.model_copy(update={"rows": tuple(rows)}))
    sign(folder)
    load_scorer(folder)


def parts_of(inputs: object, folder: Path) -> dict[str, float | bool | str | None]:
    """A golden row without its dates; the model's numbers for their parts are those of one day."""
    row = dict(inputs)  # type: ignore[call-overload]  # a mapping, read from golden.json
    parts = {one.name: 1.0 for one in read_card(folder).features if one.name.startswith(("at_", "due_"))}
    return {name: value for name, value in row.items() if name not in ("at", "due")} | parts


def with_parts(**parts: dict[str, str]) -> Callable[[Dates], Dates]:
    return lambda dates: tuple(one.model_copy(update={"parts": parts.get(one.name, one.parts)}) for one in dates)


FAULTS: dict[str, Callable[[Dates], Dates]] = {
    "another part": with_parts(at={"at_weekday": "day", "at_hour": "hour"}),
    "parts exchanged": with_parts(at={"at_weekday": "hour", "at_hour": "weekday"}),
    "a date missing": lambda dates: dates[:1],
    "no dates": lambda _: (),
    "another format": lambda dates: (dates[0], dates[1].model_copy(update={"format": "%Y-%d-%m"})),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_another_reading_of_dates_fails_on_the_golden_rows(build: Build, made: Path, fault: str) -> None:
    changed(build, FAULTS[fault])
    code, decision = decided(build, made)
    assert code is Exit.FINDING
    assert decision.reasons[0].startswith("Challenger rejected (challenger): it cannot be scored: golden row ")


@pytest.mark.parametrize("fault", ["another part", "parts exchanged", "no dates"])
def test_with_golden_rows_to_match_the_gate_names_the_date(build: Build, made: Path, fault: str) -> None:
    changed(build, FAULTS[fault])
    answered_again(build.challenger)
    code, decision = decided(build, made)
    assert code is Exit.FINDING
    (check,) = [one for one in decision.checks if one.name == "description of the data"]
    assert not check.passed
    assert check.seen.startswith("model.json has another description of at")


def test_a_card_that_cannot_be_missing_a_date_is_another_description(build: Build, made: Path) -> None:
    changed(build, lambda dates: (dates[0], dates[1].model_copy(update={"missing_share": 0.5})))
    _, decision = decided(build, made)
    assert [one.seen for one in decision.checks if not one.passed] == ["model.json has another description of due"]


def test_golden_rows_without_an_offset_try_too_little(build: Build, made: Path) -> None:
    golden = golden_of(build.challenger)
    rows: Sequence[GoldenRow] = [row for row in golden.rows if "-01:45" not in str(row.inputs["at"])]
    write_json(build.challenger / "golden.json", golden.model_copy(update={"rows": (*rows, *rows[:1])}))
    sign(build.challenger)
    _, decision = decided(build, made)
    (check,) = [one for one in decision.checks if not one.passed]
    assert (check.name, "none tries at" in check.seen) == ("golden rows", True)


def test_another_reading_of_dates_is_another_model(build: Build) -> None:
    card = read_card(build.challenger)
    other = card.model_copy(update={"dates": FAULTS["parts exchanged"](card.dates)})
    assert evaluation_of(card, "d").function != evaluation_of(other, "d").function
