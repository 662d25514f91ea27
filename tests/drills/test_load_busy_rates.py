"""The rates of excuses and blame: real runs on a tiny model, and the table of recorded verdicts."""

from pathlib import Path

import pytest

from contracts.exits import UsageError
from contracts.schema import read_json, write_json
from contracts.verdict import LoadVerdict
from drills.rates.load_busy import section, whole_runs
from testbed.tiny_build import config, tiny_build
from tests.refusals import refuses


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> LoadVerdict:
    """A real run of a service that waits 12 ms more than it may."""
    root = tmp_path_factory.mktemp("busy")
    build = tiny_build(root)
    whole_runs(build, config(max_p50_ms=10.0), "slow-wait", 1, root)
    (found,) = root.glob("slow-wait-*.json")
    return read_json(found, LoadVerdict, "run")


def test_a_service_that_really_waits_is_over_its_limit(failed: LoadVerdict) -> None:
    assert failed.verdict != "pass"
    assert "p50_limit" in failed.reason_codes


def test_excuses_blame_and_overlooked_ones_are_counted(tmp_path: Path, failed: LoadVerdict) -> None:
    seen = {"slow-wait": ("fail", "unmeasured"), "healthy-busy": ("pass", "unmeasured", "fail", "fail")}
    for case, verdicts in seen.items():
        for number, verdict in enumerate(verdicts):
            write_json(tmp_path / f"{case}-2026-{number}.json", failed.model_copy(update={"verdict": verdict}))
    text = section(tmp_path)
    assert "| slow by waiting | quiet | 2 | 0 | 1 | 1 | an excuse | 50.0% [9.5%, 90.5%] |" in text
    assert "| healthy | 2 burners a core | 4 | 1 | 1 | 2 | blame | 50.0% [15.0%, 85.0%] |" in text


def test_without_a_run_there_is_no_table(tmp_path: Path) -> None:
    with refuses(UsageError, "no-run", "load_busy run"):
        section(tmp_path)
