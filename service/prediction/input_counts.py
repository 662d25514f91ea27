"""Counts what is odd about scored rows: values missing, categories unknown, numbers outside training's range.

Rows are remembered as the model saw them and looked at later, many at once.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from contracts.features import MISSING, Feature
from service.metrics import Counter, Metrics


class FeatureWatch:
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
        """Remember rows: float32 [rows, features] as bytes."""
        self._seen += encoded

    def fold(self) -> None:
        """Count what was remembered since the last call."""
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
    """The code of a missing category; NaN, which equals nothing, where there is none."""
    return float(feature.categories.index(MISSING)) if MISSING in feature.categories else np.nan


def _wider(bound: float | None, direction: float) -> np.float32:
    """The bound as the next float32 outwards: a decimal that rounds to the bound itself is inside."""
    return np.float32(direction) if bound is None else np.nextafter(np.float32(bound), np.float32(direction))
