"""Reading rows: the laws behind the short cuts, held to what a plain parser says."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.encoder import Encoder
from service.formats.encoding import RowEncoder
from service.formats.json_batches import BatchReader
from service.formats.json_rows import RowReader
from service.formats.row_schema import FLOAT32_MAX
from service.http.problems import DUPLICATE_KEY, Problem
from testbed.cards import CLASSES
from testbed.served_folders import FEATURES, ROW, Row

NUMBERS = st.floats(-FLOAT32_MAX, FLOAT32_MAX, allow_nan=False) | st.integers(-(2**53), 2**53)
TEXT = st.text(max_size=30)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "numeric": NUMBERS,
    "boolean": st.booleans(),
    "categorical": TEXT | st.sampled_from(["basic", "plus", "pro", "Ulm", "(missing)"]),
}
ROWS: st.SearchStrategy[Row] = st.fixed_dictionaries(
    {one.name: VALUES[one.kind] for one in FEATURES if not one.may_be_missing},
    optional={one.name: VALUES[one.kind] | st.none() for one in FEATURES if one.may_be_missing},
)
LAYOUTS = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])


class Card:
    """Of a model card, what the reader reads."""

    features = inputs = FEATURES
    dates = ()
    classes = CLASSES["binary"]
    target = "answer"
    max_batch_rows = 50
    logged_features = ()


READER = RowReader(Card())  # type: ignore[arg-type]  # a card of what is read, only
ENCODER = RowEncoder(FEATURES)
BATCHES = BatchReader(Card(), READER, ENCODER)  # type: ignore[arg-type]  # a card of what is read, only


@given(ROWS, LAYOUTS)
def test_a_row_is_read_as_a_plain_parser_reads_it(row: Row, layout: dict[str, Any]) -> None:
    assert READER.one(json.dumps(row, **layout).encode()) == row


@given(st.lists(ROWS, min_size=1, max_size=5), LAYOUTS)
def test_the_logged_texts_of_a_batch_are_its_rows_one_a_line(rows: list[Row], layout: dict[str, Any]) -> None:
    body = json.dumps({"rows": rows}, **layout).encode()
    texts = READER.text_of_many(body, READER.many(body))
    assert [json.loads(text) for text in texts] == rows
    assert not any(b"\n" in text or b"\r" in text for text in texts)


@given(ROWS, LAYOUTS, st.data())
def test_a_key_that_stands_twice_is_always_found(row: Row, layout: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(row)))
    feature = next(one for one in FEATURES if one.name == name)
    again = json.dumps({name: data.draw(VALUES[feature.kind])}, **layout)
    text = json.dumps(row, **layout)
    doubled = "{" + again.strip()[1:-1] + "," + text.strip()[1:]
    with pytest.raises(Problem) as refusal:
        READER.one(doubled.encode())
    assert refusal.value.kind is DUPLICATE_KEY
    with pytest.raises(Problem) as refusal:
        READER.many(f'{{"rows":[{text},{doubled}]}}'.encode())
    assert refusal.value.kind is DUPLICATE_KEY


@given(st.lists(ROWS, min_size=1, max_size=5))
def test_rows_are_encoded_exactly_as_training_encodes_them(rows: list[Row]) -> None:
    complete: list[Row] = [{one.name: row.get(one.name) for one in FEATURES} for row in rows]
    required = Encoder(FEATURES).rows(complete)
    np.testing.assert_array_equal(ENCODER.many(rows), required)
    for row, encoded in zip(rows, required, strict=True):
        buffer = bytearray(4 * len(FEATURES))
        ENCODER.one(row, buffer)
        np.testing.assert_array_equal(np.frombuffer(buffer, dtype=np.float32), encoded)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_and_nothing_else(body: bytes) -> None:
    for read in (READER.one, READER.many):
        with pytest.raises(Problem):
            read(body)


def test_long_white_space_is_not_copied_into_the_log() -> None:
    body = json.dumps(ROW).replace(",", "," + " " * 5000).encode()
    assert len(READER.text_of_one(body, READER.one(body))) < 300
    batch = b'{"rows":[' + body + b"]}"
    assert len(READER.text_of_many(batch, READER.many(batch))[0]) < 300


@given(st.lists(ROWS, min_size=1, max_size=4), LAYOUTS)
def test_a_batch_read_by_column_is_what_the_schema_reads(rows: list[Row], layout: dict[str, Any]) -> None:
    body = json.dumps({"rows": rows}, **layout).encode()
    read, matrix = BATCHES.read(body)
    assert read == READER.many(body)
    np.testing.assert_array_equal(matrix, ENCODER.many(rows))


SPOILT: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 1, 0.5, -0.0, "", "x", "a" * 257, [], {}, [1], 10**400, 3.4028235e38, FLOAT32_MAX, -FLOAT32_MAX]
)


@given(st.lists(ROWS, min_size=1, max_size=3), st.data())
def test_a_batch_read_by_column_is_refused_exactly_where_the_schema_refuses(
    rows: list[Row], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from([one.name for one in FEATURES] + ["other"]))
    spoilt = [*rows, {**rows[0], name: data.draw(SPOILT)}]
    body = json.dumps({"rows": spoilt}, ensure_ascii=False).encode()
    assert verdict(READER.many, body) == verdict(lambda one: BATCHES.read(one)[0], body)


def verdict(read: Callable[[bytes], list[Row]], body: bytes) -> list[Row] | tuple[tuple[str, str], ...]:
    try:
        return read(body)
    except Problem as problem:
        return problem.errors
