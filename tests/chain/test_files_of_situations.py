"""What travels between jobs, in each situation whose files differ: the workflows' own steps, run for real.

These need no container engine; tests/containers/test_workflow_files.py has those that build and deploy.
"""

import os
import re
from pathlib import Path

import pytest

from contracts.history import HistoryEntry
from contracts.schema import read_json, write_json
from contracts.stage import StageName, StageRecord
from tests.publishing.github_server import REPOSITORY, GitHub, serving
from tests.publishing.repositories import git
from tests.workflows.artifact_store import ArtifactStore
from tests.workflows.repositories import commit, event, make_repository
from tests.workflows.workflow_run import WorkflowRun

# make ends so, whatever its command ended with.
MAKE_FAILED = 2
UNKNOWN_FEATURE = '\n[service]\nlogged_features = ["no such column"]\n'
NOWHERE = "http://127.0.0.1:9"
NO_GO = os.pathsep.join(place for place in os.environ["PATH"].split(os.pathsep) if not (Path(place) / "go").exists())


def history_entries(run: WorkflowRun, folder: Path) -> list[HistoryEntry]:
    """What the branch `history` of the remote says of runs."""
    git(folder, "clone", "--quiet", "--branch", "history", f"file://{run.clone.parent / 'remote.git'}", "past")
    return [read_json(path, HistoryEntry, "make history") for path in sorted((folder / "past/runs").glob("*/*.json"))]


@pytest.mark.timeout(900)
def test_a_refused_train_shows_which_stage_refused_and_which_passed(tmp_path: Path) -> None:
    clone = make_repository(tmp_path, "refused-train", UNKNOWN_FEATURE)
    run = WorkflowRun(clone, tmp_path, ArtifactStore(tmp_path / "artifacts"), event(clone, "push"))
    jobs = run.run("pipeline.yml")
    assert ("make train", MAKE_FAILED) in jobs["train"].commands
    assert {name for name, job in jobs.items() if job.result == "skipped"} >= {"image", "deploy"}
    assert jobs["report"].result == "success", jobs["report"].said
    assert "Stopped at train" in jobs["report"].summary
    assert "| data | ✅ pass" in jobs["report"].summary
    assert "no such column" in jobs["report"].summary
    (entry,) = history_entries(run, tmp_path)
    assert [(stage.stage, stage.exit_code) for stage in entry.stages] == [("data", 0), ("train", 2), ("report", 0)]
    assert jobs["passed"].commands[-1] == ("make outcome", MAKE_FAILED)


@pytest.mark.timeout(900)
def test_a_second_attempt_shows_nothing_of_the_first_and_its_site_is_deployed(tmp_path: Path) -> None:
    """What an earlier attempt kept is still there: of jobs that stay out now, of stages not reached now, of Pages."""
    clone = make_repository(tmp_path, "again")
    store = ArtifactStore(tmp_path / "artifacts")
    (tmp_path / "earlier/build/image").mkdir(parents=True)
    (tmp_path / "earlier/build/evaluate").mkdir()
    stages: tuple[tuple[StageName, str], ...] = (("build", "image"), ("evaluate", "evaluate"))
    for stage, folder in stages:
        record = StageRecord(stage=stage, exit_code=0, verdict="pass", headline="stale", seconds=1, peak_mb=1)
        write_json(tmp_path / f"earlier/build/{folder}/stage.json", record)
    for name, folder in (("image", "image"), ("train", "evaluate"), ("github-pages-1", "image")):
        store.upload(tmp_path / "earlier", name, f"build/{folder}\nbuild/attempts")
    store.attempt = 2
    run = WorkflowRun(clone, tmp_path, store, event(clone, "push"), {"PUBLISH_SITE": "true"})
    run.github["sha"] = commit(clone, "pipeline.toml", (clone / "pipeline.toml").read_text() + UNKNOWN_FEATURE)
    jobs = run.run("pipeline.yml")
    assert "stale" not in jobs["report"].summary
    assert "Stopped at train" in jobs["report"].summary
    (entry,) = history_entries(run, tmp_path)
    assert [stage.stage for stage in entry.stages] == ["data", "train", "report"]
    assert entry.workflow is not None
    assert entry.workflow.attempt == "2"
    assert jobs["publish / site"].result == "success", jobs["publish / site"].said


@pytest.mark.timeout(900)
def test_refused_data_reaches_the_report_and_the_history(tmp_path: Path) -> None:
    clone = make_repository(tmp_path, "refused-data")
    text = (clone / "pipeline.toml").read_text()
    run = WorkflowRun(clone, tmp_path, ArtifactStore(tmp_path / "artifacts"), event(clone, "push"))
    run.github["sha"] = commit(clone, "pipeline.toml", text.replace("min_train_rows = 50", "min_train_rows = 50000"))
    jobs = run.run("pipeline.yml")
    assert ("make data", MAKE_FAILED) in jobs["train"].commands
    assert "data.min_train_rows" in jobs["report"].summary
    (entry,) = history_entries(run, tmp_path)
    assert [(stage.stage, stage.exit_code) for stage in entry.stages] == [("data", 3), ("report", 0)]


