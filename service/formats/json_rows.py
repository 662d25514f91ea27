"""Parses and validates the rows of a request, and gives the text of each row for the request log.

pydantic's parser refuses invalid JSON, NaN and infinities, lone surrogates, deep nesting and long integers, but keeps
the last of two equal keys. Counting finds duplicate keys: without escapes, a body has exactly two quotation marks for
each key and string of the result, unless a key was dropped.

Dates are then replaced by their parts (row_dates.py). Where possible the log takes the client's own text, which is
exact and costs nothing.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from contracts.model_folder import ModelCard
from service.formats.row_dates import RowDates
from service.formats.row_schema import Row, batch_type, errors_of, row_type
from service.http.problems import DOES_NOT_FIT, DUPLICATE_KEY, NOT_JSON, Problem

# Longer text has white space or long numbers, and is shorter when serialised again.
MAX_RAW_BYTES_PER_FEATURE = 96
_BETWEEN_ROWS = re.compile(rb"\}[ \t]*,[ \t]*\{")


class DuplicateKeyError(Exception):
    """An object has a duplicate key."""


class RowReader:
    """Reads the bodies of /predict and /predict/batch for one model."""

    def __init__(self, card: ModelCard) -> None:
        self.row_type = row_type(card)
        self.batch_type = batch_type(self.row_type, card.max_batch_rows)
        self._inputs = card.inputs
        self._dates = RowDates(card.dates) if card.dates else None
        self._read_row: Callable[[bytes], Row] = TypeAdapter(self.row_type).validator.validate_json
        batch = TypeAdapter(self.batch_type)
        self._read_batch: Callable[[bytes], dict[str, list[Row]]] = batch.validator.validate_json
        self._check_batch: Callable[[object], dict[str, list[Row]]] = batch.validator.validate_python
        strings = [one for one in card.inputs if one.kind in ("categorical", "date")]
        self._strings = len(strings)
        self._optional_strings = [one.name for one in strings if one.may_be_missing]
        logged = set(card.logged_features) or {one.name for one in card.features}
        self._left_out = {one.name for one in card.features} - logged
        # A row with dates is not logged as it was sent.
        self._is_rewritten = bool(self._left_out or card.dates)
        self._max_raw = MAX_RAW_BYTES_PER_FEATURE * (len(card.features) + 1)

    def one(self, body: bytes) -> Row:
        """The row in `body`. Raises Problem."""
        try:
            row = self._read_row(body)
        except ValidationError as error:
            raise self._problem(error) from None
        if b"\\" in body or body.count(b'"') != 2 * (len(row) + self._count_strings(row)):
            refuse_duplicate_keys(body)
        return row if self._dates is None else self._dates.one(row)

    def many(self, body: bytes) -> list[Row]:
        """The rows in `body`. Raises Problem."""
        try:
            rows = self._read_batch(body)["rows"]
        except ValidationError as error:
            raise self._problem(error) from None
        if b"\\" in body or body.count(b'"') != 2 * (1 + sum(map(len, rows)) + sum(map(self._count_strings, rows))):
            refuse_duplicate_keys(body)
        return rows if self._dates is None else self._dates.many(rows)

    def checked(self, rows: list[Row]) -> list[Row]:
        """Rows that did not come as JSON objects, validated by the same schema. Raises Problem."""
        try:
            checked = self._check_batch({"rows": rows})["rows"]
        except ValidationError as error:
            raise self._problem(error) from None
        return checked if self._dates is None else self._dates.many(checked)

    def text_of_one(self, body: bytes, row: Row) -> bytes:
        """The logged features of a row as JSON on one line."""
        if self._is_rewritten or b"\n" in body or b"\r" in body or len(body) > self._max_raw:
            return self.text_of(row)
        return body

    def text_of_many(self, body: bytes, rows: Sequence[Row]) -> list[bytes]:
        """The logged features of each row as JSON on one line."""
        count = len(rows)
        is_plain = count_of(b"{", body) == count + 1 and b"\n" not in body and b"\r" not in body
        if is_plain and not self._is_rewritten and len(body) <= self._max_raw * count:
            # One { per object, so no string has one: the text can be split into rows without parsing it again.
            first, last = body.index(b"{", body.index(b"{") + 1), body.rindex(b"}", 0, body.rindex(b"}"))
            inner = body[first + 1 : last]
            # Nearly always, every separator of two rows is the same as the first.
            border = _BETWEEN_ROWS.search(inner)
            texts = inner.split(border[0]) if border else [inner]
            if len(texts) != count:
                texts = _BETWEEN_ROWS.split(inner)
            return [b"{%b}" % text for text in texts]
        return [self.text_of(row) for row in rows]

    def text_of(self, row: Row) -> bytes:
        """The logged features of a row, serialised again."""
        return to_json({name: value for name, value in row.items() if name not in self._left_out})

    def _count_strings(self, row: Row) -> int:
        """Strings among the row's values."""
        missing = sum(row.get(name) is None for name in self._optional_strings) if self._optional_strings else 0
        return self._strings - missing

    def _problem(self, error: ValidationError) -> Problem:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        if found[0]["type"] == "json_invalid":
            return Problem(NOT_JSON)
        return Problem(DOES_NOT_FIT, errors_of(self._inputs, found))


def count_of(byte: bytes, body: bytes) -> int:
    """How often a byte occurs in a body. Several times as fast as bytes.count if it is frequent."""
    return int(np.count_nonzero(np.frombuffer(body, dtype=np.uint8) == byte[0]))


def refuse_duplicate_keys(body: bytes) -> None:
    """Parse `body`, which is valid JSON, again and check each object for duplicate keys. Raises Problem."""
    try:
        json.loads(body, object_pairs_hook=_no_key_twice)
    except DuplicateKeyError:
        raise Problem(DUPLICATE_KEY) from None
    except (ValueError, RecursionError):
        raise Problem(NOT_JSON) from None


def _no_key_twice(pairs: Iterable[tuple[str, object]]) -> None:
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise DuplicateKeyError
