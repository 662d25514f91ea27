"""The request's schema, made from the model card: each feature's type, bounds, what training saw, and an example.

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

from contracts.features import Feature
from contracts.model_folder import ModelCard

FLOAT32_MAX = 3.4028234663852886e38
SHOWN_CATEGORIES = 12
UNKNOWN_MEMBER = "no member that /docs does not name"
_IGNORED = {"trim": "spaces around it", "nfc": "its Unicode form", "case": "upper and lower case"}
Row = dict[str, Any]
RowType = Any

_CONFIG = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def longest_category(feature: Feature) -> int:
    """The most characters that a value of this feature may have."""
    return max(256, *(len(category) for category in (*feature.categories, *feature.rare)), 0)


def row_bytes(card: ModelCard) -> int:
    """The most bytes of JSON that a row of this model needs, with room for white space and long numbers."""
    longest = max((len(name.encode()) for one in card.features for name in (*one.categories, *one.rare)), default=0)
    return sum(96 + 2 * len(one.name.encode()) + longest for one in card.features)


def row_type(card: ModelCard) -> RowType:
    """A TypedDict: the members are named exactly as the features are, whatever characters those hold."""
    meaning = f"The features of one row, for predicting `{card.target}`."
    return _typed_dict("Row", meaning, {one.name: _member(one) for one in card.features})


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
    return {one.name: one.example for one in card.features if one.example is not None or one.may_be_missing}


def _member(feature: Feature) -> Any:
    kind = _plain(feature) | None if feature.may_be_missing else _plain(feature)
    examples = [] if feature.example is None else [feature.example]
    described: Any = Annotated[kind, Field(description=described_as(feature), examples=examples)]
    return NotRequired[described] if feature.may_be_missing else described


def _plain(feature: Feature) -> Any:
    if feature.kind == "boolean":
        return bool
    if feature.kind == "numeric":
        return Annotated[float, Field(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
    return Annotated[str, Field(max_length=longest_category(feature))]


def described_as(feature: Feature) -> str:
    """What training saw of a feature, in one line."""
    parts = []
    if feature.kind == "categorical":
        shown = ", ".join(feature.categories[:SHOWN_CATEGORIES])
        more = len(feature.categories) - SHOWN_CATEGORIES
        parts.append(f"one of {shown}" + (f" and {more} more" if more > 0 else ""))
    if feature.normalise:
        parts.append(f"{' and '.join(_IGNORED[step] for step in feature.normalise)} make no difference")
    if feature.minimum is not None and feature.maximum is not None:
        parts.append(f"{feature.minimum:.6g} to {feature.maximum:.6g} in training")
    parts.append(f"missing in {feature.missing_share:.2%} of training" if feature.may_be_missing else "never missing")
    return "; ".join(parts)


def required_of(feature: Feature) -> str:
    """What a client must send for a feature, for the list of errors."""
    kind = {
        "numeric": "a finite number within float32",
        "boolean": "true or false",
        "categorical": f"a string of at most {longest_category(feature)} characters",
    }[feature.kind]
    return f"{kind}, or null" if feature.may_be_missing else kind


def errors_of(features: Iterable[Feature], found: list[ErrorDetails]) -> tuple[tuple[str, str], ...]:
    """Pointer and requirement of each mistake. A member that is no feature is not named: its name came from outside."""
    required = {one.name: required_of(one) for one in features}
    return tuple(dict.fromkeys(_error(one, required) for one in found))


def _error(found: ErrorDetails, required: dict[str, str]) -> tuple[str, str]:
    *path, last = found["loc"] or ("",)
    if found["type"] == "extra_forbidden":
        return pointer_to(*path), UNKNOWN_MEMBER
    pointer = pointer_to(*found["loc"])
    if last in required:
        return pointer, f"{'present: ' if found['type'] == 'missing' else ''}{required[str(last)]}"
    return pointer, found["msg"]


def pointer_to(*path: int | str) -> str:
    """A JSON pointer as a URI fragment (RFC 6901)."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
