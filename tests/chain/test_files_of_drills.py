"""drills.yml by its own steps, run for real, in a night in which one drill does not end as planned."""

from pathlib import Path

import pytest

from tests.chain.test_files_of_situations import MAKE_FAILED
from tests.workflows.artifact_store import ArtifactStore
from tests.workflows.repositories import commit, event, make_repository
from tests.workflows.workflow_run import WorkflowRun

DRILL = "drills/configuration/floor_mistyped.py"


@pytest.mark.timeout(900)
def test_a_drill_that_does_not_end_as_planned_fails_the_job_and_is_shown(tmp_path: Path) -> None:
    clone = make_repository(tmp_path, "drills")
    # One drill, on the small search: FULL=1, which the workflow says, takes an hour.
    environment: dict[str, str | None] = {"ONLY": "floor-mistyped", "FULL": ""}
    store = ArtifactStore(tmp_path / "artifacts")
    run = WorkflowRun(clone, tmp_path, store, event(clone, "schedule"), environment=environment)
    text = (clone / DRILL).read_text(encoding="utf-8")
    run.github["sha"] = commit(clone, DRILL, text.replace("is no metric of", "is no floor of"))
    job = run.run("drills.yml")["drills"]
    assert job.result == "failure"
    assert job.commands[-2:] == [("make drill", MAKE_FAILED), ("make job-summary", 0)]
    assert "Error 3" in job.said[0]
    assert "0 of 1 drills ended as planned" in job.summary
    assert "is no metric of a binary task" in job.summary
