"""The columns of an Arrow record batch, out of its buffers: every place and length is checked before it is used."""

import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from service.flat_tables import DamagedError, TableReader

Layout = Literal["null", "bits", "numbers", "utf8", "large utf8", "utf8 view", "other"]
TEXT_LAYOUTS = ("utf8", "large utf8", "utf8 view")
Mask = npt.NDArray[np.bool_]
Texts = list[str | None]
Content = TypeVar("Content", str, bytes)

_VIEW = struct.Struct("<iiii")
_INLINE_BYTES = 12


class UnreadError(Exception):
    """Arrow, but not as it is read here: the text says what is required."""


class Field(NamedTuple):
    """A column's name and how its values lie in the buffers.

    `dtype`: of numbers, or of the indices into `dictionary`, whose strings lie as `text_layout` says.
    """

    name: str
    layout: Layout
    dtype: str = ""
    dictionary: int | None = None
    text_layout: Layout = "other"

    @property
    def is_text(self) -> bool:
        return self.dictionary is not None or self.layout in TEXT_LAYOUTS


class Column(NamedTuple):
    """The values of a column, [rows]: numbers or booleans, or a list of strings. `missing`: None where nothing is."""

    values: npt.NDArray[Any] | Texts
    missing: Mask | None


def rows_of(record: TableReader) -> int:
    """The rows of a record batch. Raises DamagedError."""
    rows = record.number(0, "q")
    if rows < 0:
        raise DamagedError("fewer than no rows")
    return rows


def columns_of(
    record: TableReader, body: memoryview, fields: Sequence[Field], max_text: int, dictionaries: Mapping[int, Texts]
) -> list[Column]:
    """A column for each field. `max_text`: bytes of a string. Raises DamagedError and UnreadError."""
    if record.has(3):
        raise UnreadError("buffers without compression")
    buffers = _Buffers(record, body)
    if buffers.columns != len(fields):
        raise DamagedError("another number of columns than the schema has")
    columns = [_column(buffers, one, max_text, dictionaries) for one in fields]
    buffers.require_end()
    return columns


class _Buffers:
    """The buffers of one record batch, in their order."""

    def __init__(self, record: TableReader, body: memoryview) -> None:
        self.rows = rows_of(record)
        self._body = body
        nodes = np.frombuffer(record.bytes_of(1, 16), dtype="<i8").reshape(-1, 2).tolist()
        self.columns = len(nodes)
        self._nulls = iter([self._nulls_of(length, nulls) for length, nulls in nodes])
        self._places = iter(np.frombuffer(record.bytes_of(2, 16), dtype="<i8").reshape(-1, 2).tolist())
        self._views = iter(np.frombuffer(record.bytes_of(4, 8), dtype="<i8").tolist())

    def _nulls_of(self, length: int, nulls: int) -> int:
        if length != self.rows or not 0 <= nulls <= length:
            raise DamagedError("a column of another length than its batch")
        return nulls

    def next(self) -> memoryview:
        """The next buffer."""
        start, length = next(self._places, (-1, -1))
        if start < 0 or length < 0 or start + length > len(self._body):
            raise DamagedError("a buffer outside its message")
        return self._body[start : start + length]

    def array(self, dtype: str, count: int) -> npt.NDArray[Any]:
        """The next buffer's first `count` values."""
        return _array(self.next(), dtype, count)

    def bits(self) -> Mask:
        """The next buffer as a boolean for each row."""
        return _bits(self.next(), self.rows)

    def nulls(self) -> int:
        """How many nulls the next column says it has."""
        return next(self._nulls)

    def missing(self, nulls: int) -> Mask | None:
        """The next buffer as the mask of so many nulls."""
        buffer = self.next()
        if not nulls and not buffer:
            return None
        missing = ~_bits(buffer, self.rows)
        if np.count_nonzero(missing) != nulls:
            raise DamagedError("another number of nulls than the column says")
        return missing if nulls else None

    def view_buffers(self) -> list[memoryview]:
        """The buffers that the next column of views points into."""
        count = next(self._views, -1)
        if count < 0:
            raise DamagedError("views without a number of buffers")
        buffers: list[memoryview] = []
        while len(buffers) < count:
            buffers.append(self.next())
        return buffers

    def require_end(self) -> None:
        """Raises DamagedError where a buffer is left over."""
        if next(self._places, None) is not None:
            raise DamagedError("more buffers than the schema has")


