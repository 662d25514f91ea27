"""From an Arrow stream to the model's matrix, and to the text of each row for the request log: as strict as JSON is.

A column for each input and none besides; numbers of any width for numeric features, bool for boolean ones, strings
(plain, large, views, or of a dictionary) for categories and dates; dates may be timestamps, too. Null only where
training saw values missing, and only there may a column be left out. NaN and infinities are refused, null is what is
missing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from pydantic_core import to_json

from contracts.dates.inputs import DateInput, Input
from contracts.features import Matrix, Value
from contracts.model_folder import ModelCard
from service.formats.arrow.columns import Coded, Column, Field, Layout, UnreadError, coded
from service.formats.arrow.dates import DateColumn
from service.formats.arrow.flatbuffers import DamagedError
from service.formats.arrow.stream import SchemaReader, batches_in, messages_in
from service.formats.encoding import RowEncoder
from service.formats.row_schema import (
    FLOAT32_MAX,
    UNKNOWN_MEMBER,
    Row,
    longest_text,
    parts_not_sent,
    pointer_to,
    required_of,
)
from service.http.problems import DOES_NOT_FIT, DUPLICATE_KEY, NOT_ARROW, Problem

MORE_COLUMNS = 64
_LAYOUTS: Mapping[str, tuple[Layout, ...]] = {
    "numeric": ("numbers", "null"),
    "boolean": ("bits", "null"),
    "epoch": ("numbers", "null"),
}
_OUTSIDE = -1


@dataclass(frozen=True)
class Columns:
    """The rows of a stream, by feature: values as they were sent or parts of dates, and all as the model reads them."""

    names: Sequence[str]
    columns: Sequence[Coded]
    matrix: Matrix

    def rows(self) -> list[Row]:
        """The rows, one by one."""
        values = zip(*[one.rows() for one in self.columns], strict=True)
        return [dict(zip(self.names, row, strict=True)) for row in values]


class ArrowReader:
    """Reads streams for one model."""

    def __init__(self, card: ModelCard, encoder: RowEncoder) -> None:
        self._inputs = card.inputs
        self._dates = {one.name: DateColumn(one) for one in card.dates}
        self._not_sent = parts_not_sent(card.inputs)
        self._names = tuple(one.name for one in card.features)
        self._max_rows = card.max_batch_rows
        self._longest = {one.name: longest_text(one) for one in card.inputs}
        self._max_text = 4 * max(self._longest.values())
        self._encoder = encoder
        self._schemas = SchemaReader()
        logged = [place for place, name in enumerate(self._names) if name in (card.logged_features or self._names)]
        self._heads = [
            (place, (b"," if number else b"{") + to_json(self._names[place]) + b":")
            for number, place in enumerate(logged)
        ]

    def read(self, stream: bytes) -> Columns:
        """The rows of `stream`. Raises Problem."""
        try:
            return self._read(stream)
        except DamagedError:
            raise Problem(NOT_ARROW) from None
        except UnreadError as error:
            raise Problem(DOES_NOT_FIT, (("#", str(error)),)) from None

    def texts(self, columns: Columns) -> list[Iterable[bytes]]:
        """The logged features as JSON: columns of pieces, which one after the other make up each row."""
        parts: list[Iterable[bytes]] = [_pieces(columns.columns[place], head) for place, head in self._heads]
        return [*parts, repeat(b"}")]

    def _read(self, stream: bytes) -> Columns:
        messages = messages_in(stream)
        first = next(messages, None)
        if first is None:
            raise DamagedError("no schema")
        fields = self._schemas.read(first, len(self._inputs) + MORE_COLUMNS)
        places = self._places(fields)
        batches = list(batches_in(messages, fields, self._max_rows, self._max_text))
        if not sum(rows for rows, _ in batches):
            raise UnreadError(f"1 to {self._max_rows:,} rows")
        return self._checked(fields, places, batches)

    def _places(self, fields: Sequence[Field]) -> list[int]:
        """Where each input's column is. Raises Problem for names and types that do not fit."""
        places = {one.name: place for place, one in enumerate(fields)}
        if len(places) < len(fields):
            raise Problem(DUPLICATE_KEY)
        unknown = places.keys() - {one.name for one in self._inputs}
        errors = [(pointer_to(name), text) for name, text in self._not_sent.items() if name in unknown]
        errors += [("#", UNKNOWN_MEMBER)] if unknown - self._not_sent.keys() else []
        for one in self._inputs:
            place = places.get(one.name)
            if place is None:
                if not one.may_be_missing:
                    errors.append((pointer_to(one.name), f"present: {required_of(one)}"))
            elif not _fits(fields[place], one):
                errors.append((pointer_to(one.name), required_of(one)))
        if errors:
            raise Problem(DOES_NOT_FIT, tuple(errors))
        return [places.get(one.name, _OUTSIDE) for one in self._inputs]

    def _checked(
        self, fields: Sequence[Field], places: Sequence[int], batches: Sequence[tuple[int, list[Column]]]
    ) -> Columns:
        by_name: dict[str, Coded] = {}
        errors = []
        for one, place in zip(self._inputs, places, strict=True):
            parts = [_absent(rows) if place == _OUTSIDE else batch[place] for rows, batch in batches]
            distinct, why = _distinct(_joined(parts)), ""
            field = None if place == _OUTSIDE else fields[place]
            refused = _refused(distinct.values, one, field, self._longest[one.name])
            if isinstance(one, DateInput) and not refused:
                made, refused, why = self._dates[one.name].read(distinct, field)
                by_name |= dict(zip(one.parts, made, strict=False))
            row = _first(distinct, refused)
            if row is not None:
                errors.append((pointer_to("rows", row, one.name), required_of(one, why)))
            by_name[one.name] = distinct
        if errors:
            raise Problem(DOES_NOT_FIT, tuple(errors))
        columns = [by_name[name] for name in self._names]
        matrix = np.empty((len(columns[0].places), len(columns)), dtype=np.float32)
        for number, column in enumerate(columns):
            matrix[:, number] = self._encoder.column(number, column.values)[column.places]
        return Columns(self._names, columns, matrix)


