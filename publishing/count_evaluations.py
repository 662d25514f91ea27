"""`make count-evaluations`: adds this run's evaluation on the holdout to the count in the history.

Every further evaluation on the same holdout has a price (docs/gate.md). So the count must outlive a run, and an
evaluation in a pull request counts like one on main. The run's artifact was written by a pull request's code; it holds
one evaluation, not the count. So it can add one evaluation at most, and neither remove nor renumber any. A run with a
decision must pass its evaluation on. The run's own copy of the count is ignored, and a fork's runs do not count.

Reads   <build>/evaluate/evaluation.json and decision.json (from the artifact), <HISTORY>/evaluations.json
Writes  <HISTORY>/evaluations.json
Exits   0 counted, or nothing new · 2 a decision without its evaluation, or a file that fits no schema
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from contracts.exits import Exit, UsageError
from contracts.schema import MOST_JSON_BYTES, Schema, read_outside_json, write_json
from contracts.stage import Build
from publishing.evaluation_counts import COUNT, merged_counts

# The count itself may have MOST_JSON_BYTES: an evaluation adds 7 kB at most, and none is ever dropped.
MOST_BYTES_OF_AN_EVALUATION = 50_000
EVALUATION = "evaluation.json"
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
HoldoutDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class CountedModel(Schema):
    """One challenger, by the digests of its folder and of its function."""

    model: Digest
    function: Digest


DIGITS, KEPT = 12, 128


class RowSample(Schema):
    """A sample of the holdout's rows, as training/judging/holdout_rows.py writes it."""

    rows: Annotated[int, Field(ge=0, le=10**12)]
    smallest: Annotated[str, Field(pattern=rf"^([0-9a-f]{{{DIGITS}}}){{0,{KEPT}}}$")]

    @model_validator(mode="after")
    def _is_a_sample(self) -> "RowSample":
        """Every later gate compares its rows with these."""
        hashes = [self.smallest[start : start + DIGITS] for start in range(0, len(self.smallest), DIGITS)]
        if len(hashes) != min(self.rows, KEPT) or any(one >= after for one, after in pairwise(hashes)):
            raise ValueError(f"smallest must be the {KEPT} smallest hashes of the rows, each once, in their order")
        return self


Rows = Annotated[tuple[RowSample, ...], Field(max_length=4)]


class Count(Schema):
    """evaluations.json; no other keys are allowed."""

    format_version: Literal[1, 2] = 2
    holdouts: dict[HoldoutDigest, tuple[CountedModel, ...]] = Field(default_factory=dict)
    # Without a most: of each evaluation it keeps what it has not yet, also where an earlier one named other rows.
    rows: dict[HoldoutDigest, tuple[RowSample, ...]] = Field(default_factory=dict)


class Judged(Schema):
    """The part of decision.json used here: a pull request may change its other keys."""

    model_config = ConfigDict(extra="ignore")

    comparisons: tuple[Any, ...]


class Evaluation(Schema):
    """evaluation.json: which challenger was judged on which holdout."""

    format_version: Literal[1] = 1
    holdout: HoldoutDigest
    rows: Rows
    model: Digest
    function: Digest

    def as_count(self) -> Count:
        """A count of this evaluation alone."""
        one = CountedModel(model=self.model, function=self.function)
        return Count(holdouts={self.holdout: (one,)}, rows={self.holdout: self.rows})


def count(evaluated: Path, history: Path) -> str:
    """Add the evaluation if it is new; returns what was done. Raises UsageError."""
    ours = read_outside_json(evaluated, Evaluation, "make evaluate", MOST_BYTES_OF_AN_EVALUATION).as_count()
    kept = Count()
    if history.exists():
        kept = read_outside_json(history, Count, "make count-evaluations", MOST_JSON_BYTES)
    both = Count.model_validate(merged_counts(kept.model_dump(mode="json"), ours.model_dump(mode="json")))
    write_json(history, both)
    return f"{_size(both) - _size(kept)} new, {_size(both)} in all on {len(both.holdouts)} holdouts."


def _size(one: Count) -> int:
    return sum(len(evaluations) for evaluations in one.holdouts.values())


def _has_judged(decision: Path) -> bool:
    """Whether the run scored a challenger on the holdout. Raises UsageError if the decision does not fit."""
    if not decision.exists():
        return False
    return bool(read_outside_json(decision, Judged, "make evaluate", MOST_JSON_BYTES).comparisons)


def main(arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make count-evaluations", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--history", type=Path, required=True, help="the folder")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    asked = parser.parse_args(arguments)
    folder = Build(asked.build).stage("evaluate")
    try:
        if not (folder / EVALUATION).exists() and not _has_judged(folder / "decision.json"):
            print("count-evaluations: no challenger was judged.")
            return Exit.PASS
        print(f"count-evaluations: {count(folder / EVALUATION, asked.history / COUNT)}")
    except UsageError as error:
        print(f"count-evaluations: {error}", file=sys.stderr)
        return Exit.USAGE
    return Exit.PASS
