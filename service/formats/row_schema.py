"""The request's schema, made from the model card: each input's type, bounds, what training saw, and an example.

The inputs are the features and, in place of those that are made of dates, the dates.

Strict: numbers are numbers (no booleans, no strings), nothing beyond float32, no NaN, no unknown member; a value may be
null or left out only where training saw it missing. An unknown category is a value like any other: the model has a
defined answer for it, and it is counted.
"""

from collections.abc import Iterable
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field
from pydantic_core import ErrorDetails

# The one that pydantic reads on every Python: typing's own lacks something below 3.12.
from typing_extensions import TypedDict

from contracts.dates.inputs import DateInput, Input
from contracts.dates.reading import MOST_CHARACTERS, bounds_of
from contracts.features import Feature
from contracts.model_folder import ModelCard

FLOAT32_MAX = 3.4028234663852886e38
SHOWN_CATEGORIES = 12
UNKNOWN_MEMBER = "no member that /docs does not name"
_SINCE_1970 = {"epoch_s": "seconds", "epoch_ms": "milliseconds"}
_IGNORED = {"trim": "spaces around it", "nfc": "its Unicode form", "case": "upper and lower case"}
Row = dict[str, Any]
RowType = Any

_CONFIG = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def longest_text(one: Input) -> int:
    """The most characters that a text of this input may have."""
    return MOST_CHARACTERS if isinstance(one, DateInput) else longest_category(one)


def longest_category(feature: Feature) -> int:
    """The most characters that a value of this feature may have."""
    return max(256, *(len(category) for category in (*feature.categories, *feature.rare)), 0)


def row_bytes(card: ModelCard) -> int:
    """The most bytes of JSON that a row of this model needs, with room for white space and long numbers."""
    longest = max((len(name.encode()) for one in card.features for name in (*one.categories, *one.rare)), default=0)
    return sum(96 + 2 * len(one.name.encode()) + longest for one in card.inputs)


def row_type(card: ModelCard) -> RowType:
    """A TypedDict: the members are named exactly as the features are, whatever characters those hold."""
    meaning = f"The features of one row, for predicting `{card.target}`."
    return _typed_dict("Row", meaning, {one.name: _member(one) for one in card.inputs})


def batch_type(row: RowType, max_rows: int) -> RowType:
    """A TypedDict with the rows of one batch."""
    rows = Annotated[list[row], Field(min_length=1, max_length=max_rows, description=f"1 to {max_rows:,} rows")]
    return _typed_dict("Rows", "Rows to be predicted together.", {"rows": rows})


def _typed_dict(name: str, meaning: str, members: dict[str, Any]) -> RowType:
    make: Any = TypedDict
    made = make(name, members)
    made.__doc__ = meaning
    made.__pydantic_config__ = _CONFIG
    return made


def example_row(card: ModelCard) -> Row:
    """A row as a client would send it."""
    return {one.name: one.example for one in card.inputs if one.example is not None or one.may_be_missing}


def _member(one: Input) -> Any:
    kind = _plain(one) | None if one.may_be_missing else _plain(one)
    examples = [] if one.example is None else [one.example]
    described: Any = Annotated[kind, Field(description=described_as(one), examples=examples)]
    return NotRequired[described] if one.may_be_missing else described


def _plain(one: Input) -> Any:
    if one.kind == "boolean":
        return bool
    if one.kind in ("numeric", "epoch"):
        least, most = bounds_of(one.format) if isinstance(one, DateInput) else (-FLOAT32_MAX, FLOAT32_MAX)
        return Annotated[float, Field(ge=least, le=most)]
    return Annotated[str, Field(max_length=longest_text(one))]


def described_as(feature: Input) -> str:
    """What training saw of a feature or date, in one line."""
    if isinstance(feature, DateInput):
        made = f"{_form(feature)}; the service makes {', '.join(feature.parts)} of it"
        return f"{made}; {_missing(feature)}"
    parts = []
    if feature.kind == "categorical":
        shown = ", ".join(feature.categories[:SHOWN_CATEGORIES])
        more = len(feature.categories) - SHOWN_CATEGORIES
        parts.append(f"one of {shown}" + (f" and {more} more" if more > 0 else ""))
    if feature.normalise:
        parts.append(f"{' and '.join(_IGNORED[step] for step in feature.normalise)} make no difference")
    if feature.minimum is not None and feature.maximum is not None:
        parts.append(f"{feature.minimum:.6g} to {feature.maximum:.6g} in training")
    return "; ".join([*parts, _missing(feature)])


def _missing(one: Input) -> str:
    return f"missing in {one.missing_share:.2%} of training" if one.may_be_missing else "never missing"


def _form(date: DateInput) -> str:
    if date.kind == "epoch":
        return f"a number of {_SINCE_1970[date.format]} since 1970"
    if date.format:
        return f"a date in the form {date.format}" + (", converted to UTC" if "%z" in date.format else "")
    return "a date as in ISO 8601, such as 2013-10-01 08:30; with an offset such as +02:00 it is converted to UTC"


def required_of(feature: Input, why: str = "") -> str:
    """What a client must send for a feature or date, for the list of errors. `why`: what is wrong with a date."""
    kind = (
        _form(feature)
        if isinstance(feature, DateInput)
        else {
            "numeric": "a finite number within float32",
            "boolean": "true or false",
            "categorical": f"a string of at most {longest_category(feature)} characters",
        }[feature.kind]
    )
    required = f"{kind}, or null" if feature.may_be_missing else kind
    return f"{required}. This is none: {why}" if why else required


def errors_of(inputs: Iterable[Input], found: list[ErrorDetails]) -> tuple[tuple[str, str], ...]:
    """Pointer and requirement of each mistake. A member that the card does not have is not named: its name came from
    outside."""
    inputs = tuple(inputs)
    required, parts = {one.name: required_of(one) for one in inputs}, parts_not_sent(inputs)
    return tuple(dict.fromkeys(_error(one, required, parts) for one in found))


def parts_not_sent(inputs: Iterable[Input]) -> dict[str, str]:
    """What to send in place of each feature that is made of a date."""
    return {
        part: f"left out: the service makes it of {one.name!r}, which is sent in its place"
        for one in inputs
        if isinstance(one, DateInput)
        for part in one.parts
    }


def _error(found: ErrorDetails, required: dict[str, str], parts: dict[str, str]) -> tuple[str, str]:
    *path, last = found["loc"] or ("",)
    if found["type"] == "extra_forbidden":
        if last in parts:
            return pointer_to(*found["loc"]), parts[str(last)]
        return pointer_to(*path), UNKNOWN_MEMBER
    pointer = pointer_to(*found["loc"])
    if last in required:
        return pointer, f"{'present: ' if found['type'] == 'missing' else ''}{required[str(last)]}"
    return pointer, found["msg"]


def pointer_to(*path: int | str) -> str:
    """A JSON pointer as a URI fragment (RFC 6901)."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
