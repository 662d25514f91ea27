"""The retrain's pull request: one line moved, one at a time."""

from pathlib import Path

import pytest

from contracts.exits import Exit
from publishing import as_of
from publishing.retrain_pull_request import main
from tests.publishing.github_server import Fault, GitHub, asked
from tests.publishing.repositories import CONFIG, clone, make_remote

DUE = CONFIG.replace("2013-10-01", "2013-11-01")


@pytest.fixture
def checkout(tmp_path: Path, github: GitHub) -> Path:
    """A clone, and the same files on the server's main."""
    github.branches["main"] = {"pipeline.toml": CONFIG}
    return clone(make_remote(tmp_path), tmp_path / "checkout")


def run(checkout: Path, job: dict[str, str]) -> Exit:
    return main(job, ["--config", str(checkout / "pipeline.toml"), "--build", str(checkout / "build")])


def due(checkout: Path, text: str = DUE) -> None:
    (checkout / "pipeline.toml").write_text(text)
    (checkout / "build" / "drift").mkdir(parents=True, exist_ok=True)
    (checkout / "build" / "drift" / "retrain.md").write_text("3 of 4 windows drifted.")


def test_it_moves_one_line_on_a_branch_and_says_that_its_runs_wait(
    checkout: Path, github: GitHub, job: dict[str, str]
) -> None:
    due(checkout)
    assert run(checkout, job) is Exit.PASS
    assert github.branches["retrain/2013-11-01"] == {"pipeline.toml": DUE}
    assert github.branches["main"] == {"pipeline.toml": CONFIG}
    assert [(one["title"], one["base"]["ref"]) for one in github.pulls] == [("Retrain as of 2013-11-01", "main")]
    assert "Approve workflows to run" in github.pulls[0]["body"]
    assert "3 of 4 windows" in github.pulls[0]["body"]


def test_where_nothing_is_due_nobody_is_asked(checkout: Path, github: GitHub, job: dict[str, str]) -> None:
    assert run(checkout, job) is Exit.PASS
    assert github.requests == []


def test_one_is_open_at_a_time(checkout: Path, github: GitHub, job: dict[str, str]) -> None:
    for number in range(1, 4):
        github.pull(number, f"feature-{number}", author="a-person")
    github.pull(9, "retrain/2013-10-15")
    due(checkout)
    assert run(checkout, job) is Exit.PASS
    assert {method for method, _ in github.requests} == {"GET"}


def test_a_persons_branch_of_that_name_is_not_taken_for_ours(
    checkout: Path, github: GitHub, job: dict[str, str]
) -> None:
    github.pull(9, "retrain/by-hand", author="a-person")
    due(checkout)
    assert run(checkout, job) is Exit.PASS
    assert len(github.pulls) == 2


def test_a_run_that_ended_half_way_is_taken_up_again(checkout: Path, github: GitHub, job: dict[str, str]) -> None:
    due(checkout)
    github.faults = [Fault("POST", "/pulls", 422, {"message": "Validation Failed"})]
    assert run(checkout, job) is Exit.CRASH
    assert run(checkout, job) is Exit.PASS
    assert len(github.pulls) == 1
    assert len(asked(github, "PUT", "/contents/")) == 1


def test_actions_that_may_not_open_pull_requests_are_told_the_setting(
    checkout: Path, github: GitHub, job: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    due(checkout)
    said = {"message": "GitHub Actions is not permitted to create or approve pull requests."}
    github.faults = [Fault("POST", "/pulls", 403, said)]
    assert run(checkout, job) is Exit.CRASH
    assert "docs/github.md" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        DUE.replace("seed = 7", "seed = 8"),
        DUE.replace('source = "x"', 'source = "https://evil.example"'),
        DUE + "\n[features]\n",
        CONFIG.replace("seed = 7", "seed = 8"),
    ],
)
def test_a_change_of_anything_else_is_refused(
    checkout: Path, github: GitHub, job: dict[str, str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    due(checkout, text)
    assert run(checkout, job) is Exit.USAGE
    assert github.requests == []
    assert "more than data.as_of" in capsys.readouterr().err


def test_reasons_that_are_too_long_or_a_link_are_refused(checkout: Path, github: GitHub, job: dict[str, str]) -> None:
    due(checkout)
    reasons = checkout / "build" / "drift" / "retrain.md"
    reasons.write_text("x" * 50_001)
    assert run(checkout, job) is Exit.USAGE
    reasons.unlink()
    reasons.symlink_to(checkout / "pipeline.toml")
    assert run(checkout, job) is Exit.USAGE
    assert github.requests == []


def test_as_of_moves_one_line_and_keeps_its_comment(tmp_path: Path) -> None:
    config = tmp_path / "pipeline.toml"
    config.write_text(CONFIG.replace("2013-10-01", "2013-10-01 # today") + "[other]\nas_of = 2000-01-01\n")
    assert as_of.main({"AS_OF": "2014-01-31"}, ["--config", str(config)]) is Exit.PASS
    assert "as_of = 2014-01-31 # today\n" in config.read_text()
    assert "[other]\nas_of = 2000-01-01\n" in config.read_text()


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2013-13-01", "2013-11-01\n[data]", "$(id)", "2013-11-1", "２013-11-01"]
)
def test_a_day_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    config = tmp_path / "pipeline.toml"
    config.write_text(CONFIG)
    assert as_of.main({"AS_OF": text}, ["--config", str(config)]) is Exit.USAGE
    assert config.read_text() == CONFIG
