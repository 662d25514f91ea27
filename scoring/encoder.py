"""Encodes named values as the float32 matrix that a model reads; the same code in training and in the service.

`contracts/features.py` says how each kind of value is encoded.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.features import UNKNOWN, Feature, Matrix, Value, code_reader


class Encoder:
    """Encodes rows, batches and tables for one list of features."""

    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = tuple(features)
        self.names = tuple(feature.name for feature in features)
        self._codes = {feature.name: code_reader(feature) for feature in features if feature.kind == "categorical"}

    def row(self, values: Mapping[str, Value]) -> list[float]:
        """One row in the model's column order. KeyError when a feature has no key; None and NaN mean missing."""
        encoded = []
        for name in self.names:
            value = values[name]
            code_of = self._codes.get(name)
            if code_of is not None:
                encoded.append(code_of(None if value is None else str(value), UNKNOWN))
            else:
                encoded.append(np.nan if value is None else float(value))
        return encoded

    def rows(self, rows: Sequence[Mapping[str, Value]]) -> Matrix:
        """Rows of named values to float32 [rows, features]."""
        return np.array([self.row(row) for row in rows], dtype=np.float32).reshape(len(rows), len(self.names))

    def columns(self, columns: Mapping[str, npt.NDArray[Any]]) -> Matrix:
        """Arrays by name, each [rows], to float32 [rows, features]. KeyError when a column is absent."""
        arrays = [columns[name] for name in self.names]
        matrix = np.empty((len(arrays[0]), len(arrays)), dtype=np.float32)
        for position, (name, array) in enumerate(zip(self.names, arrays, strict=True)):
            code_of = self._codes.get(name)
            matrix[:, position] = array if code_of is None else _look_up(array, code_of)
        return matrix


def _look_up(values: npt.NDArray[Any], code_of: Callable[[Value, float], float]) -> npt.NDArray[np.float32]:
    """Codes of strings; each distinct value is looked up once."""
    distinct, inverse = np.unique(np.asarray(values, dtype=object).astype(str), return_inverse=True)
    return np.array([code_of(value, UNKNOWN) for value in distinct], dtype=np.float32)[inverse]
