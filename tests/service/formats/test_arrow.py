"""Batches as Arrow streams: the same rows, rules, log and answers as in JSON, whatever a stream holds."""

import io
import json
import math
import random
import struct
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.schema import Task
from scoring.encoder import Encoder
from service.formats.arrow.rows import ArrowReader
from service.formats.encoding import RowEncoder
from service.formats.row_schema import FLOAT32_MAX
from service.http.problems import DOES_NOT_FIT, DUPLICATE_KEY, NOT_ARROW, Problem
from testbed.clients import InProcess, Process
from testbed.served_folders import FEATURES, GOLDEN_ROWS, ROW, Row, write_folder
from tests.service.formats.test_json_rows import ROWS, Card

ARROW = "application/vnd.apache.arrow.stream"
TYPES = {"numeric": pa.float64(), "boolean": pa.bool_(), "categorical": pa.string()}
SCHEMA = pa.schema([(one.name, TYPES[one.kind]) for one in FEATURES])
READER = ArrowReader(Card(), RowEncoder(FEATURES))  # type: ignore[arg-type]  # a card of what is read, only


def table_of(rows: Sequence[Row]) -> Any:
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def stream_of(table: Any, rows_a_batch: int | None = None, **options: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=rows_a_batch)
    return sink.getvalue()


def replaced(name: str, values: Any) -> Any:
    """A table of three rows with one column exchanged."""
    table = table_of([ROW] * 3)
    return table.set_column(table.schema.get_field_index(name), name, values)


def send(service: InProcess, body: bytes, **headers: str) -> httpx.Response:
    return service.send("/predict/batch", body, content_type=ARROW, **headers)


def read(answer: httpx.Response) -> Any:
    assert answer.status_code == 200
    assert answer.headers["content-type"] == ARROW
    return pa.ipc.open_stream(answer.content).read_all()


STREAM = stream_of(table_of(GOLDEN_ROWS))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_stream_is_answered_as_the_same_rows_in_json_are(tmp_path: Path, task: Task) -> None:
    service = InProcess(write_folder(tmp_path / "model", task), tmp_path / "log")
    answer = read(send(service, STREAM, x_request_id="one"))
    required = service.post("/predict/batch", {"rows": list(GOLDEN_ROWS)}, x_request_id="two").json()
    assert answer.schema.metadata[b"model"].decode() == required["model"]
    for seen, wanted in zip(answer.to_pylist(), required["predictions"], strict=True):
        assert list(seen) == list(wanted)
        for member, value in wanted.items():
            assert seen[member] == (pytest.approx(value) if member != "id" else seen["id"])


def test_a_stream_is_logged_and_counted_as_the_same_rows_in_json_are(service: InProcess) -> None:
    send(service, STREAM)
    service.post("/predict/batch", {"rows": list(GOLDEN_ROWS)})
    records = [{**one, "id": "", "at_us": 0} for one in service.records()]
    assert records[:3] == records[3:]
    assert service.metric("predictions_total", prediction="yes") == 6
    assert service.metric("batch_rows_bucket", le="5") == 2
    assert service.metric("unknown_categories_total", feature="plan/~ü") == 2
    assert service.metric("log_records_written_total", log="predictions") == 6


