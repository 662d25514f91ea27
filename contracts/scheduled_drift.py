"""The files of the scheduled drift check: the requests it fetched, a verdict for each window, and retrains.

build/requests/requests.json                 RequestsBrought
<history>/drift/20131030T235900Z-<id>.json    DriftWindow, one per window and model: a window judged twice counts once
<history>/retrains/20131101T043700Z.json      Retrain, one for each that was due
build/drift/retrain.json                      RetrainDecision
"""

import datetime as dt
from operator import not_
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from contracts.schema import Schema
from contracts.verdict import DriftState, LabelledDay, PerformanceOutcome

REQUESTS_FILE = "requests.json"


def _without_zone(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment


# Moments are compared with each other, so all of them are UTC without a zone, as jobs write them.
Moment = Annotated[dt.datetime, AfterValidator(_without_zone)]


class RequestsBrought(Schema):
    """The source of the log in build/requests. `first`, `last`: the window, ISO 8601; for a replay the table's time.

    `torn_lines`: last lines without an end. `refused_lines`: complete lines that are no record of format 1.
    `parquet`, `parquet_labels`: files of a log in Parquet, which are read where they are.
    """

    format_version: Literal[1] = 1
    kind: Literal["export", "bucket", "file", "replay"]
    about: str
    first: str
    last: str
    days: int
    predictions: int
    labels: int
    torn_lines: int = 0
    refused_lines: int = 0
    left_out: int = 0
    parquet: Annotated[tuple[str, ...], Field(exclude_if=not_)] = ()
    parquet_labels: Annotated[tuple[str, ...], Field(exclude_if=not_)] = ()


class DriftWindow(Schema):
    """The verdict of one window. `first`, `last`: as in RequestsBrought."""

    format_version: Literal[1] = 1
    model: str
    first: Moment
    last: Moment
    rows: int
    state: DriftState
    inputs: DriftState
    predictions: DriftState
    performance: PerformanceOutcome | None = None
    labelled_days: tuple[LabelledDay, ...] = ()


class Retrain(Schema):
    """A retrain that was requested. `at`: when, UTC."""

    format_version: Literal[1] = 1
    at: Moment
    model: str
    as_of_before: dt.date
    as_of: dt.date


class RetrainDecision(Schema):
    """Whether a retrain is due, why, and from which day to which `data.as_of` moves (None where it stays)."""

    format_version: Literal[1] = 1
    is_due: bool
    reasons: tuple[str, ...]
    model: str
    as_of_before: dt.date | None = None
    as_of: dt.date | None = None