def _array(buffer: memoryview, dtype: str, count: int) -> npt.NDArray[Any]:
    if len(buffer) < count * np.dtype(dtype).itemsize:
        raise DamagedError("a buffer that is too short")
    return np.frombuffer(buffer, dtype=dtype, count=count)


def _bits(buffer: memoryview, count: int) -> Mask:
    packed = _array(buffer, "|u1", -(-count // 8))
    return np.unpackbits(packed, count=count, bitorder="little").view(np.bool_)


def _column(buffers: _Buffers, field: Field, max_text: int, dictionaries: Mapping[int, Texts]) -> Column:
    nulls = buffers.nulls()
    if field.layout == "null":
        return Column(np.zeros(buffers.rows), np.ones(buffers.rows, dtype=np.bool_))
    missing = buffers.missing(nulls)
    if field.layout == "bits":
        return Column(buffers.bits(), missing)
    if field.layout == "numbers":
        numbers = buffers.array(field.dtype, buffers.rows)
        if field.dictionary is None:
            return Column(numbers, missing)
        return Column(_looked_up(numbers, missing, dictionaries.get(field.dictionary, [])), missing)
    if field.layout == "utf8 view":
        return Column(_texts_of_views(buffers, max_text, missing), missing)
    if field.layout == "other":
        raise DamagedError("a column that cannot be read")
    return Column(_texts(buffers, "<i4" if field.layout == "utf8" else "<i8", max_text, missing), missing)


def _looked_up(indices: npt.NDArray[Any], missing: Mask | None, texts: Texts) -> Texts:
    present = indices if missing is None else indices[~missing]
    if len(present) and (int(present.min()) < 0 or int(present.max()) >= len(texts)):
        raise DamagedError("an index outside its dictionary")
    if missing is None:
        return [texts[index] for index in indices.tolist()]
    pairs = zip(indices.tolist(), missing.tolist(), strict=True)
    return [None if is_missing else texts[index] for index, is_missing in pairs]


def _texts(buffers: _Buffers, dtype: str, max_text: int, missing: Mask | None) -> Texts:
    if not buffers.rows:
        buffers.next()
        buffers.next()
        return []
    offsets = buffers.array(dtype, buffers.rows + 1)
    data = bytes(buffers.next())
    starts, ends = offsets[:-1], offsets[1:]
    # Compared before they are subtracted: a difference may wrap around.
    if int(offsets[0]) < 0 or int(offsets[-1]) > len(data) or (ends < starts).any():
        raise DamagedError("strings outside their buffer")
    if int((ends - starts).max()) > max_text:
        raise UnreadError(f"strings of at most {max_text} bytes")
    places = offsets.tolist()
    if data.isascii():
        text = data.decode()
        return _without([text[start:end] for start, end in pairwise(places)], missing)
    found = [data[start:end] for start, end in pairwise(places)]
    return [None if one is None else _decoded(one) for one in _without(found, missing)]


def _texts_of_views(buffers: _Buffers, max_text: int, missing: Mask | None) -> Texts:
    content = bytes(buffers.array("|u1", 16 * buffers.rows))
    targets = buffers.view_buffers()
    found: list[bytes | None] = []
    for number, (length, _, target, start) in enumerate(_VIEW.iter_unpack(content)):
        if missing is not None and missing[number]:
            found.append(None)
        elif 0 <= length <= _INLINE_BYTES:
            found.append(content[16 * number + 4 : 16 * number + 4 + length])
        elif not 0 <= length <= max_text:
            raise UnreadError(f"strings of at most {max_text} bytes")
        elif not 0 <= target < len(targets) or start < 0 or start + length > len(targets[target]):
            raise DamagedError("a string outside its buffer")
        else:
            found.append(bytes(targets[target][start : start + length]))
    return [None if one is None else _decoded(one) for one in found]


def _without(values: Sequence[Content], missing: Mask | None) -> list[Content | None]:
    """With None where nothing is; what stands behind a null may be anything."""
    if missing is None:
        return list(values)
    return [None if is_missing else value for value, is_missing in zip(values, missing.tolist(), strict=True)]


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise DamagedError("a string is not UTF-8") from None
