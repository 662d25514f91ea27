"""The columns of an Arrow record batch, out of its buffers: every place and length is checked before it is used."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from contracts.features import Value
from service.formats.arrow.flatbuffers import DamagedError, TableReader

Layout = Literal["null", "bits", "numbers", "times", "utf8", "large utf8", "utf8 view", "other"]
TEXT_LAYOUTS = ("utf8", "large utf8", "utf8 view")
Mask = npt.NDArray[np.bool_]
Texts = list[str | None]

_VIEW = struct.Struct("<iiii")
_INLINE_BYTES = 12
_PACKED_BYTES = 7
_EIGHT = np.arange(8)


class UnreadError(Exception):
    """Arrow, but not as it is read here: the text says what is required."""


class Field(NamedTuple):
    """A column's name and how its values lie in the buffers.

    `dtype`: of numbers, or of the indices into `dictionary`, whose strings lie as `text_layout` says. `unit`: of times.
    """

    name: str
    layout: Layout
    dtype: str = ""
    dictionary: int | None = None
    text_layout: Layout = "other"
    unit: str = ""

    @property
    def is_text(self) -> bool:
        return self.dictionary is not None or self.layout in TEXT_LAYOUTS


class Coded(NamedTuple):
    """A column by its distinct values, and each row's place among them. None is missing, and always the last."""

    values: Sequence[Value]
    places: npt.NDArray[np.intp]

    def rows(self) -> list[Value]:
        """The value of each row."""
        return list(map(self.values.__getitem__, self.places.tolist()))


class Column(NamedTuple):
    """A column of a batch: numbers or booleans, [rows], or strings. `missing`: [rows], None where nothing is."""

    values: npt.NDArray[Any] | Coded
    missing: Mask | None


def coded(values: Sequence[Value]) -> Coded:
    """Values by what is distinct among them."""
    known = dict.fromkeys(values)
    if None in known:
        # Taken out and put in again, it is the last.
        known[None] = known.pop(None)
    numbers = {value: number for number, value in enumerate(known)}
    return Coded(list(known), np.fromiter(map(numbers.__getitem__, values), dtype=np.intp, count=len(values)))


def texts_in(column: Column) -> Texts:
    """The strings of a column of strings, row by row."""
    return (
        [one if isinstance(one, str) else None for one in column.values.rows()]
        if isinstance(column.values, Coded)
        else []
    )


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
    return _columns(_Buffers(record, body), record, fields, max_text, dictionaries)


def dictionary_of(record: TableReader, body: memoryview, field: Field, max_text: int) -> Texts:
    """The strings of a dictionary, which together have no more bytes than its message. Raises as columns_of does.

    Views may all point to the same bytes: a message of 1 MB said 65,000 strings of 7 kB.
    """
    buffers = _Buffers(record, body, most_text=len(body))
    (column,) = _columns(buffers, record, [field], max_text, {})
    return texts_in(column)


def _columns(
    buffers: "_Buffers", record: TableReader, fields: Sequence[Field], max_text: int, dictionaries: Mapping[int, Texts]
) -> list[Column]:
    if record.has(3):
        raise UnreadError("buffers without compression")
    if buffers.columns != len(fields):
        raise DamagedError("another number of columns than the schema has")
    columns = [_column(buffers, one, max_text, dictionaries) for one in fields]
    buffers.require_end()
    return columns


class _Buffers:
    """The buffers of one record batch, in their order."""

    def __init__(self, record: TableReader, body: memoryview, most_text: int | None = None) -> None:
        self.rows = rows_of(record)
        self.most_text = most_text
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
    if field.layout in ("numbers", "times"):
        numbers = buffers.array(field.dtype, buffers.rows)
        if field.dictionary is None:
            return Column(numbers, missing)
        return Column(_looked_up(numbers, missing, dictionaries.get(field.dictionary, [])), missing)
    if field.layout == "utf8 view":
        return Column(coded(_texts_of_views(buffers, max_text, missing)), missing)
    if field.layout == "other":
        raise DamagedError("a column that cannot be read")
    return Column(_texts(buffers, "<i4" if field.layout == "utf8" else "<i8", max_text, missing), missing)


def _looked_up(indices: npt.NDArray[Any], missing: Mask | None, texts: Texts) -> Coded:
    used, places = np.unique(indices if missing is None else indices[~missing], return_inverse=True)
    if len(used) and (int(used[0]) < 0 or int(used[-1]) >= len(texts)):
        raise DamagedError("an index outside its dictionary")
    found = Coded([texts[index] for index in used.tolist()], places)
    if None in found.values:
        return coded(_with_nulls(found, missing).rows())
    return _with_nulls(found, missing)


def _with_nulls(present: Coded, missing: Mask | None) -> Coded:
    """The same with the rows that are missing."""
    if missing is None:
        return present
    places = np.full(len(missing), len(present.values), dtype=np.intp)
    places[~missing] = present.places
    return Coded([*present.values, None], places)


def _texts(buffers: _Buffers, dtype: str, max_text: int, missing: Mask | None) -> Coded:
    if not buffers.rows:
        buffers.next()
        buffers.next()
        return coded([])
    offsets = buffers.array(dtype, buffers.rows + 1)
    data = bytes(buffers.next())
    starts, ends = offsets[:-1], offsets[1:]
    # Compared before they are subtracted: a difference may wrap around.
    if int(offsets[0]) < 0 or int(offsets[-1]) > len(data) or (ends < starts).any():
        raise DamagedError("strings outside their buffer")
    lengths = ends - starts
    if missing is not None:
        # What stands behind a null may be anything.
        starts, ends, lengths = starts[~missing], ends[~missing], lengths[~missing]
    longest = int(lengths.max(initial=0))
    if longest > max_text:
        raise UnreadError(f"strings of at most {max_text} bytes")
    if longest <= _PACKED_BYTES:
        return _with_nulls(_packed(data, starts, lengths), missing)
    return _with_nulls(
        coded([_decoded(data[start:end]) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]), missing
    )


def _packed(data: bytes, starts: npt.NDArray[Any], lengths: npt.NDArray[Any]) -> Coded:
    """Short strings, each as one number of eight bytes, the last of them its length: sorted as fast as numbers are."""
    letters = np.frombuffer(data + bytes(8), dtype=np.uint8)[starts[:, np.newaxis] + _EIGHT]
    letters *= lengths[:, np.newaxis] > _EIGHT
    letters[:, _PACKED_BYTES] = lengths
    found, places = np.unique(letters.view("<u8")[:, 0], return_inverse=True)
    return Coded(
        [_decoded(one[: one[-1]]) for one in (number.to_bytes(8, "little") for number in found.tolist())], places
    )


def _texts_of_views(buffers: _Buffers, max_text: int, missing: Mask | None) -> Texts:
    content = bytes(buffers.array("|u1", 16 * buffers.rows))
    targets = buffers.view_buffers()
    if buffers.most_text is not None:
        lengths = np.frombuffer(content, dtype="<i4")[::4]
        if int(lengths.astype(np.int64).clip(0).sum()) > buffers.most_text:
            raise UnreadError("dictionaries whose strings do not share their bytes")
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


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise DamagedError("a string is not UTF-8") from None
