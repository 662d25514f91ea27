"""From an Arrow stream to the model's matrix, and to the text of each row for the request log: as strict as JSON is.

A column for each feature and none besides; numbers of any width for numeric features, bool for boolean ones, strings
(plain, large, views, or of a dictionary) for categories. Null only where training saw values missing, and only there
may a column be left out. NaN and infinities are refused, null is what is missing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic_core import to_json

from contracts.features import Feature, Matrix, Value
from contracts.model_folder import ModelCard
from service.arrow_columns import Column, Field, Layout, UnreadError
from service.arrow_stream import SchemaReader, batches_in, messages_in
from service.encoding import RowEncoder
from service.flat_tables import DamagedError
from service.problems import DOES_NOT_FIT, DUPLICATE_KEY, NOT_ARROW, Problem
from service.schema import FLOAT32_MAX, UNKNOWN_MEMBER, Row, longest_category, pointer_to, required_of

MORE_COLUMNS = 64
_LAYOUTS: Mapping[str, tuple[Layout, ...]] = {"numeric": ("numbers", "null"), "boolean": ("bits", "null")}
_OUTSIDE = -1


@dataclass(frozen=True)
class Columns:
    """The rows of a stream, by feature: the values as they were sent, None where missing."""

    names: Sequence[str]
    values: list[list[Value]]
    matrix: Matrix

    def rows(self) -> list[Row]:
        """The rows, one by one."""
        return [dict(zip(self.names, row, strict=True)) for row in zip(*self.values, strict=True)]


class ArrowReader:
    """Reads streams for one model."""

    def __init__(self, card: ModelCard, encoder: RowEncoder) -> None:
        self._features = card.features
        self._names = tuple(one.name for one in card.features)
        self._max_rows = card.max_batch_rows
        self._max_text = 4 * max((longest_category(one) for one in card.features), default=0)
        self._encoder = encoder
        self._schemas = SchemaReader()
        logged = set(card.logged_features) or set(self._names)
        self._logged = tuple(name in logged for name in self._names)
        self._heads = _heads(one.name for one in card.features if one.name in logged)

    def read(self, stream: bytes) -> Columns:
        """The rows of `stream`. Raises Problem."""
        try:
            return self._read(stream)
        except DamagedError:
            raise Problem(NOT_ARROW) from None
        except UnreadError as error:
            raise Problem(DOES_NOT_FIT, (("#", str(error)),)) from None

    def texts(self, columns: Columns) -> list[bytes]:
        """The logged features of each row as JSON on one line."""
        parts = []
        for head, values in zip(
            self._heads,
            (one for one, is_logged in zip(columns.values, self._logged, strict=True) if is_logged),
            strict=True,
        ):
            parts += [[head] * len(values), _json_of(values)]
        return [b"".join(one) + b"}" for one in zip(*parts, strict=True)]

    def _read(self, stream: bytes) -> Columns:
        messages = messages_in(stream)
        first = next(messages, None)
        if first is None:
            raise DamagedError("no schema")
        fields = self._schemas.read(first, len(self._features) + MORE_COLUMNS)
        places = self._places(fields)
        batches = list(batches_in(messages, fields, self._max_rows, self._max_text))
        if not sum(rows for rows, _ in batches):
            raise UnreadError(f"1 to {self._max_rows:,} rows")
        return self._checked(places, batches)

    def _places(self, fields: Sequence[Field]) -> list[int]:
        """Where each feature's column is. Raises Problem for names and types that do not fit."""
        places = {one.name: place for place, one in enumerate(fields)}
        if len(places) < len(fields):
            raise Problem(DUPLICATE_KEY)
        errors = [("#", UNKNOWN_MEMBER)] if places.keys() - set(self._names) else []
        for feature in self._features:
            place = places.get(feature.name)
            if place is None:
                if not feature.may_be_missing:
                    errors.append((pointer_to(feature.name), f"present: {required_of(feature)}"))
            elif not _fits(fields[place], feature):
                errors.append((pointer_to(feature.name), required_of(feature)))
        if errors:
            raise Problem(DOES_NOT_FIT, tuple(errors))
        return [places.get(name, _OUTSIDE) for name in self._names]

    def _checked(self, places: Sequence[int], batches: Sequence[tuple[int, list[Column]]]) -> Columns:
        values: list[list[Value]] = []
        encodable: list[Sequence[Value] | npt.NDArray[np.float64]] = []
        errors = []
        for feature, place in zip(self._features, places, strict=True):
            parts = [_absent(rows) if place == _OUTSIDE else columns[place] for rows, columns in batches]
            column = _joined(parts)
            shown = _shown(column)
            bad = _first_bad(column, shown, feature)
            if bad is not None:
                errors.append((pointer_to("rows", bad, feature.name), required_of(feature)))
            values.append(shown)
            encodable.append(shown if feature.kind == "categorical" else _numbers(column))
        if errors:
            raise Problem(DOES_NOT_FIT, tuple(errors))
        return Columns(self._names, values, self._encoder.of_columns(encodable))


