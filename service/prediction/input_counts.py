"""Counts unusual inputs: missing values, unknown categories, numbers outside the training range.

Rows are kept as the model saw them and counted later, many at once.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from contracts.features import MISSING, Feature
from service.metrics import Counter, Metrics


class InputCounts:
    """Counts for one list of features."""

    def __init__(self, features: Sequence[Feature], metrics: Metrics) -> None:
        self._names = [one.name for one in features]
        self._is_category = np.array([one.kind == "categorical" for one in features], dtype=bool)
        self._missing_code = np.array([_missing_code(one) for one in features], dtype=np.float32)
        self._low = np.array([_wider(one.minimum, -np.inf) for one in features], dtype=np.float32)
        self._high = np.array([_wider(one.maximum, np.inf) for one in features], dtype=np.float32)
        self._seen = bytearray()
        self._missing, self._unknown, self._outside = metrics.missing, metrics.unknown, metrics.out_of_range
        for counter in (self._missing, self._unknown, self._outside):
            counter.make((name,) for name in self._names)

    def add(self, encoded: bytes | bytearray | memoryview) -> None:
        """Keep rows to be counted: float32 [rows, features] as bytes."""
        self._seen += encoded

    def fold(self) -> None:
        """Count the rows that were added since the last call."""
        if not self._seen:
            return
        rows = np.frombuffer(bytes(self._seen), dtype=np.float32).reshape(-1, len(self._names))
        self._seen.clear()
        missing = np.where(self._is_category, rows == self._missing_code, np.isnan(rows))
        outside = (rows < self._low) | (rows > self._high)
        self._count(self._missing, missing)
        self._count(self._unknown, self._is_category & (rows < 0) & ~missing)
        self._count(self._outside, ~self._is_category & outside)

    def _count(self, counter: Counter, found: npt.NDArray[np.bool_]) -> None:
        counts = found.sum(axis=0)
        for place in np.flatnonzero(counts):
            counter.add(self._names[place], count=int(counts[place]))


def _missing_code(feature: Feature) -> float:
    """The code of a missing category; NaN, which equals nothing, if the feature has none."""
    return float(feature.categories.index(MISSING)) if MISSING in feature.categories else np.nan


def _wider(bound: float | None, direction: float) -> np.float32:
    """The next float32 beyond the bound, so that a decimal which rounds to the bound is inside."""
    return np.float32(direction) if bound is None else np.nextafter(np.float32(bound), np.float32(direction))
