"""The comment: one, updated in place, from figures that were checked before they were read."""

import json
from pathlib import Path

import pytest

from contracts.exits import Exit
from contracts.schema import MOST_JSON_BYTES
from contracts.stage import Build
from publishing.comment import MARKER, main
from reports.results import read_results
from reports.words.verdict import verdict_of
from tests.publishing.builds import write_record, write_run
from tests.publishing.github_server import Fault, GitHub, asked


@pytest.fixture
def build(tmp_path: Path) -> Path:
    return write_run(tmp_path / "build").root


def run(build: Path, job: dict[str, str]) -> Exit:
    return main(job, ["--build", str(build)])


def test_it_is_written_once_and_then_updated_in_place(
    build: Path, github: GitHub, pull_request_job: dict[str, str]
) -> None:
    github.pull(7, "faster")
    assert run(build, pull_request_job) is Exit.PASS
    assert len(github.comments) == 1
    write_run(build, "brier")
    assert run(build, pull_request_job) is Exit.PASS
    assert len(github.comments) == 1
    assert github.comments[0]["body"].startswith(MARKER)
    assert "brier" in github.comments[0]["body"]
    assert "https://github.example/someone/flights/actions/runs/4711" in github.comments[0]["body"]


def test_it_finds_its_own_on_a_later_page(build: Path, github: GitHub, pull_request_job: dict[str, str]) -> None:
    github.pull(7, "faster")
    for number in range(5):
        github.comment(f"a remark {number}", author="a-person")
    own = github.comment(f"{MARKER}\nyesterday")
    assert run(build, pull_request_job) is Exit.PASS
    assert len(github.comments) == 6
    assert "yesterday" not in own["body"]
    assert len(asked(github, "GET", "/issues/7/comments")) == 3


def test_it_leaves_alone_what_a_person_wrote_with_its_marker(
    build: Path, github: GitHub, pull_request_job: dict[str, str]
) -> None:
    github.pull(7, "faster")
    theirs = github.comment(f"{MARKER}\nmine", author="a-person")
    assert run(build, pull_request_job) is Exit.PASS
    assert theirs["body"] == f"{MARKER}\nmine"
    assert len(github.comments) == 2


def test_a_second_one_that_a_retry_left_is_deleted(
    build: Path, github: GitHub, pull_request_job: dict[str, str]
) -> None:
    github.pull(7, "faster")
    github.comment(f"{MARKER}\nfirst")
    github.comment(f"{MARKER}\nsecond")
    assert run(build, pull_request_job) is Exit.PASS
    assert [one["id"] for one in github.comments] == [1000]


def test_a_run_by_hand_finds_the_pull_request_of_its_branch(build: Path, github: GitHub, job: dict[str, str]) -> None:
    github.pull(6, "other")
    github.pull(7, "retrain/2013-11-01")
    assert run(build, job | {"GITHUB_REF_NAME": "retrain/2013-11-01"}) is Exit.PASS
    assert len(asked(github, "POST", "/issues/7/comments$")) == 1


def test_without_a_pull_request_there_is_nothing_to_do(build: Path, github: GitHub, job: dict[str, str]) -> None:
    assert run(build, job) is Exit.PASS
    assert github.comments == []


@pytest.mark.parametrize("head", ["other/flights", None])
def test_a_fork_gets_no_comment(
    build: Path, github: GitHub, pull_request_job: dict[str, str], head: str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    github.head_repository = head
    github.pull(7, "faster")
    assert run(build, pull_request_job) is Exit.USAGE
    assert github.comments == []
    assert "the run's page" in capsys.readouterr().err


def test_a_figure_that_fits_no_schema_is_shown_as_not_there(
    build: Path, github: GitHub, pull_request_job: dict[str, str]
) -> None:
    github.pull(7, "faster")
    (build / "evaluate" / "decision.json").write_text(json.dumps({"decision": "promote", "reasons": ["trust me"]}))
    assert run(build, pull_request_job) is Exit.PASS
    assert "trust me" not in github.comments[0]["body"]
    assert "Champion and challenger" not in github.comments[0]["body"]


@pytest.mark.parametrize("name", ["evaluate/decision.json", "train/model/model.json", "drift/stage.json"])
def test_a_file_that_is_too_large_is_not_read(
    build: Path, github: GitHub, pull_request_job: dict[str, str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    github.pull(7, "faster")
    (build / name).parent.mkdir(parents=True, exist_ok=True)
    (build / name).write_bytes(b" " * (MOST_JSON_BYTES + 1))
    assert run(build, pull_request_job) is Exit.USAGE
    assert github.comments == []
    assert "at most" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["evaluate/decision.json", "load-test/verdict.json", "drift/verdict.json"])
def test_a_large_file_of_a_wide_table_is_read(
    build: Path, github: GitHub, pull_request_job: dict[str, str], name: str
) -> None:
    """A card of long categories has megabytes: without its comment every such pull request would fail."""
    github.pull(7, "faster")
    with (build / name).open("ab") as file:
        file.write(b" " * 5_000_000)
    assert run(build, pull_request_job) is Exit.PASS
    assert verdict_of(read_results(Build(build))).headline in github.comments[0]["body"]


def test_a_link_out_of_the_artifact_is_not_followed(
    build: Path, github: GitHub, pull_request_job: dict[str, str], tmp_path: Path
) -> None:
    github.pull(7, "faster")
    secret = tmp_path / "secret.json"
    secret.write_text((build / "drift" / "stage.json").read_text().replace("a figure", "a secret"))
    (build / "drift" / "stage.json").unlink()
    (build / "drift" / "stage.json").symlink_to(secret)
    assert run(build, pull_request_job) is Exit.USAGE
    assert github.comments == []


def test_a_failed_chain_is_shown_too(build: Path, github: GitHub, pull_request_job: dict[str, str]) -> None:
    github.pull(7, "faster")
    write_record(write_run(build), "evaluate", "worse than the margin", exit_code=3, verdict="reject")
    assert run(build, pull_request_job) is Exit.PASS
    assert f"❌ {verdict_of(read_results(Build(build))).headline}" in github.comments[0]["body"]


def test_a_refusal_names_the_permission(
    build: Path, github: GitHub, pull_request_job: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    github.pull(7, "faster")
    reason = "Resource not accessible by integration"
    github.faults = [Fault("POST", "/comments", 403, {"message": reason})]
    assert run(build, pull_request_job) is Exit.CRASH
    said = capsys.readouterr().err
    assert "pull-requests: write" in said
    assert f"403 ({reason})" in said
    assert "a-token" not in said


def test_a_schema_that_the_pull_request_changed_is_said_to_be_one(
    github: GitHub, pull_request_job: dict[str, str], tmp_path: Path
) -> None:
    """Its base's code cannot read the new field; every stage has run all the same."""
    build = write_run(tmp_path / "build")
    for path in (build.stage("evaluate") / "decision.json", build.stage("drift") / "stage.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"a new field": 1}))
    github.pull(7, "a-branch", author="a-person")
    assert run(build.root, pull_request_job) is Exit.PASS
    (comment,) = github.comments
    assert "Unfinished" not in comment["body"]
    assert "evaluate/decision.json" in comment["body"]
    assert "| drift | cannot be read here |" in comment["body"]
