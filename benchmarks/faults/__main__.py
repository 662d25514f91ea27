"""Tries to make the service lose data, answer wrongly or stop: `make torture`, or `make torture ONLY=kills`.

Each family of faults is a module in families/; its docstring says what is tried and why. The real command,
`python -m service`, serves a model folder whose answers can be computed.

Reads   nothing but the code.
Writes  the family's lines of the table in docs/faults.md; other families' lines stay.
Exits   0 all figures hold · 3 a figure was missed · 2 not a family's name, or a program is not installed.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.faults.document import DOCUMENT, write_table
from benchmarks.faults.families import (
    bad_models,
    disks,
    edge_overload,
    endings,
    framing,
    fuzz,
    hostile_input,
    kills,
    overload,
    slow_sockets,
    syncs,
    unread,
)
from benchmarks.faults.figure import Figure
from benchmarks.faults.service_under_test import pin_the_client
from contracts.exits import Exit, UsageError

FAMILIES: dict[str, Callable[[Path], list[Figure]]] = {
    "hostile": hostile_input.run,
    "framing": framing.run,
    "fuzz": fuzz.run,
    "models": bad_models.run,
    "slow": slow_sockets.run,
    "unread": unread.run,
    "kills": kills.run,
    "disks": disks.run,
    "syncs": syncs.run,
    "endings": endings.run,
    "overload": lambda folder: [*overload.run(folder / "alone"), *edge_overload.run(folder / "edge")],
}


def main(arguments: Sequence[str] | None = None) -> Exit:
    """Run the families asked for and return the exit code."""
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", default="", help=f"one or more families of: {', '.join(FAMILIES)}")
    try:
        figures = run(families_in(parser.parse_args(arguments).only))
    except UsageError as error:
        print(error, file=sys.stderr)
        return Exit.USAGE
    missed = [one for one in figures if not one.holds]
    held = sum(bool(one.required) for one in figures) - len(missed)
    print(f"\n{held} figures hold, {len(missed)} missed; see docs/{DOCUMENT.name}")
    for one in missed:
        print(one)
    return Exit.FINDING if missed else Exit.PASS


def families_in(only: str) -> list[str]:
    """The names in ONLY, or all. Raises UsageError for an unknown name."""
    asked = only.split() or list(FAMILIES)
    for name in asked:
        if name not in FAMILIES:
            raise UsageError(f"ONLY names {name!r}; required: of {', '.join(FAMILIES)}.")
    return asked


def run(families: Sequence[str]) -> list[Figure]:
    """Run the families; print and write the figures of each. Raises UsageError."""
    print(f"torture: {pin_the_client()}", flush=True)
    everything = []
    for family in families:
        print(f"\n== {family}", flush=True)
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="torture-") as folder:
            figures = FAMILIES[family](Path(folder))
        for one in figures:
            print(one)
        print(f"  {time.monotonic() - started:.0f} s", flush=True)
        write_table(family, figures, tuple(FAMILIES), DOCUMENT)
        everything += figures
    return everything


if __name__ == "__main__":
    sys.exit(main())