def _heads(names: Iterator[str]) -> list[bytes]:
    """What stands before each value in a row's JSON."""
    return [(b"," if number else b"{") + to_json(name) + b":" for number, name in enumerate(names)]


def _fits(field: Field, feature: Feature) -> bool:
    if feature.kind == "categorical":
        return (field.is_text and field.layout != "other") or field.layout == "null"
    return field.dictionary is None and field.layout in _LAYOUTS[feature.kind]


def _absent(rows: int) -> Column:
    return Column(np.zeros(rows), np.ones(rows, dtype=np.bool_))


def _joined(parts: Sequence[Column]) -> Column:
    if len(parts) == 1:
        return parts[0]
    missing = np.concatenate(
        [np.zeros(len(one.values), dtype=np.bool_) if one.missing is None else one.missing for one in parts]
    )
    if isinstance(parts[0].values, list):
        return Column([value for one in parts for value in one.values], missing)
    return Column(np.concatenate([one.values for one in parts]), missing)


def _shown(column: Column) -> list[Value]:
    """The values as they were sent, None where missing."""
    if isinstance(column.values, list):
        return list(column.values)
    shown: list[Value] = column.values.tolist()
    if column.missing is not None:
        for place in np.flatnonzero(column.missing).tolist():
            shown[place] = None
    return shown


def _numbers(column: Column) -> npt.NDArray[np.float64]:
    """float64 [rows], NaN where missing."""
    numbers = np.asarray(column.values, dtype=np.float64)
    if column.missing is not None and column.missing.any():
        numbers = np.where(column.missing, np.nan, numbers)
    return numbers


def _first_bad(column: Column, shown: list[Value], feature: Feature) -> int | None:
    """The first row whose value a request in JSON may not have either."""
    bad = np.zeros(len(shown), dtype=np.bool_)
    if column.missing is not None and not feature.may_be_missing:
        bad |= column.missing
    if feature.kind == "numeric":
        outside = ~(np.abs(np.asarray(column.values, dtype=np.float64)) <= FLOAT32_MAX)
        bad |= outside if column.missing is None else outside & ~column.missing
    if feature.kind == "categorical":
        longest = longest_category(feature)
        present = [one for one in shown if isinstance(one, str)] if None in shown else shown
        if present and max(map(len, present)) > longest:  # type: ignore[arg-type]
            bad |= np.array([isinstance(one, str) and len(one) > longest for one in shown])
    return int(np.argmax(bad)) if bad.any() else None


def _json_of(values: list[Value]) -> list[bytes]:
    """Each value as JSON."""
    if any(type(one) is str for one in values):
        texts = {one: to_json(one) for one in set(values)}
        return [texts[one] for one in values]
    return to_json(values)[1:-1].split(b",")
