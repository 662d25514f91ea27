"""`make job-summary`: shows a run's results on its page: the metric diff, the drills, the rollout.

Each is Markdown that its stage made from figures, with every text from outside escaped. GitHub shows at most 1 MiB.

Reads   build/report/summary.md, drills/table.md, deploy/rehearsal.md, deploy/rollout.md, drift/drift.md, if they exist
Writes  the file that GITHUB_STEP_SUMMARY names; standard output where it names none
Exits   0 written, or there is nothing to show
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.exits import Exit

PARTS = ("report/summary.md", "drills/table.md", "deploy/rehearsal.md", "deploy/rollout.md", "drift/drift.md")
MOST_BYTES = 1024 * 1024 - 1024


def main(environment: Mapping[str, str] = os.environ, arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make job-summary", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    build = parser.parse_args(arguments).build
    parts = [text for part in PARTS if (text := _text(build / part))]
    if not parts:
        print(f"job-summary: nothing to show: none of {', '.join(PARTS)} is in {build}.")
        return Exit.PASS
    summary = "\n".join(parts).encode()[:MOST_BYTES].decode("utf-8", errors="ignore")
    if shown := environment.get("GITHUB_STEP_SUMMARY"):
        with Path(shown).open("a", encoding="utf-8") as file:
            file.write(summary)
        print(f"job-summary: {len(summary.encode()):,} bytes of {len(parts)} parts are on the run's page.")
    else:
        print(summary)
    return Exit.PASS


def _text(path: Path) -> str:
    """The file's beginning; "" if it is missing or not a plain file."""
    if not path.is_file() or path.is_symlink():
        return ""
    with path.open("rb") as file:
        return file.read(MOST_BYTES).decode("utf-8", errors="replace")
