"""Inspects an ONNX file before ONNX Runtime loads it: no external data, no custom operators, bounded work.

A tensor may name another file for its data, and its path then decides what is read (CVE-2022-25882, CVE-2024-27318).
An operator set may name a domain that only a custom library provides. A loop may have any length, even one from a row,
and so may a tensor: one that is as long as a feature's value fills the memory for a row that no golden row is like.
The cost of loading grows faster than the number of nodes. The file is a protobuf message: this walks the fields that
lead to tensors, operators and domains, also in nested graphs, by the field numbers of onnx.proto, and skips the rest.
It needs no library.
"""

import re
from collections.abc import Callable, Iterator
from typing import Literal

KNOWN_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
# No converter of scikit-learn's models makes a Loop: they use Scan, which iterates over a tensor in memory.
UNBOUNDED_OPERATORS = frozenset({b"Loop"})
MAX_DEPTH = 64
# Their output may be as large as their inputs say: all of them, or all but the first, which is what they repeat.
SIZED_BY_ALL = frozenset(
    {b"Range", b"ConstantOfShape", b"HannWindow", b"HammingWindow", b"BlackmanWindow", b"MelWeightMatrix"}
)
SIZED_BY_OTHERS = frozenset(
    {
        *(b"Expand", b"Tile", b"OneHot", b"Pad", b"Resize", b"Upsample"),
        *(b"MaxUnpool", b"Col2Im", b"CenterCropPad", b"AffineGrid", b"DFT", b"STFT"),
    }
)
# What they say of a tensor is its size, which is bounded already.
SIZES = frozenset({b"Shape", b"Size"})
# ONNX Runtime loads this many in a second, ten times as many in minutes; a thousand trees are one node.
MAX_NODES = 20_000

Kind = Literal[
    "model", "opset", "training", "function", "graph", "node", "attribute", "tensor", "sparse", "domain", "operator"
]
# The fields of each message to follow, and the message or string that each holds.
_CHILDREN: dict[Kind, dict[int, Kind]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "opset": {1: "domain"},
    "training": {1: "graph", 2: "graph"},
    "function": {},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {4: "operator", 5: "attribute", 7: "domain"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "tensor": {},
    "sparse": {1: "tensor", 2: "tensor"},
    "domain": {},
    "operator": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
# A tree ensemble has millions of numbers in an attribute, each a field of its own: skips runs of `floats` and `ints`.
_NUMBERS = re.compile(rb"(?:\x3d[\x00-\xff]{4}){1,20000}+|(?:\x40[\x80-\xff]{0,9}[\x00-\x7f]){1,20000}+")


class OnnxBytesError(ValueError):
    """The file is not an ONNX model, or not a safe one; the text says why."""


def inspect_onnx(model: bytes) -> None:
    """Raises OnnxBytesError for external data, an unknown domain, a function, a loop, a tensor whose size is a row's
    value, too many nodes, or no model."""
    walk = _Walk()
    walk.into("model", memoryview(model), 0)
    walk.names.refuse_sizes_from_rows()


class _Walk:
    """One walk through a file, which counts its nodes."""

    def __init__(self) -> None:
        self._nodes = 0
        self.names = _Names()

    def into(self, kind: Kind, message: memoryview, depth: int) -> None:
        """Check this message and those inside it."""
        if kind == "function":
            raise OnnxBytesError("has a function of its own: refused. Export it with ONNX's operators alone.")
        if kind in _CHECKS:
            _CHECKS[kind](message)
            return
        if kind == "node":
            self._count_node()
            self.names.add_node(message)
        if kind == "graph":
            self.names.add_graph(message)
        if depth > MAX_DEPTH:
            raise OnnxBytesError(f"has graphs within graphs, more than {MAX_DEPTH} levels deep: refused.")
        children = _CHILDREN[kind]
        for number, value in _fields(message, kind == "attribute"):
            if kind == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)):
                raise OnnxBytesError("has external data: refused. Export it with its weights inside.")
            if number in children and isinstance(value, memoryview):
                self.into(children[number], value, depth + 1)

    def _count_node(self) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise OnnxBytesError(f"has more than {MAX_NODES:,} nodes, which may take minutes to load: refused.")


