"""drills.yml by its own steps, run for real: one drill that ends as planned, and one that does not."""

import pytest

from tests.chain.test_files_of_situations import MAKE_FAILED
from tests.workflows.artifact_store import ArtifactStore
from tests.workflows.repositories import commit, event, make_repository
from tests.workflows.workflow_run import Job, WorkflowRun

pytestmark = pytest.mark.timeout(900)
DRILL = "drills/configuration/floor_mistyped.py"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> WorkflowRun:
    root = tmp_path_factory.mktemp("drills")
    clone = make_repository(root, "drills")
    store = ArtifactStore(root / "artifacts")
    # One drill, on the small search: FULL=1, which the workflow says, takes an hour.
    return WorkflowRun(clone, root, store, event(clone, "schedule"), environment={"ONLY": "floor-mistyped", "FULL": ""})


def night(run: WorkflowRun, change: tuple[str, str]) -> Job:
    text = (run.clone / DRILL).read_text(encoding="utf-8")
    run.github["sha"] = commit(run.clone, DRILL, text.replace(*change))
    return run.run("drills.yml")["drills"]


def test_a_fault_that_is_refused_ends_well_and_is_shown(run: WorkflowRun) -> None:
    job = night(run, ("which is no metric.", "which is none."))
    assert job.result == "success", job.said
    assert job.commands[-2:] == [("make drill", 0), ("make job-summary", 0)]
    assert "1 of 1" in job.summary


def test_a_fault_that_is_not_refused_so_fails_the_job_and_is_shown(run: WorkflowRun) -> None:
    job = night(run, ("is no metric of", "is no floor of"))
    assert job.result == "failure"
    assert job.commands[-2:] == [("make drill", MAKE_FAILED), ("make job-summary", 0)]
    assert "Error 3" in job.said[0]
    assert "0 of 1" in job.summary
    assert "is no metric" in job.summary
