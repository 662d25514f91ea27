"""`make drift-issue`: updates the tracking issue about drift from the scheduled run's verdict.

Reads   <build>/drift/stage.json and verdict.json, and <build>/requests/stage.json, from an artifact; missing or unfit
        files mean "could not run"
Writes  one issue, labelled drift: opened on a finding, updated, closed when stable
Exits   0 up to date · 1 GitHub's API refuses or does not answer · 2 this is not a job
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.exits import Exit, UsageError
from contracts.outside.markdown import escape as cell
from contracts.schema import read_outside_json
from contracts.stage import Build, StageRecord
from contracts.verdict import DriftVerdict
from publishing.api import repository, run_of
from publishing.command import run_command
from publishing.issues.tracking_issue import Answer, Topic, track
from reports.page.summary import table

MOST_BYTES = 2_000_000
TOPIC = Topic(
    name="drift",
    about="What production is asked, or how well its model answers, has moved",
    title_found="Drift in production",
    title_could_not_run="Drift could not be judged",
)
COULD_NOT_RUN = (
    "The scheduled run ended before there was a verdict. This says nothing about drift: it is not known. "
    "The run's log has the reason"
)


def answer_of(build: Build) -> Answer:
    """The answer in the artifact."""
    folder = build.stage("drift")
    if not (folder / "stage.json").exists():
        return Answer("could not run", f"{COULD_NOT_RUN}{_why_no_requests(build)}.")
    try:
        record = read_outside_json(folder / "stage.json", StageRecord, "make scheduled-drift", MOST_BYTES)
    except UsageError as error:
        return Answer("could not run", f"{COULD_NOT_RUN}: {cell(str(error))}")
    if record.exit_code not in (Exit.PASS, Exit.FINDING):
        return Answer("could not run", f"{COULD_NOT_RUN}: {cell(record.verdict)}. {cell(record.headline)}")
    try:
        verdict = read_outside_json(folder / "verdict.json", DriftVerdict, "make scheduled-drift", MOST_BYTES)
    except UsageError as error:
        return Answer("could not run", f"{COULD_NOT_RUN}: {cell(str(error))}")
    text = f"**{cell(record.verdict)}** {cell(record.headline)}\n\n{describe(verdict)}"
    if record.exit_code == Exit.FINDING:
        return Answer("found", text)
    return Answer("clean" if verdict.state == "stable" else "undecided", text)


def _why_no_requests(build: Build) -> str:
    """What stopped `make requests`, the command before the check; empty if it passed or did not run."""
    try:
        record = read_outside_json(build.stage("requests") / "stage.json", StageRecord, "make requests", MOST_BYTES)
    except UsageError:
        return ""
    said = cell(record.headline.rstrip("."))
    return f", from `make requests`: {said}" if record.exit_code != Exit.PASS else ""


def describe(verdict: DriftVerdict) -> str:
    """The verdict as Markdown; every text in it is escaped."""
    if verdict.first_run:
        return "Nothing of this project is in production yet, so there is nothing to judge."
    about = (
        f"{verdict.current_rows:,} requests, {cell(verdict.current_first)} to {cell(verdict.current_last)}, against "
        f"{verdict.reference_rows:,} rows of the reference of model {cell(verdict.model[:19])}. "
        f"Inputs: **{cell(verdict.inputs)}**, predictions: **{cell(verdict.predictions)}**."
    )
    parts = [about, *(f"- {cell(reason)}" for reason in verdict.reasons)]
    if verdict.performance:
        seen = verdict.performance
        parts.append(
            f"\n{cell(seen.metric)} on {seen.labels:,} labels: {seen.current:.4f}, {seen.reference:.4f} when trained."
        )
    moved = [one for one in verdict.columns if one.drifted]
    if moved:
        rows = [[cell(one.column), one.kind, f"{one.distance:.3f}", f"{one.threshold:g}"] for one in moved]
        parts += ["", table(["column", "kind", "distance", "threshold"], rows)]
    return "\n".join(parts)


def drift_issue(build: Build, environment: Mapping[str, str]) -> str:
    """Update the issue and return what was done. Raises UsageError and ApiError."""
    run = run_of(environment)
    answer = answer_of(build)
    with repository(run, environment, "Keeping the issue about drift (issues: write)") as repo:
        return track(repo, TOPIC, answer, run)


def main(environment: Mapping[str, str] = os.environ, arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make drift-issue", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    build = Build(parser.parse_args(arguments).build)
    return run_command("drift-issue", lambda: drift_issue(build, environment))