class _Names:
    """Which tensors follow from the values of a row, by their names in all graphs of the file."""

    def __init__(self) -> None:
        self._from_rows: set[bytes] = set()
        self._nodes: list[tuple[bytes, list[bytes], list[bytes]]] = []

    def add_graph(self, message: memoryview) -> None:
        """Its inputs: those of a graph within a node, too, for they may be a row's."""
        inputs, constants = set(), set()
        for number, value in _fields(message, has_numbers=False):
            if isinstance(value, memoryview) and number == 11:
                inputs |= _texts(value, 1)
            elif isinstance(value, memoryview) and number == 5:
                constants |= _texts(value, 8)
        self._from_rows |= inputs - constants

    def add_node(self, message: memoryview) -> None:
        """Its inputs and outputs in their order. What a graph within it computes is taken for a row's."""
        texts: dict[int, list[bytes]] = {1: [], 2: [], 4: [b""]}
        has_graph = False
        for number, value in _fields(message, has_numbers=False):
            if not isinstance(value, memoryview):
                continue
            if number in texts:
                texts[number].append(bytes(value))
            has_graph |= number == 5 and _has_graph(value)
        inputs, outputs, (*_, operator) = texts[1], texts[2], texts[4]
        # Only now, because the fields of a message may stand in any order.
        self._from_rows.update(outputs if has_graph else ())
        self._nodes.append((operator, inputs, outputs))

    def refuse_sizes_from_rows(self) -> None:
        """Raises OnnxBytesError for a node whose output may be as large as a row's value says."""
        read_by: dict[bytes, list[int]] = {}
        for place, (operator, inputs, _) in enumerate(self._nodes):
            for name in inputs if operator not in SIZES else ():
                read_by.setdefault(name, []).append(place)
        waiting = list(self._from_rows)
        while waiting:
            for place in read_by.pop(waiting.pop(), ()):
                new = set(self._nodes[place][2]) - self._from_rows
                self._from_rows |= new
                waiting += new
        for operator, inputs, _ in self._nodes:
            sizes = inputs if operator in SIZED_BY_ALL else inputs[1:] if operator in SIZED_BY_OTHERS else []
            if not self._from_rows.isdisjoint(sizes):
                raise OnnxBytesError(
                    f"has a {operator.decode()} whose size follows from a row's values, so one row may fill the "
                    "memory: refused. Take the size from Shape, or from a constant."
                )


def _texts(message: memoryview, wanted: int) -> set[bytes]:
    """The strings in one field of a message."""
    fields = _fields(message, has_numbers=False)
    return {bytes(value) for number, value in fields if number == wanted and isinstance(value, memoryview)}


def _has_graph(attribute: memoryview) -> bool:
    return any(number in (6, 11) for number, _ in _fields(attribute, has_numbers=True))


def _check_operator(name: memoryview) -> None:
    if bytes(name) in UNBOUNDED_OPERATORS:
        raise OnnxBytesError(f"has a {bytes(name).decode()}, which may run for ever: refused.")


def _check_domain(name: memoryview) -> None:
    domain = bytes(name).decode("utf-8", "replace")
    if domain not in KNOWN_DOMAINS:
        raise OnnxBytesError(f"needs operators of {domain[:80]!r}: refused. Required: ONNX's own operators.")


_CHECKS: dict[Kind, Callable[[memoryview], None]] = {"domain": _check_domain, "operator": _check_operator}


def _fields(message: memoryview, has_numbers: bool) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field: an integer, or the bytes of a string or message; 0 for numbers of fixed size."""
    place, end = 0, len(message)
    while place < end:
        if has_numbers and (run := _NUMBERS.match(message, place)):
            place = run.end()
            continue
        tag, place = _varint(message, place)
        value: int | memoryview = 0
        match tag & 7:
            case 0:
                value, place = _varint(message, place)
            case 1:
                place += 8
            case 2:
                length, place = _varint(message, place)
                value, place = message[place : place + length], place + length
            case 5:
                place += 4
            case _:
                raise OnnxBytesError("is not an ONNX model: it is no protobuf message.")
        if place > end:
            raise OnnxBytesError("is not an ONNX model, or was cut off.")
        yield tag >> 3, value


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """The integer at `place` and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise OnnxBytesError("is not an ONNX model, or was cut off.")
