"""Reads an Arrow IPC stream of flat columns from untrusted clients: numpy on checked slices, no native code.

https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format. A stream is a schema, dictionaries and record
batches, and must have an end mark: without one, a stream cut off between two messages would look complete. Damaged
bytes raise DamagedError. Arrow that is not read here (compression, big-endian values, the framing before 2019) raises
UnreadError. Why no library does this: docs/decisions/0005-own-arrow-reader.md.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from service.formats.arrow.columns import (
    TEXT_LAYOUTS,
    Column,
    Field,
    Layout,
    Texts,
    UnreadError,
    columns_of,
    dictionary_of,
    rows_of,
)
from service.formats.arrow.flatbuffers import DamagedError, TableReader, root_of

MAX_MESSAGES = 256
MAX_DICTIONARY = 65_536
_PREFIX = struct.Struct("<iI")
_CONTINUATION = -1
_END = b"\xff\xff\xff\xff\0\0\0\0"
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
_VERSIONS = (3, 4)
_NULL, _INT, _FLOAT, _UTF8, _BOOL, _DATE, _TIMESTAMP, _LARGE_UTF8, _UTF8_VIEW = 1, 2, 3, 5, 6, 8, 10, 20, 24
_LAYOUTS: dict[int, Layout] = {
    _NULL: "null",
    _BOOL: "bits",
    _UTF8: "utf8",
    _LARGE_UTF8: "large utf8",
    _UTF8_VIEW: "utf8 view",
}
# By the number of a date's unit, and of a timestamp's.
_DATES = {0: ("<i4", "day"), 1: ("<i8", "ms")}
_TIMESTAMPS = {0: "s", 1: "ms", 2: "us", 3: "ns"}
_FLOATS = {0: "<f2", 1: "<f4", 2: "<f8"}


class Message(NamedTuple):
    """One message: its kind, header and body. `metadata`: the bytes that the header is read from."""

    kind: int
    header: TableReader
    body: memoryview
    metadata: bytes


def messages_in(stream: bytes) -> Iterator[Message]:
    """The messages up to the end mark, after which nothing may follow. Raises DamagedError and UnreadError."""
    place = 0
    for _ in range(MAX_MESSAGES):
        if stream[place : place + 8] == _END:
            if place + 8 != len(stream):
                raise DamagedError("something follows the end mark")
            return
        if place + 8 > len(stream):
            raise DamagedError("the stream ends without an end mark")
        continuation, size = _PREFIX.unpack_from(stream, place)
        if continuation != _CONTINUATION:
            raise UnreadError("messages that begin with a continuation mark, as since Arrow 0.15")
        message, start = _message(stream, place + 8, size)
        place = start
        yield message
    raise UnreadError(f"at most {MAX_MESSAGES} messages")


def _message(stream: bytes, start: int, size: int) -> tuple[Message, int]:
    """The message whose metadata begins at `start`, and where the next one begins."""
    metadata = stream[start : start + size]
    root = root_of(metadata)
    header, length = root.table(2), root.number(3, "q")
    body, end = start + size, start + size + length
    if header is None or root.number(0, "h") not in _VERSIONS or length < 0 or end > len(stream):
        raise DamagedError("a message is incomplete")
    return Message(root.number(1, "B"), header, memoryview(stream)[body:end], metadata), end


class SchemaReader:
    """Reads a stream's schema, and caches the last one, because clients send the same again and again."""

    def __init__(self) -> None:
        self._metadata = b""
        self._fields: tuple[Field, ...] = ()

    def read(self, message: Message, max_columns: int) -> tuple[Field, ...]:
        """The fields. Raises DamagedError and UnreadError."""
        if message.metadata != self._metadata:
            if message.kind != _SCHEMA:
                raise DamagedError("the first message is no schema")
            if message.header.number(0, "h"):
                raise UnreadError("little-endian values")
            if message.header.count(1) > max_columns:
                raise UnreadError(f"at most {max_columns} columns")
            self._fields = tuple(map(_field, message.header.tables(1)))
            self._metadata = message.metadata
        return self._fields


def batches_in(
    rest: Iterator[Message], fields: Sequence[Field], max_rows: int, max_text: int
) -> Iterator[tuple[int, list[Column]]]:
    """Rows and columns of each record batch; together at most `max_rows`, and strings of at most `max_text` bytes.

    `rest`: the messages after the schema. Raises DamagedError and UnreadError.
    """
    coded = {one.dictionary: Field("", one.text_layout) for one in fields if one.dictionary is not None}
    dictionaries: dict[int, Texts] = {}
    for message in rest:
        if message.kind == _DICTIONARY:
            _read_dictionary(message, coded, dictionaries, max_text)
        elif message.kind == _BATCH:
            rows = rows_of(message.header)
            max_rows -= rows
            if max_rows < 0:
                raise UnreadError("fewer rows")
            yield rows, columns_of(message.header, message.body, fields, max_text, dictionaries)
        else:
            raise DamagedError("a message that is neither dictionary nor record batch")


def _read_dictionary(
    message: Message, coded: Mapping[int, Field], dictionaries: dict[int, Texts], max_text: int
) -> None:
    """Add the message's strings to its dictionary, or replace that, as it says."""
    header = message.header
    number, record = header.number(0, "q"), header.table(1)
    if record is None or number not in coded:
        raise DamagedError("a dictionary of no column")
    if rows_of(record) + len(dictionaries.get(number, ())) > MAX_DICTIONARY:
        raise UnreadError(f"dictionaries of at most {MAX_DICTIONARY} values")
    texts = dictionary_of(record, message.body, coded[number], max_text)
    if not header.number(2, "?"):
        dictionaries[number] = []
    dictionaries.setdefault(number, []).extend(texts)


def _field(table: TableReader) -> Field:
    name, kind, details, encoding = table.text(0), table.number(2, "B"), table.table(3), table.table(4)
    if encoding is not None:
        layout = _LAYOUTS.get(kind, "other")
        indices = _int_type(encoding.table(1))
        is_read = layout in TEXT_LAYOUTS and indices
        return Field(name, "numbers" if is_read else "other", indices, encoding.number(0, "q"), layout)
    if kind == _INT:
        return _numbers(name, _int_type(details))
    if kind == _FLOAT:
        return _numbers(name, _FLOATS.get(0 if details is None else details.number(0, "h"), ""))
    if kind == _DATE:
        dtype, unit = _DATES.get(1 if details is None else details.number(0, "h", 1), ("", ""))
        return Field(name, "times" if dtype else "other", dtype, unit=unit)
    if kind == _TIMESTAMP:
        unit = _TIMESTAMPS.get(0 if details is None else details.number(0, "h"), "")
        return Field(name, "times" if unit else "other", "<i8", unit=unit)
    return Field(name, _LAYOUTS.get(kind, "other"))


def _numbers(name: str, dtype: str) -> Field:
    return Field(name, "numbers" if dtype else "other", dtype)


def _int_type(details: TableReader | None) -> str:
    """The dtype; int32 for indices without a type, empty for an invalid width."""
    if details is None:
        return "<i4"
    bits, is_signed = details.number(0, "i"), details.number(1, "?")
    return f"<{'i' if is_signed else 'u'}{bits // 8}" if bits in (8, 16, 32, 64) else ""
