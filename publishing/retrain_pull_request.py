"""`make retrain-pr`: if `make retrain` moved data.as_of, opens a pull request with that change.

Retraining is a pull request that changes one line: its effect on the metrics is shown before it is merged. Runs of a
pull request opened with a workflow's token wait for a person's approval (GitHub, since June 2026); its text says so.
Only one is open at a time.

Reads   pipeline.toml here and in the last commit; <build>/drift/retrain.md for the reasons; GitHub's API
Writes  a branch retrain/<day> with one commit, its pull request
Exits   0 opened, open already, or nothing is due · 1 GitHub's API refuses or does not answer ·
        2 pipeline.toml changed in more than data.as_of
"""

import argparse
import os
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from github import GithubException
from github.PullRequest import PullRequest
from github.Repository import Repository

from contracts.exits import Exit, UsageError
from contracts.pipeline_toml.edits import with_data_value
from contracts.schema import require_file
from contracts.stage import Build
from publishing.api import BOT, Run, repository, run_of
from publishing.as_of import day_of
from publishing.command import run_command

PREFIX = "retrain/"
MOST_BYTES = 50_000
UNPROCESSABLE = 422


def due_day(config: Path) -> str:
    """The day to which data.as_of was moved since the last commit; "" if it was not. Raises UsageError."""
    done = subprocess.run(["git", "show", f"HEAD:./{config.name}"], cwd=config.resolve().parent, capture_output=True,
                          errors="replace", check=False)  # fmt: skip
    if done.returncode != 0:
        raise UsageError(f"{config} is in no commit: what would the pull request change?")
    now = config.read_text(encoding="utf-8")
    if now == done.stdout:
        return ""
    day = day_of(str(tomllib.loads(now)["data"]["as_of"]))
    if with_data_value(done.stdout, "as_of", day.isoformat()) != now:
        raise UsageError(f"{config} differs from the last commit in more than data.as_of. Undo that first.")
    return day.isoformat()


def reasons(build: Build) -> str:
    """The text that `make retrain` wrote in this job. Raises UsageError if it is not a plain file, or too large."""
    path = build.stage("drift") / "retrain.md"
    if not path.exists():
        return ""
    require_file(path, "make retrain", MOST_BYTES)
    return path.read_text(encoding="utf-8", errors="replace")


def open_pull_request(repo: Repository) -> PullRequest | None:
    """The open retrain pull request, if there is one."""
    for one in repo.get_pulls(state="open", sort="created", direction="desc"):
        if one.user.login == BOT and one.head.ref.startswith(PREFIX):
            return one
    return None


def open_or_find(repo: Repository, config: Path, day: str, body: str) -> str:
    """Create branch, commit and pull request; an interrupted run may have left some of them."""
    waiting = open_pull_request(repo)
    if waiting is not None:
        return f"#{waiting.number} is open already; nothing else is asked for."
    branch, title = f"{PREFIX}{day}", f"Retrain as of {day}"
    base = repo.default_branch
    _branch_from(repo, base, branch)
    text = config.read_text(encoding="utf-8")
    held = repo.get_contents(config.name, ref=branch)
    assert not isinstance(held, list)
    if held.decoded_content.decode("utf-8") != text:
        repo.update_file(config.name, title, text, held.sha, branch=branch)
    made = repo.create_pull(base=base, head=branch, title=title, body=body)
    return f"opened #{made.number}; its runs wait for approval."


def _branch_from(repo: Repository, base: str, branch: str) -> None:
    commit = repo.get_branch(base).commit.sha
    try:
        repo.create_git_ref(f"refs/heads/{branch}", commit)
    except GithubException as error:
        if error.status != UNPROCESSABLE:  # it is there already
            raise


def body_of(run: Run, day: str, why: str) -> str:
    """The pull request's text."""
    return (
        f"This moves `data.as_of` to {day}: the model is trained on rows up to then and compared with the champion on "
        f"the newest holdout. [A scheduled run]({run.url}) asks for it, because:\n\n{why or '- no reason given'}\n\n"
        "Press **Approve workflows to run**: GitHub lets no workflow start one by itself. A comment then says what it "
        "does to the metrics. Merging deploys it; closing this asks for nothing more until the cooldown is over."
    )


def retrain_pull_request(config: Path, build: Build, environment: Mapping[str, str]) -> str:
    """Open the pull request if due; returns what was done. Raises UsageError and ApiError."""
    day = due_day(config)
    if not day:
        return "no retrain is due."
    run = run_of(environment)
    body = body_of(run, day, reasons(build))
    doing = "Asking for a retrain (contents and pull-requests: write)"
    with repository(run, environment, doing) as repo:
        return open_or_find(repo, config, day, body)


def main(environment: Mapping[str, str] = os.environ, arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make retrain-pr", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"), help="default: pipeline.toml")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    asked = parser.parse_args(arguments)
    return run_command("retrain-pr", lambda: retrain_pull_request(asked.config, Build(asked.build), environment))
