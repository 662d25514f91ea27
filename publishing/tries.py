"""`make count-tries`: puts the challenger that this run judged into the history's count of tries.

Looking twice at the same holdout has a price (docs/gate.md), so the count must outlive a run, and a look by a pull
request counts like one on main. What comes from the run is its whole count, out of an artifact that a pull request's
code wrote: it is checked, and only what is new in it is added. It cannot take a try away, nor renumber one.

Reads   <build>/evaluate/tries.json (out of the artifact), <HISTORY>/tries.json
Writes  <HISTORY>/tries.json
Exits   0 counted, or nothing new · 2 a file that is no count of tries, or adds more than one run can
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from contracts.exits import Exit, UsageError
from contracts.schema import Schema, read_outside_json, write_json
from contracts.stage import Build
from publishing.history_branch import TRIES, united

MOST_BYTES = 2_000_000
# A run begins with the history's count and judges one challenger. Twenty forged looks would fail every later model.
MOST_NEW = 1
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
HoldoutDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Counted(Schema):
    """One challenger, by the digest of its folder and of what it computes."""

    model: Digest
    function: Digest


class Count(Schema):
    """tries.json, as strictly as it is written."""

    format_version: Literal[1] = 1
    holdouts: dict[HoldoutDigest, tuple[Counted, ...]] = Field(default_factory=dict)


def count(judged: Path, history: Path) -> str:
    """Add what is new and say what it was. Raises UsageError."""
    ours = read_outside_json(judged, Count, "make evaluate", MOST_BYTES)
    kept = Count()
    if history.exists():
        kept = read_outside_json(history, Count, "make count-tries", MOST_BYTES)
    both = Count.model_validate(united(kept.model_dump(mode="json"), ours.model_dump(mode="json")))
    new = _size(both) - _size(kept)
    if new > MOST_NEW:
        raise UsageError(f"{judged} adds {new} tries; one run adds {MOST_NEW}. Nothing was counted.")
    write_json(history, both)
    return f"{new} new, {_size(both)} in all on {len(both.holdouts)} holdouts."


def _size(one: Count) -> int:
    return sum(len(tries) for tries in one.holdouts.values())


def main(arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make count-tries", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--history", type=Path, required=True, help="the folder")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    asked = parser.parse_args(arguments)
    judged = Build(asked.build).stage("evaluate") / TRIES
    try:
        if not judged.exists():
            print("count-tries: no challenger was judged.")
            return Exit.PASS
        print(f"count-tries: {count(judged, asked.history / TRIES)}")
    except UsageError as error:
        print(f"count-tries: {error}", file=sys.stderr)
        return Exit.USAGE
    return Exit.PASS