def test_only_the_features_that_are_allowed_reach_the_log(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model", logged_features=("class", "town"))
    service = InProcess(folder, tmp_path / "log")
    send(service, STREAM)
    assert [one["features"] for one in service.records()] == [
        {"class": row["class"], "town": row["town"]} for row in GOLDEN_ROWS
    ]


def test_a_stream_gives_its_rows_one_by_one_to_a_shadow() -> None:
    assert READER.read(STREAM).rows() == [dict(row) for row in GOLDEN_ROWS]


def test_a_replayed_stream_gets_the_same_ids(service: InProcess) -> None:
    first, second = (read(send(service, STREAM, idempotency_key="order-1")) for _ in range(2))
    assert first["id"].to_pylist() == second["id"].to_pylist()
    assert len(set(first["id"].to_pylist())) == 3


@pytest.mark.parametrize(
    ("name", "values"),
    [
        *[("age in years", pa.array([41, 7, 90], kind)) for kind in (pa.int8(), pa.uint16(), pa.int64(), pa.uint64())],
        *[("age in years", pa.array([41.5, 7, 90], kind)) for kind in (pa.float16(), pa.float32())],
        *[("town", pa.array(["Ulm", None, "Łódź"], kind)) for kind in (pa.large_string(), pa.string_view())],
        ("town", pa.array(["Ulm", None, "a town whose name is longer than a view holds"], pa.string_view())),
        *[
            ("town", pa.array(["Ulm", None, "Ulm"]).cast(pa.dictionary(index, pa.string())))
            for index in (pa.int8(), pa.uint32(), pa.int64())
        ],
        ("town", pa.DictionaryArray.from_arrays(pa.array([0, 1, 1], pa.int8()), pa.array(["Ulm", None]))),
        ("town", pa.nulls(3)),
        ("class", pa.nulls(3)),
        ("_private", pa.nulls(3)),
        ("town", pa.array(["Ulm"] * 6)[2:5]),
        ("class", pa.array([1.0, None, -0.0])),
    ],
    ids=lambda one: str(one.type) if isinstance(one, pa.Array) else "",
)
def test_every_type_that_holds_such_values_is_read(name: str, values: Any) -> None:
    assert [row[name] for row in READER.read(stream_of(replaced(name, values))).rows()] == values.to_pylist()


@given(st.lists(ROWS, min_size=1, max_size=12), st.integers(1, 5))
def test_a_stream_is_read_and_encoded_exactly_as_its_rows_are(rows: list[Row], rows_a_batch: int) -> None:
    complete: list[Row] = [{one.name: row.get(one.name) for one in FEATURES} for row in rows]
    columns = READER.read(stream_of(table_of(complete), rows_a_batch))
    assert columns.rows() == complete
    np.testing.assert_array_equal(columns.matrix, Encoder(FEATURES).rows(complete))
    texts = [b"".join(one) for one in zip(*READER.texts(columns), strict=False)]
    assert [json.loads(text) for text in texts] == complete


@given(st.lists(st.text(max_size=8) | st.none(), min_size=2, max_size=12), st.booleans())
def test_dictionaries_that_change_between_batches_are_followed(towns: list[str | None], deltas: bool) -> None:
    halves = [pa.array(part, pa.string()).dictionary_encode() for part in (towns[:1], towns)]
    rows = [table_of([ROW] * len(one)) for one in halves]
    place = SCHEMA.get_field_index("town")
    tables = [table.set_column(place, "town", one) for table, one in zip(rows, halves, strict=True)]
    stream = stream_of(pa.concat_tables(tables), emit_dictionary_deltas=deltas)
    assert [row["town"] for row in READER.read(stream).rows()] == towns[:1] + towns


def test_a_feature_that_may_be_missing_may_be_left_out(service: InProcess) -> None:
    table = table_of([ROW]).drop_columns(["class", "town", "_private"])
    assert read(send(service, stream_of(table))).num_rows == 1
    (record,) = service.records()
    assert record["features"] == {**ROW, "class": None, "town": None, "_private": None}


REFUSED: list[tuple[str, Any, str]] = [
    ("no feature", table_of([ROW]).append_column("other", pa.array([1])), "#"),
    ("a feature is left out", table_of([ROW]).drop_columns(["is_new"]), "#/is_new"),
    ("null in a number", replaced("age in years", pa.array([1.0, 2.0, None])), "#/rows/2/age in years"),
    ("null in a string", replaced("plan/~ü", pa.array(["pro", None, "pro"])), "#/rows/1/plan~1~0ü"),
    ("null in a boolean", replaced("is_new", pa.array([None, True, True])), "#/rows/0/is_new"),
    ("null in a dictionary", replaced("plan/~ü", pa.array(["a", None, "b"]).dictionary_encode()), "#/rows/1/plan~1~0ü"),
    ("a column of nulls", replaced("is_new", pa.nulls(3)), "#/rows/0/is_new"),
    ("NaN", replaced("class", pa.array([1.0, math.nan, None])), "#/rows/1/class"),
    ("infinity", replaced("class", pa.array([-math.inf, 1.0, 1.0])), "#/rows/0/class"),
    ("an infinity of 16 bits", replaced("class", pa.array(np.array([1, 1, np.inf], np.float16))), "#/rows/2/class"),
    ("beyond float32", replaced("class", pa.array([1.0, 3.4028235e38, 1.0])), "#/rows/1/class"),
    ("a string for a number", replaced("class", pa.array(["1", "2", "3"])), "#/class"),
    ("a boolean for a number", replaced("class", pa.array([True, False, True])), "#/class"),
    ("a number for a boolean", replaced("is_new", pa.array([1, 0, 1])), "#/is_new"),
    ("a number for a string", replaced("town", pa.array([1, 0, 1])), "#/town"),
    ("bytes for a string", replaced("town", pa.array([b"a", b"b", b"c"])), "#/town"),
    ("a date for a number", replaced("class", pa.array([1, 2, 3], pa.date32())), "#/class"),
    ("a decimal for a number", replaced("class", pa.array([1, 2, 3], pa.decimal128(5))), "#/class"),
    ("a list for a number", replaced("class", pa.array([[1.0], [2.0], []])), "#/class"),
    ("a struct for a string", replaced("town", pa.array([{"a": "x"}] * 3)), "#/town"),
    ("numbers in a dictionary", replaced("town", pa.array([1, 2, 1]).dictionary_encode()), "#/town"),
    ("a long string", replaced("town", pa.array(["Ulm", "a" * 257, "Ulm"])), "#/rows/1/town"),
    ("a far too long string", replaced("town", pa.array(["Ulm", "a" * 5_000, "Ulm"])), "#"),
    ("a far too long view", replaced("town", pa.array(["Ulm", "a" * 5_000, "Ulm"], pa.string_view())), "#"),
    ("too many rows", table_of([ROW] * 51), "#"),
    ("too many columns", pa.table({str(number): [1.0] for number in range(200)}), "#"),
    ("no rows", table_of([]), "#"),
    ("no columns", pa.table({}), "#/age in years"),
]


@pytest.mark.parametrize(("table", "pointer"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED])
def test_what_json_may_not_hold_a_stream_may_not_hold_either(service: InProcess, table: Any, pointer: str) -> None:
    answer = send(service, stream_of(table))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert len(answer.content) < 2048
    assert service.records() == []


def test_rows_are_counted_over_all_batches_of_a_stream(service: InProcess) -> None:
    assert send(service, stream_of(table_of([ROW] * 50), rows_a_batch=7)).status_code == 200
    assert send(service, stream_of(table_of([ROW] * 51), rows_a_batch=7)).status_code == 422


def test_a_column_that_stands_twice_is_refused_as_a_key_is(service: InProcess) -> None:
    table = table_of([ROW])
    answer = send(service, stream_of(table.append_column("class", pa.array([2.0]))))
    assert (answer.status_code, answer.json()["type"]) == (400, DUPLICATE_KEY.uri)


@pytest.mark.parametrize("options", [{"compression": "zstd"}, {"compression": "lz4"}, {"use_legacy_format": True}])
def test_what_is_not_read_is_refused_before_it_is_unpacked(service: InProcess, options: dict[str, Any]) -> None:
    answer = send(service, stream_of(table_of([ROW] * 50), **options))
    assert (answer.status_code, answer.json()["type"]) == (422, DOES_NOT_FIT.uri)


def test_a_stream_without_its_end_mark_is_refused_though_its_batches_are_whole(service: InProcess) -> None:
    whole = stream_of(table_of([ROW] * 6), rows_a_batch=2)
    assert whole.endswith(b"\xff\xff\xff\xff\0\0\0\0")
    answer = send(service, whole[:-8])
    assert (answer.status_code, answer.json()["type"]) == (400, NOT_ARROW.uri)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"ARROW1\0\0", STREAM + b"\0", STREAM + STREAM, b"\xff" * 4096, b"\0" * 64]
)
def test_what_is_no_stream_is_refused(service: InProcess, body: bytes) -> None:
    assert send(service, body).status_code in (400, 422)


