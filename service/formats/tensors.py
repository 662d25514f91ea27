"""Tensors of the Open Inference Protocol: types and binary form (little-endian; BYTES values with length prefixes)."""

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

NUMBERS: dict[str, str] = {
    "FP64": "<f8",
    "FP32": "<f4",
    "FP16": "<f2",
    "INT64": "<i8",
    "INT32": "<i4",
    "INT16": "<i2",
    "INT8": "<i1",
    "UINT64": "<u8",
    "UINT32": "<u4",
    "UINT16": "<u2",
    "UINT8": "<u1",
}
# FP64 has every second and millisecond since 1970, and NaN where a date is missing.
DATATYPE_OF_KIND = {"numeric": "FP32", "boolean": "BOOL", "categorical": "BYTES", "date": "BYTES", "epoch": "FP64"}
_LENGTH = struct.Struct("<I")


class Tensor(NamedTuple):
    """An output: `values` flat, in row-major order."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: list[Any]


class TensorError(ValueError):
    """The bytes are not a tensor of this type and size."""


def from_bytes(raw: bytes, datatype: str, count: int) -> list[Any]:
    """The values in a binary tensor; a NaN is a missing value. Raises TensorError."""
    if datatype == "BYTES":
        return _strings_in(raw, count)
    code = "|u1" if datatype == "BOOL" else NUMBERS.get(datatype)
    if code is None or len(raw) != count * np.dtype(code).itemsize:
        raise TensorError
    values = np.frombuffer(raw, dtype=code)
    if datatype == "BOOL":
        if (values > 1).any():
            raise TensorError
        return [bool(value) for value in values.tolist()]
    return [None if value != value else float(value) for value in values.tolist()]


def _strings_in(raw: bytes, count: int) -> list[Any]:
    values: list[Any] = []
    place = 0
    while place < len(raw) and len(values) < count:
        if place + _LENGTH.size > len(raw):
            raise TensorError
        (length,) = _LENGTH.unpack_from(raw, place)
        place += _LENGTH.size
        if place + length > len(raw):
            raise TensorError
        try:
            values.append(raw[place : place + length].decode())
        except UnicodeDecodeError:
            raise TensorError from None
        place += length
    if len(values) != count or place != len(raw):
        raise TensorError
    return values


def to_bytes(tensor: Tensor) -> bytes:
    """The binary form of an output."""
    if tensor.datatype == "BYTES":
        encoded = [value.encode() for value in tensor.values]
        return b"".join(_LENGTH.pack(len(one)) + one for one in encoded)
    return np.array(tensor.values, dtype=NUMBERS[tensor.datatype]).tobytes()


def flat(data: Sequence[Any]) -> list[Any]:
    """JSON data, [rows] or [rows, 1], as [rows]. Raises TensorError."""
    if not any(isinstance(one, list) for one in data):
        return list(data)
    if not all(isinstance(one, list) and len(one) == 1 and not isinstance(one[0], list) for one in data):
        raise TensorError
    return [one[0] for one in data]
