"""FlatBuffers, as far as the messages of an Arrow stream need them: tables, vectors, strings, numbers.

Reading trusts nothing: every place is computed from what a client sent, so every access is checked against the end of
the bytes, and what lies outside them raises DamagedError. https://flatbuffers.dev/internals
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

MAX_VECTOR = 100_000

_U16, _I32, _U32 = struct.Struct("<H"), struct.Struct("<i"), struct.Struct("<I")
_NUMBERS = {code: struct.Struct("<" + code) for code in "?BhiqHIQ"}
NumberCode = Literal["?", "B", "h", "i", "q"]


class DamagedError(Exception):
    """The bytes are not what they claim to be."""


class TableReader:
    """One table in `data`, at `place`."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data = data
        self._place = place
        self._vtable = place - _at(_I32, data, place)
        self._size = _at(_U16, data, self._vtable)

    def number(self, slot: int, code: NumberCode, default: int = 0) -> int:
        """A number or boolean of the table itself."""
        place = self._field(slot)
        return _at(_NUMBERS[code], self._data, place) if place else default

    def has(self, slot: int) -> bool:
        """Whether the field was written."""
        return self._field(slot) != 0

    def table(self, slot: int) -> "TableReader | None":
        """A table that this one points to."""
        place = self._field(slot)
        return TableReader(self._data, self._target(place)) if place else None

    def tables(self, slot: int) -> "list[TableReader]":
        """A vector of tables."""
        start, count = self._vector(slot, 4)
        return [TableReader(self._data, self._target(start + 4 * number)) for number in range(count)]

    def count(self, slot: int) -> int:
        """How many elements a vector of tables has."""
        return self._vector(slot, 4)[1]

    def text(self, slot: int) -> str:
        """A string; empty where there is none."""
        try:
            return self.bytes_of(slot, 1).decode()
        except UnicodeDecodeError:
            raise DamagedError("a name is not UTF-8") from None

    def bytes_of(self, slot: int, size: int) -> bytes:
        """The bytes of a vector whose elements are so large."""
        start, count = self._vector(slot, size)
        return self._data[start : start + count * size]

    def _field(self, slot: int) -> int:
        at = 4 + 2 * slot
        offset = _at(_U16, self._data, self._vtable + at) if at + 2 <= self._size else 0
        return self._place + offset if offset else 0

    def _vector(self, slot: int, size: int) -> tuple[int, int]:
        place = self._field(slot)
        if not place:
            return 0, 0
        start = self._target(place)
        count = _at(_U32, self._data, start)
        if count > MAX_VECTOR or start + 4 + count * size > len(self._data):
            raise DamagedError("a vector is longer than its message")
        return start + 4, count

    def _target(self, place: int) -> int:
        return place + _at(_U32, self._data, place)


def root_of(data: bytes) -> TableReader:
    """The table that a buffer begins with. Raises DamagedError."""
    return TableReader(data, _at(_U32, data, 0))


def _at(number: struct.Struct, data: bytes, place: int) -> int:
    # A negative place would count from the end.
    if place < 0:
        raise DamagedError("a place before the message")
    try:
        (value,) = number.unpack_from(data, place)
    except struct.error:
        raise DamagedError("a place after the message") from None
    return int(value)


class Number(NamedTuple):
    """A number or boolean to be written, of this struct code."""

    code: NumberCode
    value: int


class Structs(NamedTuple):
    """A vector of structs to be written: their bytes, and how many there are."""

    content: bytes
    number: int


def buffer_of(table: Mapping[int, object]) -> bytes:
    """A buffer with this root table. What a table points to stands behind it.

    A table is a mapping from slots to Number, Structs, str, another table, or a sequence of tables.
    """
    data = bytearray(8)
    _point(data, 0, _write_table(data, table))
    _pad(data)
    return bytes(data)


def _write_table(data: bytearray, fields: Mapping[int, object]) -> int:
    slots = 1 + max(fields, default=-1)
    _pad(data)
    vtable = len(data)
    # Eight bytes for each field, whatever it is: alignment without any thought.
    size = 8 + 8 * len(fields)
    places = {slot: 8 + 8 * number for number, slot in enumerate(sorted(fields))}
    data += struct.pack(f"<{2 + slots}H", 4 + 2 * slots, size, *(places.get(slot, 0) for slot in range(slots)))
    _pad(data)
    table = len(data)
    data += struct.pack("<i", table - vtable).ljust(size, b"\0")
    for slot, place in places.items():
        _write_field(data, table + place, fields[slot])
    return table


def _write_field(data: bytearray, place: int, part: object) -> None:
    if isinstance(part, Number):
        _NUMBERS[part.code].pack_into(data, place, part.value)
    elif isinstance(part, Mapping):
        _point(data, place, _write_table(data, part))
    elif isinstance(part, str):
        text = part.encode()
        _pad(data)
        _point(data, place, len(data))
        data += _U32.pack(len(text)) + text + b"\0"
    elif isinstance(part, Structs):
        # The elements need eight bytes' alignment, so the count stands four bytes before it.
        _pad(data)
        data += bytes(4)
        _point(data, place, len(data))
        data += _U32.pack(part.number) + part.content
    else:
        assert isinstance(part, Sequence)
        _pad(data)
        start = len(data)
        _point(data, place, start)
        data += _U32.pack(len(part)) + bytes(4 * len(part))
        for number, one in enumerate(part):
            _point(data, start + 4 + 4 * number, _write_table(data, one))


def _point(data: bytearray, place: int, target: int) -> None:
    _U32.pack_into(data, place, target - place)


def _pad(data: bytearray) -> None:
    data += bytes(-len(data) % 8)