def test_a_body_beyond_the_bound_is_refused(service: InProcess) -> None:
    size = service.service.predictor.model.max_batch_bytes + 1
    assert send(service, bytes(size)).status_code == 413


def outcome(stream: bytes) -> str:
    """What the reader makes of it; anything but rows or a refusal is raised."""
    try:
        columns = READER.read(stream)
    except Problem as problem:
        return problem.kind.slug
    list(zip(*READER.texts(columns), strict=False))
    return f"{len(columns.matrix)} rows"


RICH = table_of(GOLDEN_ROWS).set_column(
    SCHEMA.get_field_index("town"), "town", pa.array(["Ulm", None, "Łódź"]).dictionary_encode()
)
VIEWS = replaced("plan/~ü", pa.array(["pro", "a name that does not fit into a view", "basic"], pa.string_view()))
STREAMS = {"rich": stream_of(RICH, rows_a_batch=2), "views": stream_of(VIEWS), "plain": STREAM}


@pytest.mark.parametrize("name", STREAMS)
def test_every_prefix_of_a_stream_is_refused(name: str) -> None:
    whole = STREAMS[name]
    assert outcome(whole) == "3 rows"
    assert {outcome(whole[:size]) for size in range(len(whole))} <= {NOT_ARROW.slug, DOES_NOT_FIT.slug}


