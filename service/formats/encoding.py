"""Validated rows to the model's matrix, as `contracts/features.py` has it.

`contracts.features.Encoder` is the definition, and a test holds this to it. Here one row costs a fifth: it is looked up
in place and packed into the buffer that the model reads, which the next row overwrites. That is safe because a row is
encoded and scored without a pause between.
"""

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from contracts.features import UNKNOWN, Feature, Matrix, Value, code_reader
from service.formats.row_schema import Row

NAN = float("nan")


class RowEncoder:
    """Encodes rows for one list of features."""

    def __init__(self, features: Sequence[Feature]) -> None:
        self._names = tuple(one.name for one in features)
        self._codes = tuple(
            (place, code_reader(feature)) for place, feature in enumerate(features) if feature.kind == "categorical"
        )
        self._code_at = dict(self._codes)
        self._pack = struct.Struct(f"={len(features)}f").pack_into

    def one(self, row: Row, buffer: bytearray) -> None:
        """Write the row over `buffer`, float32 [features]."""
        get = row.get
        values = [get(name) for name in self._names]
        for place, code_of in self._codes:
            values[place] = code_of(values[place], UNKNOWN)
        if None in values:
            values = [NAN if value is None else value for value in values]
        self._pack(buffer, 0, *values)

    def many(self, rows: Sequence[Row]) -> Matrix:
        """float32 [rows, features]."""
        return self.of_columns([[row.get(name) for row in rows] for name in self._names])

    def column(self, place: int, values: Sequence[Value]) -> npt.NDArray[np.float32]:
        """Values of one feature, to float32 [values]. OverflowError beyond float64."""
        code_of = self._code_at.get(place)
        if code_of is not None:
            values = [code_of(value, UNKNOWN) for value in values]
        return np.array(values, dtype=np.float64).astype(np.float32)

    def of_columns(self, columns: Sequence[Sequence[Value]]) -> Matrix:
        """The values of each feature, each [rows], to float32 [rows, features]. OverflowError beyond float64."""
        matrix = np.empty((len(columns[0]), len(columns)), dtype=np.float32)
        encoded = list(columns)
        for place, code_of in self._codes:
            known = {value: code_of(value, UNKNOWN) for value in set(columns[place])}
            encoded[place] = list(map(known.__getitem__, columns[place]))
        with np.errstate(over="ignore"):
            for place, column in enumerate(encoded):
                matrix[:, place] = column
        return matrix