@pytest.mark.timeout(900)
def test_one_surviving_audit_is_told_as_what_it_is(tmp_path: Path) -> None:
    clone = make_repository(tmp_path, "audits")
    with serving(GitHub()) as github:
        run = WorkflowRun(
            clone, tmp_path, ArtifactStore(tmp_path / "artifacts"), event(clone, "schedule"),
            environment={"GITHUB_API_URL": github.url, "GITHUB_TOKEN": "a-token", "PATH": NO_GO, "GH_TOKEN": None},
        )  # fmt: skip
        jobs = run.run("security.yml")
    assert jobs["workflows"].result == "success", jobs["workflows"].said
    assert [jobs[name].result for name in ("dependencies", "image")] == ["failure", "failure"]
    kept = {path.name for one in run.store.listed() for path in one.folder.rglob("*.json")}
    assert kept == {"workflows.json"}
    assert jobs["issue"].result == "success", jobs["issue"].said
    body = github.issues[0]["body"]
    assert "### workflows: clean" in body
    assert "### dependencies: could not run" in body


@pytest.mark.timeout(900)
def test_an_audit_that_could_not_run_is_told_in_the_same_issue_when_it_alone_runs_again(tmp_path: Path) -> None:
    clone = make_repository(tmp_path, "audits-again")
    with serving(GitHub()) as github:
        run = WorkflowRun(
            clone, tmp_path, ArtifactStore(tmp_path / "artifacts"), event(clone, "schedule"),
            environment={"GITHUB_API_URL": github.url, "GITHUB_TOKEN": "a-token", "PATH": NO_GO, "GH_TOKEN": "a-token",
                         "HTTPS_PROXY": NOWHERE},
        )  # fmt: skip
        jobs = run.run("security.yml")
        assert {name for name, job in jobs.items() if job.result == "success"} == {"issue"}, jobs["issue"].said
        assert "### workflows: could not run" in github.issues[0]["body"]
        run.store.attempt = 2
        # Without a token zizmor asks nobody.
        run.environment["GH_TOKEN"] = None
        jobs = run.run("security.yml", only=("workflows", "issue"))
    assert [jobs[name].result for name in ("workflows", "issue")] == ["success"] * 2, jobs["issue"].said
    (issue,) = github.issues
    assert "### workflows: clean" in issue["body"]
    assert "### dependencies: could not run" in issue["body"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("head", "comments"), [(REPOSITORY, 1), ("stranger/flights", 0)], ids=["branch", "fork"])
def test_a_refused_pull_request_is_commented_by_its_bases_code(tmp_path: Path, head: str, comments: int) -> None:
    """What the pull request makes of `make comment` never runs. A fork gets no comment: its figures are on the page."""
    clone = make_repository(tmp_path, "pull-request")
    base, trace = git(clone, "rev-parse", "origin/main"), tmp_path / "code-of-the-pull-request-ran"
    path = clone / "publishing" / "commands.mk"
    path.write_text(
        re.sub(r"@\$\((RUN)\) -m publishing (comment|count-evaluations)", f"@touch {trace} #", path.read_text())
    )
    assert str(trace) in path.read_text()
    (clone / "pipeline.toml").write_text((clone / "pipeline.toml").read_text() + UNKNOWN_FEATURE)
    git(clone, "commit", "--quiet", "--all", "--message", "Change the comment")
    payload = {"number": 7, "base": {"sha": base}, "head": {"repo": {"full_name": head}, "sha": "d" * 40},
               "user": {"login": "someone", "type": "User"}}  # fmt: skip
    told = event(clone, "pull_request", pull_request=payload) | {
        "ref": "refs/pull/7/merge", "sha": git(clone, "rev-parse", "HEAD"),
    }  # fmt: skip
    with serving(GitHub()) as github:
        github.pull(7, "faster", author="someone")
        run = WorkflowRun(
            clone, tmp_path, ArtifactStore(tmp_path / "artifacts"), told,
            environment={"GITHUB_API_URL": github.url, "GITHUB_TOKEN": "a-token"},
        )  # fmt: skip
        jobs = run.run("pipeline.yml")
    assert "Stopped at train" in jobs["report"].summary
    assert len(github.comments) == comments
    assert all("Stopped at train" in one["body"] for one in github.comments)
    assert jobs["publish"].result == ("success" if comments else "skipped"), jobs
    assert not trace.exists()
