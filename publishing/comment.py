"""`make comment`: the metric diff as one comment on the pull request, written once and then updated in place.

The base's code makes the text from figures that this job parses itself: each file of the artifacts is first checked for
its kind, size and schema. No Markdown of another job is used.

Reads   <build>/{data,train,evaluate,image,load-test,drift}: stage.json and verdicts; GITHUB_*; GitHub's API
Writes  one comment of this workflow on the pull request; a second one, left by a retry, is deleted
Exits   0 written, or no pull request is open · 1 GitHub's API refuses or does not answer · 2 no job, a file too large
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from github.PullRequest import PullRequest
from github.Repository import Repository

from contracts.exits import Exit, UsageError
from contracts.schema import MOST_JSON_BYTES, require_file
from contracts.stage import CHAIN, Build
from publishing.api import BOT, Run, repository, run_of
from publishing.command import run_command
from reports.page.summary import render_summary
from reports.results import read_results

MARKER = "<!-- gatehouse: the pipeline's figures -->"
READ = ("data/data.json", "train/model/model.json", "evaluate/decision.json", "load-test/verdict.json",
        "drift/verdict.json", "image/image.json", "image/stage.json",
        *(f"{stage}/stage.json" for stage in CHAIN))  # fmt: skip


def text_of(build: Build, run: Run, commit: str) -> str:
    """The comment. Raises UsageError for a file that is not a plain one, or too large."""
    for name in READ:
        if (build.root / name).is_symlink() or (build.root / name).exists():
            require_file(build.root / name, "make pipeline", MOST_JSON_BYTES)
    foot = f"<sub>Commit {commit[:12]}, [this run with its page and plots]({run.url}).</sub>"
    return f"{MARKER}\n{render_summary(read_results(build), 'pull request')}\n{foot}\n"


def pull_request_of(run: Run, repo: Repository) -> PullRequest | None:
    """The event's pull request; for a manual run, the open one of its branch."""
    number = run.event.get("pull_request", {}).get("number")
    if isinstance(number, int):
        return repo.get_pull(number)
    owner = run.repository.partition("/")[0]
    return next(iter(repo.get_pulls(state="open", head=f"{owner}:{run.branch}")), None)


def write_comment(pull_request: PullRequest, text: str) -> str:
    """Update this workflow's comment, or create it; returns what was done."""
    comments = [one for one in pull_request.get_issue_comments() if one.user.login == BOT]
    ours = [one for one in comments if one.body.startswith(MARKER)]
    for superfluous in ours[1:]:
        superfluous.delete()
    if not ours:
        pull_request.create_issue_comment(text)
        return "written"
    ours[0].edit(text)
    return "updated"


def comment(build: Build, environment: Mapping[str, str]) -> str:
    """Write the comment and return what was done. Raises UsageError and ApiError."""
    run = run_of(environment)
    with repository(run, environment, "Commenting on the pull request (pull-requests: write)") as repo:
        pull_request = pull_request_of(run, repo)
        if pull_request is None:
            return "no pull request is open for this branch; nothing to do."
        if pull_request.head.repo is None or pull_request.head.repo.full_name != run.repository:
            raise UsageError("This pull request comes from a fork: its figures are on the run's page.")
        done = write_comment(pull_request, text_of(build, run, pull_request.head.sha))
        return f"{done} on #{pull_request.number}."


def main(environment: Mapping[str, str] = os.environ, arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make comment", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    build = Build(parser.parse_args(arguments).build)
    return run_command("comment", lambda: comment(build, environment))
