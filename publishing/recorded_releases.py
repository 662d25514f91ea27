"""`make recorded-releases`: the releases in the history, newest first, and the one that runs now.

A rollback can name any of these; `make releases` asks the host which of them it still has.

Reads   <HISTORY>/runs, <HISTORY>/champion.json
Writes  a table, to standard output and to the run's page (GITHUB_STEP_SUMMARY)
Exits   0 listed, or nothing was released yet · 2 the folder is missing, or a record is damaged
"""

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.exits import Exit, UsageError
from contracts.history import HistoryEntry
from contracts.outside.markdown import escape as cell
from contracts.release import Champion
from contracts.schema import read_outside_json
from reports.page.summary import table
from reports.site.history.folder import read_run_history

MOST_SHOWN = 30
MOST_BYTES = 100_000
IMAGE = re.compile(r"[A-Za-z0-9./:_-]{1,250}@sha256:[0-9a-f]{64}")


def releases(history: Path) -> list[HistoryEntry]:
    """Runs that deployed, newest first. Raises UsageError."""
    if not history.is_dir():
        raise UsageError(f"{history} is not there. Run `make fetch-history` first.")
    return [entry for entry in reversed(read_run_history(history).entries) if entry.deployed is not None][:MOST_SHOWN]


def render(entries: Sequence[HistoryEntry], champion: Champion | None) -> str:
    """The table as Markdown; every text in it is escaped."""
    if not entries:
        return "Nothing was put into production yet.\n"
    rows = [
        [
            "runs now" if champion is not None and one.deployed.model == champion.model else "",
            one.at,
            one.event,
            cell(one.deployed.model[:19]),
            f"`{image_of(one)}`" if image_of(one) else "not in a registry",
            cell(one.deployed.reason),
        ]
        for one in entries
        if one.deployed is not None
    ]
    return table(["", "when", "by", "model", "image", "why"], rows) + "\n"


def image_of(entry: HistoryEntry) -> str:
    """`name@sha256:…`, or "" for any other text, which a rollback could not use."""
    image = entry.deployed.image if entry.deployed else ""
    if not image and entry.image is not None and entry.image.is_pushed:
        image = entry.image.reference
    return image if IMAGE.fullmatch(image) else ""


def main(environment: Mapping[str, str] = os.environ, arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make recorded-releases", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--history", type=Path, required=True, help="the folder")
    history: Path = parser.parse_args(arguments).history
    try:
        entries = releases(history)
        record = history / "champion.json"
        champion = None
        if record.exists():
            champion = read_outside_json(record, Champion, "make record-champion", MOST_BYTES)
        text = render(entries, champion)
    except UsageError as error:
        print(f"recorded-releases: {error}", file=sys.stderr)
        return Exit.USAGE
    print(text)
    if page := environment.get("GITHUB_STEP_SUMMARY"):
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(text)
    return Exit.PASS
