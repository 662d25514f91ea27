"""Tries to make the service lose, lie or stop, and says what it saw: `make torture`, or `make torture ONLY=kills`.

Each family of faults is a module beside this one; its docstring says what is tried and why. A model folder whose
answers can be worked out is served by the real command, `python -m service`.

Reads   nothing but the code.
Writes  the family's lines of the table in docs/faults.md; the other families' stay.
Exits   0 all figures hold · 3 a figure was missed · 2 a name that is no family, or a program that is not installed.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.faults import (
    bad_models,
    disks,
    endings,
    hostile_input,
    kills,
    overload,
    slow_sockets,
    syncs,
)
from benchmarks.faults.document import DOCUMENT, write_table
from benchmarks.faults.figures import Figure
from benchmarks.faults.service_under_test import pin_the_client
from contracts.exits import Exit, UsageError

FAMILIES: dict[str, Callable[[Path], list[Figure]]] = {
    "hostile": hostile_input.run,
    "models": bad_models.run,
    "slow": slow_sockets.run,
    "kills": kills.run,
    "disks": disks.run,
    "syncs": syncs.run,
    "endings": endings.run,
    "overload": overload.run,
}


def main(arguments: Sequence[str] | None = None) -> Exit:
    """Run the families asked for and return the exit code."""
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", default="", help=f"one family of: {', '.join(FAMILIES)}")
    asked: str = parser.parse_args(arguments).only
    try:
        figures = run(asked)
    except UsageError as error:
        print(error, file=sys.stderr)
        return Exit.USAGE
    document = write_table(figures, tuple(FAMILIES), DOCUMENT)
    missed = [one for lines in figures.values() for one in lines if not one.holds]
    held = sum(1 for lines in figures.values() for one in lines if one.required) - len(missed)
    print(f"\n{held} figures hold, {len(missed)} missed; {document} written")
    for one in missed:
        print(one)
    return Exit.FINDING if missed else Exit.PASS


def run(only: str = "") -> dict[str, list[Figure]]:
    """Each family's figures, printed as they come. Raises UsageError."""
    if only and only not in FAMILIES:
        raise UsageError(f"ONLY is {only!r}; required: one of {', '.join(FAMILIES)}.")
    print(f"torture: {pin_the_client()}", flush=True)
    figures = {}
    for family in [only] if only else FAMILIES:
        print(f"\n== {family}", flush=True)
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="torture-") as folder:
            figures[family] = FAMILIES[family](Path(folder))
        for one in figures[family]:
            print(one)
        print(f"  {time.monotonic() - started:.0f} s", flush=True)
    return figures


if __name__ == "__main__":
    sys.exit(main())
