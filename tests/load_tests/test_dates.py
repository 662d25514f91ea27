"""The load test sends dates as the source has them, so a service that reads them otherwise gives wrong answers."""

import json
import sys
from pathlib import Path

import pytest
from run import load_test
from service_process import ServiceError

from contracts.pipeline_toml.reader import load_config
from contracts.request_log import PREDICTIONS_GLOB
from contracts.schema import read_json
from contracts.stage import Build, Context, Outcome
from contracts.verdict import LoadVerdict
from tests.training.dated_build import dated_build

WRONG = Path(__file__).with_name("wrong_dates_service.py")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return dated_build(tmp_path_factory.mktemp("dated"))


def load(build: Build, folder: Path, fault: str) -> tuple[Outcome, LoadVerdict]:
    context = Context(load_config(build.root.parent / "pipeline.toml"), build, folder)
    outcome = load_test(context, (sys.executable, str(WRONG), fault))
    return outcome, read_json(folder / "verdict.json", LoadVerdict, "make load-test")


def test_a_service_that_reads_dates_as_training_does_passes(build: Build, tmp_path: Path) -> None:
    _, verdict = load(build, tmp_path, "none")
    assert (verdict.verdict, verdict.reasons) == ("pass", ())
    plan = json.loads((tmp_path / "plan.json").read_bytes())
    sent = [json.loads(one["body"]) for one in plan["variants"][0]["requests"]]
    assert {tuple(row) for row in sent} == {("heat", "plant", "is_new", "at", "due")}
    assert all(row["at"].endswith("+02:00") for row in sent)
    lines = [line for file in (tmp_path / "requests").glob(PREDICTIONS_GLOB) for line in file.open("rb")]
    logged = [json.loads(line)["features"] for line in lines]
    assert {"at_hour", "due_month"} < set(logged[0])
    assert not any("at" in row or "due" in row for row in logged)


@pytest.mark.parametrize("fault", ["an hour later", "weekdays from one", "offsets ignored", "gaps filled"])
def test_dates_read_otherwise_in_requests_are_wrong_answers(build: Build, tmp_path: Path, fault: str) -> None:
    outcome, verdict = load(build, tmp_path, fault)
    assert verdict.reason_codes[0] == "wrong_answers"
    assert outcome.headline.startswith("The number of wrong answers with status 200 was ")


def test_dates_read_otherwise_in_batches_are_wrong_answers_of_other_routes(build: Build, tmp_path: Path) -> None:
    outcome, verdict = load(build, tmp_path, "batches mixed up")
    assert verdict.reason_codes[0] == "other_routes"
    assert "/predict/batch" in outcome.headline


@pytest.mark.parametrize(
    "fault",
    ["the reading ignores offsets", "the calendar begins on Sunday", "the local time of the machine"],
)
def test_another_calendar_is_refused_at_the_start_by_the_golden_rows(build: Build, tmp_path: Path, fault: str) -> None:
    with pytest.raises(ServiceError, match="golden row"):
        load(build, tmp_path, fault)
