"""Reads one label. It accepts every unambiguous spelling that clients use, and no other.

A class may differ in case, in surrounding white space or in Unicode composition, and may be the JSON value of its name:
`true` and "True" for the class "true", 1 and 1.0 for the class "1". Where a spelling fits two classes, only the exact
name is accepted. 1 does not mean the class "true": a client that numbers the classes the other way round would teach
the opposite. A regression's value may be a number's text. A time is whole microseconds since 1970, as a number or its
text, or RFC 3339 with an offset; without an offset it would be hours off in some time zone.
"""

import datetime as dt
import re
import unicodedata
from typing import Any, NamedTuple

from contracts.model_folder import ModelCard
from service.formats.row_schema import FLOAT32_MAX

_ID = re.compile(
    r"(?:urn:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?", re.I
)
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_DIGITS = re.compile(r"[0-9]{1,20}")
_EPOCH = dt.datetime.fromtimestamp(0, dt.UTC)
# The last moment that a datetime can hold.
_LATEST_US = 253_402_300_799_000_000


class Label(NamedTuple):
    """What a label says, in the spelling of the log."""

    id: str
    actual: str | float
    observed_us: int | None


def read_label(label: Any, card: ModelCard) -> Label | None:
    """The label; None if it is malformed or ambiguous."""
    if not isinstance(label, dict) or not set(label) <= {"id", "actual", "observed_us"}:
        return None
    identity, observed = _identity(label.get("id")), label.get("observed_us")
    actual = _value(label.get("actual")) if card.task == "regression" else _class(label.get("actual"), card.classes)
    moment = None if observed is None else _moment(observed)
    if identity is None or actual is None or (observed is not None and moment is None):
        return None
    return Label(identity, actual, moment)


def _identity(given: Any) -> str | None:
    found = _ID.fullmatch(given.strip()) if isinstance(given, str) else None
    return "-".join(found.groups()).lower() if found else None


def _class(given: Any, classes: tuple[str, ...]) -> str | None:
    if given in classes and isinstance(given, str):
        return str(given)
    key = _normalized(given)
    meant = [one for one in classes if key is not None and _normalized(one) == key]
    if not meant and isinstance(given, (int, float)) and not isinstance(given, bool):
        meant = [one for one in classes if _NUMBER.fullmatch(one) and float(one) == given]
    return meant[0] if len(meant) == 1 else None


def _normalized(given: Any) -> str | None:
    """The same for every spelling of a name."""
    if isinstance(given, bool):
        return str(given).lower()
    return unicodedata.normalize("NFKC", given).strip().casefold() if isinstance(given, str) else None


def _value(given: Any) -> float | None:
    if isinstance(given, str) and _NUMBER.fullmatch(given.strip()):
        given = float(given)
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        return None
    # As for a feature: what squared would be infinite is no measurement, and would be all of the drift job's figures.
    return given if abs(given) <= FLOAT32_MAX else None


def _moment(given: Any) -> int | None:
    """Microseconds since 1970."""
    try:
        if isinstance(given, str) and _MOMENT.fullmatch(given.strip()):
            moment = dt.datetime.fromisoformat(given.strip().upper().replace(" ", "T"))
            given = (moment - _EPOCH) // dt.timedelta(microseconds=1)
        elif isinstance(given, str) and _DIGITS.fullmatch(given.strip()):
            given = int(given)
        given = int(given) if isinstance(given, float) and given.is_integer() else given
    except (ValueError, OverflowError):
        return None
    is_moment = isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= _LATEST_US
    return given if is_moment else None
