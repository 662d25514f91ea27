"""history: appends this run to the folder that a workflow keeps on a branch of its own, and prunes old runs.

    make history HISTORY=history                     what build/ holds: a run of the chain, a drift check, or a rollback
    make history HISTORY=history EVENT=drift         only the drift verdict, of a build/ that holds more

Every file is checked for its kind, size and schema before it is read. A repeated workflow run replaces its earlier
entry. docs/site.md says how the branch is kept.

Reads   stage.json and the verdicts under build/, build/drills if it exists; GITHUB_* and RUN_TITLE.
Writes  <HISTORY>/runs/<year>/<id>.json, <HISTORY>/kept/<id>/ (the last runs in full), <HISTORY>/drills/.
Exits   0 appended · 2 a file is missing, too large, or not what its stage writes; nothing is written
"""

import argparse
import datetime as dt
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from contracts.exits import Exit, UsageError
from contracts.history import EventName
from contracts.stage import Build
from reports.site.history.drill_tables import copy_drill_tables
from reports.site.history.entry import entry_of, event_of
from reports.site.history.folder import append, check_kept, keep, prune
from reports.site.history.workflow_run import workflow_run


def remember(history: Path, build: Build, event: EventName, at: dt.datetime, environment: Mapping[str, str]) -> str:
    """Append, keep in full, prune; returns the sentence to print. Raises UsageError before it writes anything."""
    moment = at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    entry = entry_of(build, event, moment, workflow_run(environment))
    check_kept(build, event)
    copy_drill_tables(build.root / "drills", history / "drills")
    path = append(history, entry)
    kept = keep(entry, build, history / "kept" / entry.id)
    gone = prune(history)
    pruned = f", {len(gone)} older pruned" if gone else ""
    return f"{path} written ({path.stat().st_size:,} bytes); {kept / 1e6:.1f} MB kept in full{pruned}."


def main(arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="make history", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--history", required=True, help="the folder")
    parser.add_argument("--event", default="", choices=["", *get_args(EventName)], help="default: what build/ holds")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    parser.add_argument("--at", default="", help="when the run took place, in ISO 8601; default: now")
    asked = parser.parse_args(arguments)
    try:
        if not asked.history:
            raise UsageError("HISTORY is empty. Name the folder: make history HISTORY=history")
        build = Build(asked.build)
        event = asked.event or event_of(build)
        said = remember(Path(asked.history), build, event, _moment(asked.at), os.environ)
        print(f"history: {said}")
    except UsageError as error:
        print(f"history: {error}", file=sys.stderr)
        return Exit.USAGE
    return Exit.PASS


def _moment(text: str) -> dt.datetime:
    if not text:
        return dt.datetime.now(dt.UTC)
    try:
        seen = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"AT is {text!r}; write a moment as 2026-11-23T05:17:00Z.") from None
    return seen if seen.tzinfo else seen.replace(tzinfo=dt.UTC)