@pytest.mark.parametrize("name", STREAMS)
def test_any_bit_may_be_flipped_and_the_reader_reads_or_refuses(name: str) -> None:
    whole = STREAMS[name]
    for place in range(len(whole)):
        for bit in (0, 3, 7):
            spoilt = bytearray(whole)
            spoilt[place] ^= 1 << bit
            outcome(bytes(spoilt))


SPOIL: list[Callable[[random.Random], bytes]] = [
    lambda draw: bytes([draw.choice([0, 1, 127, 128, 255, draw.randrange(256)])]),
    lambda draw: draw.choice([0, 1, -1, 4, 2**31 - 1, -(2**31)]).to_bytes(4, "little", signed=True),
    lambda draw: draw.choice([0, 1, -1, 8, 2**31, 2**40, 2**63 - 1, -(2**63)]).to_bytes(8, "little", signed=True),
]


@given(st.integers(0, 2**32), st.sampled_from(sorted(STREAMS)))
def test_whatever_is_written_over_a_stream_the_reader_reads_or_refuses(seed: int, name: str) -> None:
    draw = random.Random(seed)
    for _ in range(20):
        spoilt = bytearray(STREAMS[name])
        for _ in range(draw.choice([1, 2, 8])):
            piece = draw.choice(SPOIL)(draw)
            place = draw.randrange(0, len(spoilt) - 8) // len(piece) * len(piece)
            spoilt[place : place + len(piece)] = piece
        outcome(bytes(spoilt))


def test_offsets_that_wrap_around_are_refused() -> None:
    table = replaced("plan/~ü", pa.array(["pro", "plus", "pro"]))
    stream = stream_of(table)
    offsets = np.array([0, 3, 7, 10], dtype="<i4").tobytes()
    assert stream.count(offsets) == 1
    for wrapped in ([0, 2**31 - 1, -(2**31), 10], [0, 3, 2, 10], [-1, 3, 7, 10], [0, 3, 7, 11]):
        spoilt = stream.replace(offsets, np.array(wrapped, dtype="<i4").tobytes())
        assert outcome(spoilt) in (NOT_ARROW.slug, DOES_NOT_FIT.slug)


