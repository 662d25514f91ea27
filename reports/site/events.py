"""Events marked on every plot over time: deploys, rollbacks, retrains."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.history import HistoryEntry

EventKind = Literal["deploy", "rollback", "retrain"]
SIGNS: dict[EventKind, str] = {"deploy": "D", "rollback": "R", "retrain": "T"}


@dataclass(frozen=True)
class Event:
    """One of them. `tooltip`: shown over its mark."""

    at: dt.datetime
    kind: EventKind
    tooltip: str

    @property
    def sign(self) -> str:
        return SIGNS[self.kind]


def events_of(entries: Sequence[HistoryEntry]) -> tuple[Event, ...]:
    """Oldest first, as `entries` are. A retrain is a run of the chain whose data end on another day than before."""
    found = []
    as_of = ""
    for entry in entries:
        at = dt.datetime.fromisoformat(entry.at)
        if entry.data and entry.data.as_of:
            if as_of and entry.data.as_of != as_of:
                found.append(Event(at, "retrain", f"{entry.at[:10]}: trained on data up to {entry.data.as_of}"))
            as_of = entry.data.as_of
        if entry.deployed:
            kind: EventKind = "rollback" if entry.event == "rollback" else "deploy"
            model = entry.deployed.model.removeprefix("sha256:")[:12] or "an image"
            found.append(Event(at, kind, f"{entry.at[:10]}: {kind} of {model}"))
    return tuple(found)
