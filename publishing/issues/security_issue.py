"""`make security-issue`: updates the tracking issue about security from the scheduled run's three audits.

Reads   <build>/audit-*/<what>.json, from artifacts; a missing or unfit file means "could not run"
Writes  one issue, labelled security: opened on a finding, updated, closed when all three are clean
Exits   0 up to date · 1 GitHub's API refuses or does not answer · 2 this is not a job
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from contracts.exits import Exit, UsageError
from contracts.outside.markdown import escape as cell
from contracts.schema import read_outside_json
from publishing.api import repository, run_of
from publishing.audit import Audit, What
from publishing.command import run_command
from publishing.issues.tracking_issue import Answer, Topic, track
from reports.page.summary import table

MOST_BYTES = 2_000_000
MOST_SHOWN = 60
TOPIC = Topic(
    name="security",
    about="Something is known against what this repository uses",
    title_found="Something is known against what this repository uses",
    title_could_not_run="A security audit could not run",
)


def read_audits(build: Path) -> list[Audit]:
    """One for each audit; if its file is missing, not plain, or of another audit, it could not run."""
    audits = []
    for what in get_args(What):
        try:
            audit = read_outside_json(build / f"audit-{what}" / f"{what}.json", Audit, f"make audit-{what}", MOST_BYTES)
            if audit.what != what:
                raise UsageError(f"{what}.json speaks of {audit.what}.")
        except UsageError as error:
            audit = Audit(what=what, state="could not run", subject=what, detail=str(error))
        audits.append(audit)
    return audits


def answer_of(audits: Sequence[Audit]) -> Answer:
    """The worst of the three: found, then could not run, then clean."""
    states = {audit.state for audit in audits}
    text = "\n\n".join(describe(audit) for audit in audits)
    if "found" in states:
        return Answer("found", text)
    return Answer("could not run" if "could not run" in states else "clean", text)


def describe(audit: Audit) -> str:
    """One audit as Markdown; every text in it is escaped."""
    head = f"### {audit.what}: {audit.state}\n\n{cell(audit.subject)}: {cell(audit.detail)}."
    if audit.state == "could not run":
        head += " Whether anything is known against it is not known."
    if audit.without_remedy:
        head += f" Another {audit.without_remedy} without a fixed version yet."
    if not audit.findings:
        return head
    rows = [[cell(one.where), cell(one.what), cell(one.remedy)] for one in audit.findings[:MOST_SHOWN]]
    more = (
        f"\n\n… and {len(audit.findings) - MOST_SHOWN} more: see the run." if len(audit.findings) > MOST_SHOWN else ""
    )
    return f"{head}\n\n{table(['where', 'what', 'remedy'], rows)}{more}"


def security_issue(build: Path, environment: Mapping[str, str]) -> str:
    """Update the issue and return what was done. Raises UsageError and ApiError."""
    run = run_of(environment)
    answer = answer_of(read_audits(build))
    with repository(run, environment, "Keeping the issue about security (issues: write)") as repo:
        return track(repo, TOPIC, answer, run)


def main(environment: Mapping[str, str] = os.environ, arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make security-issue", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    build = parser.parse_args(arguments).build
    return run_command("security-issue", lambda: security_issue(build, environment))