def views_of(texts: list[bytes], places: list[int]) -> Any:
    """Strings as views into one buffer: those of the same place share its bytes."""
    starts = np.cumsum([0, *map(len, texts)])
    views = b"".join(struct.pack("<i4sii", len(texts[one]), texts[one][:4], 0, int(starts[one])) for one in places)
    return pa.Array.from_buffers(
        pa.string_view(), len(places), [None, pa.py_buffer(views), pa.py_buffer(b"".join(texts))]
    )


def with_dictionary(values: Any) -> bytes:
    towns = pa.DictionaryArray.from_arrays(pa.array([0, 0, 0], pa.int32()), values, safe=False)
    return stream_of(replaced("town", towns))


@pytest.mark.parametrize(("length", "count"), [(1_000, 65_000), (200, 65_000), (40, 60_000), (1_000, 40)])
def test_a_dictionary_cannot_say_more_than_it_brings(length: int, count: int) -> None:
    stream = with_dictionary(views_of([b"Ulm" + b" " * (length - 3)], [0] * count))
    tracemalloc.start()
    try:
        with pytest.raises(Problem) as refused:
            READER.read(stream)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(stream) + 1_000_000
    finally:
        tracemalloc.stop()
    assert "share" in str(refused.value.errors)


def test_a_dictionary_of_views_that_share_nothing_is_read() -> None:
    texts = [f"a town of a long name, number {number:05}".encode() for number in range(5_000)]
    assert READER.read(with_dictionary(views_of(texts, list(range(5_000))))).rows()[0]["town"] == texts[0].decode()


def test_a_process_survives_damaged_streams_and_answers_on(process: Process) -> None:
    draw = random.Random(5)
    with process.client(content_type=ARROW) as client:
        for _ in range(200):
            spoilt = bytearray(STREAMS["rich"])
            for _ in range(draw.choice([1, 2, 8])):
                spoilt[draw.randrange(len(spoilt))] = draw.randrange(256)
            assert client.post("/predict/batch", content=bytes(spoilt)).status_code in (200, 400, 422)
        assert read(client.post("/predict/batch", content=STREAM)).num_rows == 3


JSON = "application/json"


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("*/*", ARROW),
        (JSON, JSON),
        ("application/*", ARROW),
        (f"{JSON};q=0.5, {ARROW};q=0.4", JSON),
        (f"text/html, {ARROW}", ARROW),
        (f"{ARROW};q=0, */*", JSON),
        ("text/html, */*;q=0.1", ARROW),
        (JSON.upper(), JSON),
    ],
)
def test_the_answer_is_of_the_type_that_accept_prefers(service: InProcess, accept: str, answered: str) -> None:
    answer = send(service, STREAM, accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, answered)


def test_rows_in_json_can_be_answered_in_arrow(service: InProcess) -> None:
    answer = service.post("/predict/batch", {"rows": [ROW, ROW]}, accept=ARROW)
    assert read(answer).num_rows == 2


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml, text/*", f"{JSON};q=0", "*/*;q=0", "", f"{JSON};q=x"]
)
def test_a_type_that_is_not_written_is_406(service: InProcess, accept: str) -> None:
    assert send(service, STREAM, accept=accept).status_code == 406
    assert service.records() == []


@pytest.mark.parametrize(
    "content_type", ["text/csv", "application/vnd.apache.arrow.file", "application/vnd.apache.arrow", "", "*/*"]
)
def test_a_type_that_is_not_read_is_415_whatever_is_accepted(service: InProcess, content_type: str) -> None:
    answer = service.send("/predict/batch", STREAM, content_type=content_type, accept="text/html")
    assert answer.status_code == 415


def test_a_compressed_body_is_415(service: InProcess) -> None:
    assert send(service, STREAM, content_encoding="gzip").status_code == 415


def test_only_batches_come_as_streams(service: InProcess) -> None:
    assert service.send("/predict", STREAM, content_type=ARROW).status_code == 415


def test_a_number_at_the_edge_of_float32_is_taken_as_in_json() -> None:
    table = replaced("class", pa.array([FLOAT32_MAX, -FLOAT32_MAX, 1.0]))
    assert len(READER.read(stream_of(table)).rows()) == 3
