"""Recognises the kind of values in a column, and converts them to the three kinds of feature.

Numbers are float32, booleans float32 0/1/NaN. Text has no nulls: a missing value is the category "(missing)". A text
that reads "(missing)" counts as missing.
"""

import contextlib
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from contracts.features import MISSING
from contracts.schema import FeatureKind
from training.dataset.table_checks import refuse_infinite
from training.dataset.table_digest import ArrowColumn
from training.refusals import SettingError, toml_key

ColumnShape = Literal["boolean", "numeric", "text", "date", "mixed", "unreadable"]

# By what pandas infers for a column of type object.
_INFERRED: dict[str, ColumnShape] = {
    "boolean": "boolean",
    "string": "text",
    **dict.fromkeys(("integer", "floating", "mixed-integer-float", "decimal"), "numeric"),
    **dict.fromkeys(("date", "datetime", "datetime64"), "date"),
    **dict.fromkeys(("mixed", "mixed-integer"), "mixed"),
}


def plain(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """The column without pandas' categorical and Arrow types, which only say how values are stored."""
    if isinstance(values.dtype, pd.ArrowDtype):
        return pd.Series(pa.array(values).to_pandas(), index=values.index)
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return values
    of_categories = values.dtype.categories.dtype
    is_number = pd.api.types.is_numeric_dtype(of_categories) and not pd.api.types.is_bool_dtype(of_categories)
    return values.astype("float64" if is_number else "object")


def shape_of(values: "pd.Series[Any]") -> ColumnShape:
    """The common kind of the values that are not missing."""
    kind = plain(values).dtype
    if pd.api.types.is_bool_dtype(kind):
        return "boolean"
    if pd.api.types.is_numeric_dtype(kind):
        return "unreadable" if pd.api.types.is_complex_dtype(kind) else "numeric"
    if pd.api.types.is_datetime64_any_dtype(kind):
        return "date"
    if isinstance(kind, pd.StringDtype):
        return "text"
    present = plain(values).dropna()
    inferred = _INFERRED.get(pd.api.types.infer_dtype(present, skipna=True), "unreadable")
    is_scalars = inferred != "mixed" or present.map(lambda value: isinstance(value, str | int | float | Decimal)).all()
    return inferred if is_scalars else "unreadable"


def example_of(values: "pd.Series[Any]") -> str:
    """The first value that is not missing, short and on one line, for a message."""
    value = plain(values).dropna().iloc[0]
    return repr(value[:60]) if isinstance(value, str) else str(value)[:60]


def to_numbers(values: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    """Float64 [rows], NaN where missing. ValueError or TypeError where a value is no number."""
    numbers = pd.to_numeric(plain(values))
    return np.asarray(numbers.to_numpy(dtype="float64", na_value=np.nan), dtype=np.float64)


def to_text(values: "pd.Series[Any]") -> ArrowColumn:
    """Text [rows] as Arrow, "(missing)" where missing; whole numbers without a point, booleans as "true", "false"."""
    column, shape = plain(values), shape_of(values)
    if shape == "boolean":
        column = column.astype("object").map({True: "true", False: "false"})
    elif shape == "numeric":
        is_exact = isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu"
        distinct, codes = np.unique(column.to_numpy() if is_exact else to_numbers(column), return_inverse=True)
        names = np.array([_number_name(number) for number in distinct.tolist()], dtype=object)
        column = pd.Series(names[codes], dtype="object")
    elif shape != "text":
        column = column.map(str, na_action="ignore")
    text = pa.array(column, type=pa.large_string(), from_pandas=True).fill_null(MISSING)
    return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text


def as_sent(values: "pd.Series[Any]", kind: FeatureKind) -> ArrowColumn:
    """One feature as a client has it, Arrow [rows]: unchanged text, numbers with all digits, null where missing."""
    if kind == "categorical":
        text = to_text(values)
        return pc.if_else(pc.equal(text, MISSING), None, text)
    if kind == "boolean":
        return pa.array(_booleans(str(values.name), values), from_pandas=True).cast(pa.bool_())
    column = plain(values)
    has_own_digits = isinstance(column.dtype, np.dtype) and (column.dtype.kind in "iu" or column.dtype == np.float32)
    return pa.array(column.to_numpy() if has_own_digits else to_numbers(column), from_pandas=True)


def text_codes(text: ArrowColumn) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The distinct texts in order of appearance, and for each row [rows] the position of its text."""
    encoded = text.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def convert(name: str, values: "pd.Series[Any]", kind: FeatureKind) -> ArrowColumn:
    """One feature as Arrow [rows]: float32, or text. Raises where a value does not fit the kind."""
    if kind == "categorical":
        return to_text(values)
    numbers = _booleans(name, values) if kind == "boolean" else _numbers(name, values)
    with np.errstate(over="ignore"):
        single = numbers.astype(np.float32)
    refuse_infinite(name, single)
    return pa.array(single)


def comparable(column: ArrowColumn) -> npt.NDArray[Any]:
    """A column from `convert` as numpy [rows]: float32, or codes that are equal where texts are equal."""
    if pa.types.is_floating(column.type):
        return np.asarray(column.to_numpy())
    return text_codes(column)[1]


def _numbers(name: str, values: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    column = plain(values)
    if shape_of(column) != "date":
        with contextlib.suppress(ValueError, TypeError):
            return to_numbers(column)
        column = column[pd.to_numeric(column, errors="coerce").isna()]
    raise SettingError(
        f"column {name!r} is taken for numeric, but has values such as {example_of(column)}. "
        f'Correct them in the source, or set {toml_key("features.kinds", name)} = "categorical".',
        code="not-numeric",
    )


def _booleans(name: str, values: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    """True and False, 1 and 0, or the words "true" and "false" in any case."""
    distinct, codes = text_codes(to_text(values))
    known = {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0, MISSING: np.nan}
    wrong = [text for text in distinct if text.lower() not in known]
    if wrong:
        raise SettingError(
            f"column {name!r} is taken for boolean, but has values such as {wrong[0]!r}; required: true and false, "
            f'or 0 and 1. Correct them in the source, or set {toml_key("features.kinds", name)} = "categorical".',
            code="not-boolean",
        )
    return np.array([known[text.lower()] for text in distinct], dtype=np.float64)[codes]


def _number_name(number: float) -> str | None:
    if number != number:
        return None
    return str(int(number)) if number == np.floor(number) and np.isfinite(number) else repr(number)
