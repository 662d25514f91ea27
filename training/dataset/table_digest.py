"""The digest of a table: the same values give the same sha256 with every version of the libraries.

It covers names, order, types and values, not the encoding. Integers count as int64, numbers as float64, instants as
microseconds since 1970 (UTC), text as UTF-8. NaN and null are both missing.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# pyarrow has no type stubs, so these are names for the reader only.
ArrowTable: TypeAlias = Any
ArrowColumn: TypeAlias = Any


def table_digest(table: ArrowTable) -> str:
    """Hex sha256 of a pyarrow table's values."""
    digest = hashlib.sha256(f"{table.num_rows} rows".encode())
    for name, column in zip(table.column_names, table.columns, strict=True):
        add_column(digest, name, column)
    return digest.hexdigest()


def add_column(digest: "hashlib._Hash", name: str, column: ArrowColumn) -> None:
    """Add one column's name, kind and values."""
    kind, values = _canonical(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    digest.update(json.dumps([name, kind]).encode())
    digest.update(np.packbits(valid).tobytes())
    for part in _content(kind, values):
        digest.update(part)


def _canonical(column: ArrowColumn) -> tuple[str, ArrowColumn]:
    """The kind of a column, and its values in the one type of that kind."""
    types, kind = pa.types, column.type
    if types.is_dictionary(kind):
        return _canonical(column.dictionary_decode())
    if types.is_boolean(kind):
        return "boolean", column
    if types.is_integer(kind) and not types.is_uint64(kind):
        return "integer", column.cast(pa.int64())
    if types.is_floating(kind):
        numbers = column.cast(pa.float64())
        return "number", pc.if_else(pc.is_nan(numbers), None, numbers)
    if types.is_timestamp(kind) or types.is_date(kind):
        return "instant", column.cast(pa.timestamp("us"), safe=False)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind):
        return "text", column.cast(pa.large_string())
    return str(kind), pa.array([None if value is None else repr(value) for value in column.to_pylist()], "large_string")


def _content(kind: str, values: ArrowColumn) -> Iterable[bytes]:
    if kind == "boolean":
        yield np.packbits(values.fill_null(False).to_numpy(zero_copy_only=False)).tobytes()
    elif kind == "number":
        yield values.fill_null(0.0).to_numpy().astype("<f8").tobytes()
    elif kind in ("integer", "instant"):
        yield values.cast(pa.int64()).fill_null(0).to_numpy().astype("<i8").tobytes()
    else:
        yield from _text_content(values.fill_null(""))


def _text_content(values: ArrowColumn) -> Iterable[bytes]:
    """All lengths, so that ["ab", "c"] and ["a", "bc"] differ, and then all text."""
    _, offsets_buffer, data = values.buffers()
    if len(values) == 0:
        return
    offsets = np.frombuffer(offsets_buffer, dtype=np.int64)[values.offset : values.offset + len(values) + 1]
    yield np.diff(offsets).astype("<i8").tobytes()
    if data is not None:
        yield data.slice(int(offsets[0]), int(offsets[-1] - offsets[0])).to_pybytes()
