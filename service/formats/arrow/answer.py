"""The answer to a batch as an Arrow stream: `id`, `prediction`, and `probability` or `probabilities`, as in JSON.

The schema, made once for a model, names it in its metadata (`model`: the digest).
"""

import struct
from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from contracts.model_folder import ModelCard
from service.formats.arrow.flatbuffers import Number, Structs, buffer_of

_VERSION = 4  # V5
_SCHEMA, _BATCH = 1, 3
_FLOAT, _UTF8, _STRUCT = 3, 5, 13
_END = b"\xff\xff\xff\xff\0\0\0\0"

Table = Mapping[int, object]
Floats = npt.NDArray[np.float32]


class ArrowAnswer:
    """Writes answers for one model."""

    def __init__(self, card: ModelCard, digest: str) -> None:
        self._is_binary = card.task == "binary"
        self._classes = len(card.classes)
        self._texts = {one: one.encode() for one in card.classes}
        self._positive = card.classes.index(card.positive) if self._is_binary else 0
        fields = [_field("id", _UTF8, {})]
        if card.task == "regression":
            fields.append(_float("prediction"))
        else:
            fields.append(_field("prediction", _UTF8, {}))
        if self._is_binary:
            fields.append(_float("probability"))
        if card.task == "multiclass":
            fields.append(_field("probabilities", _STRUCT, {}, [_float(name) for name in card.classes]))
        schema = {1: fields, 2: [{0: "model", 1: digest}]}
        self._schema = _message(_SCHEMA, schema, b"")

    def stream(self, identities: Sequence[bytes], labels: Sequence[str], outputs: Floats) -> bytes:
        """The whole stream. `outputs`: what the graph gave, float32 [rows, classes or 1]."""
        rows = len(identities)
        columns = [_text_buffers(identities)]
        if self._classes:
            columns.append(_text_buffers(list(map(self._texts.__getitem__, labels))))
        # A struct has a buffer for its own nulls before those of its members; so has every column.
        if self._classes and not self._is_binary:
            columns.append([b""])
            columns += [_float_buffers(outputs[:, place]) for place in range(self._classes)]
        else:
            columns.append(_float_buffers(outputs[:, self._positive]))
        return self._schema + _record_batch(rows, columns) + _END


def _field(name: str, kind: int, details: Table, children: Sequence[Table] = ()) -> Table:
    return {0: name, 1: Number("?", 0), 2: Number("B", kind), 3: details, 5: list(children)}


def _float(name: str) -> Table:
    return _field(name, _FLOAT, {0: Number("h", 1)})


def _text_buffers(texts: Sequence[bytes]) -> list[bytes]:
    ends = np.fromiter(accumulate(map(len, texts), initial=0), dtype="<i4", count=len(texts) + 1)
    return [b"", ends.tobytes(), b"".join(texts)]


def _float_buffers(values: Floats) -> list[bytes]:
    return [b"", values.astype("<f4").tobytes()]


def _record_batch(rows: int, columns: Sequence[Sequence[bytes]]) -> bytes:
    buffers = [one for column in columns for one in column]
    body, places = bytearray(), []
    for one in buffers:
        places.append(struct.pack("<qq", len(body), len(one)))
        body += one + bytes(-len(one) % 8)
    nodes = struct.pack("<qq", rows, 0) * len(columns)
    header = {0: Number("q", rows), 1: Structs(nodes, len(columns)), 2: Structs(b"".join(places), len(buffers))}
    return _message(_BATCH, header, bytes(body))


def _message(kind: int, header: Table, body: bytes) -> bytes:
    metadata = buffer_of({0: Number("h", _VERSION), 1: Number("B", kind), 2: header, 3: Number("q", len(body))})
    return struct.pack("<iI", -1, len(metadata)) + metadata + body
