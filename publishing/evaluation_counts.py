"""evaluations.json as the branch `history` has it: how two counts become one, and damaged ones are refused.

count_evaluations.py has the schema that a run's own evaluation must fit. Here a count of any format so far is read, as
far as merging needs it, and what else it has is kept.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from contracts.schema import MOST_JSON_BYTES, read_outside_json

COUNT = "evaluations.json"
# The file's earlier name; still read.
OLD_COUNT = "tries.json"


class DamagedCountError(Exception):
    """Not a count; the text says where."""


class Counted(BaseModel):
    """One counted evaluation."""

    model_config = ConfigDict(extra="allow")

    function: str


class Counts(BaseModel):
    """A count."""

    model_config = ConfigDict(extra="allow")

    holdouts: dict[str, list[Counted]] = {}
    rows: dict[str, list[JsonValue]] = {}


def read_counts(path: Path) -> dict[str, Any]:
    """The count in a file. Raises UsageError."""
    return read_outside_json(path, Counts, "make count-evaluations", MOST_JSON_BYTES).model_dump(mode="json")


def counts_in(text: str) -> dict[str, Any]:
    """The count in a text. Raises DamagedCountError."""
    try:
        return Counts.model_validate_json(text).model_dump(mode="json")
    except ValidationError as error:
        raise DamagedCountError(error.errors()[0]["msg"]) from None


def merged_counts(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Both counts of evaluations: theirs keep their numbers, ours come after. A function counts once on each holdout.

    A holdout keeps every sample of its rows: a run could otherwise be the first to name a holdout, with other rows, and
    evaluations on it would have no price where the holdout moves by a day.
    """
    holdouts = {holdout: list(evaluations) for holdout, evaluations in theirs.get("holdouts", {}).items()}
    for holdout, evaluations in ours.get("holdouts", {}).items():
        counted = holdouts.setdefault(holdout, [])
        known = {one["function"] for one in counted}
        counted.extend(one for one in evaluations if one["function"] not in known)
    rows = {holdout: list(samples) for holdout, samples in theirs.get("rows", {}).items()}
    for holdout, samples in ours.get("rows", {}).items():
        kept = rows.setdefault(holdout, [])
        kept.extend(one for one in samples if one not in kept)
    return {**theirs, "format_version": 2, "holdouts": holdouts, "rows": rows}