def _fits(field: Field, feature: Input) -> bool:
    if isinstance(feature, DateInput) and field.layout == "times":
        return True
    if feature.kind in ("categorical", "date"):
        return (field.is_text and field.layout != "other") or field.layout == "null"
    return field.dictionary is None and field.layout in _LAYOUTS[feature.kind]


def _absent(rows: int) -> Column:
    return Column(np.zeros(rows), np.ones(rows, dtype=np.bool_))


def _joined(parts: Sequence[Column]) -> Column:
    if len(parts) == 1:
        return parts[0]
    strings = [one.values for one in parts if isinstance(one.values, Coded)]
    if strings:
        return Column(coded([value for one in strings for value in one.rows()]), None)
    numbers = [one.values for one in parts if not isinstance(one.values, Coded)]
    missing = [
        np.zeros(len(one), np.bool_) if part.missing is None else part.missing
        for one, part in zip(numbers, parts, strict=True)
    ]
    return Column(np.concatenate(numbers), np.concatenate(missing))


def _distinct(column: Column) -> Coded:
    values, missing = column.values, column.missing
    if isinstance(values, Coded):
        return values
    if missing is not None and not missing.any():
        missing = None
    if missing is not None and missing.all():
        return Coded([None], np.zeros(len(values), dtype=np.intp))
    # By their bits, so that what is equal and yet not the same stays apart.
    bits = values.view(f"<u{values.itemsize}")
    found, places = np.unique(bits if missing is None else np.where(missing, 0, bits), return_inverse=True)
    shown: list[Value] = found.view(values.dtype).tolist()
    if missing is not None:
        places[missing] = len(shown)
        shown.append(None)
    return Coded(shown, places)


def _refused(values: Sequence[Value], one: Input, field: Field | None, longest: int) -> list[int]:
    """Which of a column's values a request in JSON may not have either; only the last may be None."""
    present = values[:-1] if values and values[-1] is None else values
    if field is not None and field.layout == "times":
        refused = []
    elif one.kind in ("categorical", "date"):
        # Its values are strings, which mypy cannot know.
        refused = [number for number, text in enumerate(present) if len(text) > longest]  # type: ignore[arg-type]
    else:
        numbers = np.array(present, dtype=np.float64)
        is_right = np.abs(numbers) <= FLOAT32_MAX if one.kind == "numeric" else np.isfinite(numbers)
        refused = np.flatnonzero(~is_right).tolist()
    if len(present) < len(values) and not one.may_be_missing:
        refused.append(len(present))
    return refused


def _first(column: Coded, bad: Sequence[int]) -> int | None:
    """The first row with one of these values."""
    rows = np.flatnonzero(np.isin(column.places, bad)) if bad else np.empty(0)
    return int(rows[0]) if len(rows) else None


def _pieces(column: Coded, head: bytes) -> list[bytes]:
    """Each row's value as JSON, behind `head`."""
    if any(isinstance(one, str) for one in column.values):
        texts = [head + to_json(one) for one in column.values]
    else:
        texts = (head + to_json(column.values)[1:-1].replace(b",", b"\0" + head)).split(b"\0")
    pieces: list[bytes] = np.array(texts, dtype=object)[column.places].tolist()
    return pieces
