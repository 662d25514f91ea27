"""Drift lasts if k of the last m windows drifted: the pure rules, and the folder that keeps earlier windows.

A single window drifts by chance, or because of one stormy day. Only windows of the same model count, newest first. Of
two that share more than half of the shorter one's time only the newer counts, so that a job run twice, or the same
window replayed every night, does not count as lasting. Windows with too few rows are skipped.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from contracts.pipeline_toml.keys import Drift
from contracts.scheduled_drift import DriftWindow, Retrain
from contracts.schema import read_outside_json, write_json
from contracts.verdict import Persistence

WINDOWS_FOLDER = "drift"
RETRAINS_FOLDER = "retrains"
# More than a year of daily windows; each is 300 bytes.
MOST_WINDOWS = 500
MOST_BYTES = 1_000_000

Remembered = TypeVar("Remembered", bound=BaseModel)


def persistence_of(drift: Drift, this: DriftWindow, earlier: Iterable[DriftWindow]) -> Persistence:
    """How many windows up to `this` drifted. `earlier` may include this window, and windows of any model."""
    taken = [this]
    before = [
        one for one in earlier if one.model == this.model and one.state != "insufficient" and one.last <= this.last
    ]
    for one in sorted(before, key=lambda window: window.last, reverse=True):
        if len(taken) < drift.of_windows and not _is_mostly_shared(one, taken[-1]):
            taken.append(one)
    drifted = sum(one.state == "drift" for one in taken)
    return Persistence(
        windows=len(taken),
        drifted=drifted,
        needed=drift.lasting_windows,
        of_windows=drift.of_windows,
        is_lasting=this.state == "drift" and drifted >= drift.lasting_windows,
    )


def _is_mostly_shared(one: DriftWindow, other: DriftWindow) -> bool:
    shared = min(one.last, other.last) - max(one.first, other.first)
    shorter = min(one.last - one.first, other.last - other.first)
    return shared >= shorter / 2 and shared >= dt.timedelta(0)


def read_windows(history: Path) -> tuple[DriftWindow, ...]:
    """All recorded windows. Raises UsageError if a file there is too large or has another schema."""
    return _read(history / WINDOWS_FOLDER, DriftWindow, "make scheduled-drift")


def read_retrains(history: Path) -> tuple[Retrain, ...]:
    """All recorded retrains. Raises UsageError if a file there has another schema."""
    return _read(history / RETRAINS_FOLDER, Retrain, "make retrain")


def remember_window(history: Path, window: DriftWindow) -> None:
    """Write it under its last moment and model, replacing an earlier verdict on it; delete the oldest."""
    name = f"{window.last:%Y%m%dT%H%M%SZ}-{window.model.removeprefix('sha256:')[:12]}.json"
    write_json(history / WINDOWS_FOLDER / name, window)
    for old in sorted((history / WINDOWS_FOLDER).glob("*.json"))[:-MOST_WINDOWS]:
        old.unlink()


def remember_retrain(history: Path, retrain: Retrain) -> None:
    """Write it under its moment."""
    write_json(history / RETRAINS_FOLDER / f"{retrain.at:%Y%m%dT%H%M%SZ}.json", retrain)


def _read(folder: Path, schema: type[Remembered], made_by: str) -> tuple[Remembered, ...]:
    files: Sequence[Path] = sorted(folder.glob("*.json"))
    return tuple(read_outside_json(file, schema, made_by, MOST_BYTES) for file in files)
