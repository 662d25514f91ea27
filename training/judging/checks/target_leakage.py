"""Finds features that alone predict the target too well: mostly computed from it, or known only after it.

For each category, or each of up to BINS ranges of a number, class shares (or means) are learned on train and scored on
the holdout. For two classes the number itself is scored as well. The score is the lower bound of the area under the ROC
curve, so that a small holdout raises no false alarm. Among several classes the lowest score counts, because an honest
feature often tells one of them. For a regression the score is the absolute Spearman correlation.

The data stage refuses a feature that predicts everything (`leaking_features.py`). The gate refuses one above
gate.max_single_feature_auc.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.features import Feature
from training.statistics.intervals import interval
from training.statistics.metrics import FloatArray, IntArray, ScoringError
from training.tables import Table

BINS = 50
ROWS_A_BIN = 20

Truth = IntArray | FloatArray


def target_leakage(train: Table, holdout: Table, features: Sequence[Feature], confidence: float) -> Mapping[str, float]:
    """The score of each feature that both tables have: 1 predicts all; 0.5 and less (0 in a regression) nothing."""
    learned, judged, clusters = train.truth, holdout.truth, holdout.clusters
    found = {}
    for feature in features:
        if _is_readable(feature, train.frame) and _is_readable(feature, holdout.frame):
            seen, new = train.frame[feature.name], holdout.frame[feature.name]
            cells = _cells(feature, seen, new)
            if holdout.manifest.task == "regression":
                found[feature.name] = _tells_values(cells, learned, judged, feature, new)
            else:
                numbers = None if feature.kind == "categorical" else _numbers(new)
                found[feature.name] = _tells_classes(cells, learned, judged, clusters, numbers, confidence)
    return found


@dataclass(frozen=True)
class Cells:
    """The category or range of each row: [rows of train], [rows of holdout], and how many there are."""

    train: IntArray
    holdout: IntArray
    count: int

    def means(self, target: FloatArray) -> FloatArray:
        """[rows of holdout]: the mean of train's target in the row's cell; for a cell without train rows, of all."""
        rows = np.bincount(self.train, minlength=self.count)
        sums = np.bincount(self.train, weights=target, minlength=self.count)
        means: FloatArray = np.where(rows > 0, sums / np.maximum(rows, 1), target.mean())
        return means[self.holdout]


def _is_readable(feature: Feature, frame: pd.DataFrame) -> bool:
    """Whether the column is present and of its kind. Where it is not, the check of the table's contract says so."""
    is_categorical = feature.kind == "categorical"
    return feature.name in frame and pd.api.types.is_numeric_dtype(frame[feature.name]) != is_categorical


def _cells(feature: Feature, train: "pd.Series[Any]", holdout: "pd.Series[Any]") -> Cells:
    if feature.kind == "categorical":
        known = pd.Index(feature.categories)
        codes = [known.get_indexer(pd.Index(column)).astype(np.int64) + 1 for column in (train, holdout)]
        return Cells(codes[0], codes[1], len(known) + 1)
    seen, new = _numbers(train), _numbers(holdout)
    present = seen[~np.isnan(seen)]
    bins = max(1, min(BINS, len(present) // ROWS_A_BIN))
    inner = np.unique(np.percentile(present, np.linspace(0, 100, bins + 1)[1:-1])) if len(present) else np.empty(0)
    # NaN sorts above everything, so it gets a last cell of its own.
    borders = np.append(inner, np.inf)
    codes = [np.searchsorted(borders, values, side="left").astype(np.int64) for values in (seen, new)]
    return Cells(codes[0], codes[1], len(borders) + 1)


def _numbers(column: "pd.Series[Any]") -> FloatArray:
    values: FloatArray = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _tells_classes(
    cells: Cells,
    learned: Truth,
    judged: Truth,
    clusters: IntArray | None,
    numbers: FloatArray | None,
    confidence: float,
) -> float:
    classes = np.unique(learned)
    worst = [
        _area(cells.means((learned == one).astype(np.float64)), judged == one, clusters, confidence)
        for one in (classes[1:] if len(classes) == 2 else classes)
        if (judged == one).any() and not (judged == one).all()
    ]
    told = min(worst, default=0.5)
    if numbers is None or len(classes) != 2:
        return told
    return max(
        told, _area(np.nan_to_num(numbers, nan=-np.inf), judged == classes[1], clusters, confidence, either=True)
    )


def _area(
    scores: FloatArray,
    is_class: npt.NDArray[np.bool_],
    clusters: IntArray | None,
    confidence: float,
    *,
    either: bool = False,
) -> float:
    """The lower bound of the area under the ROC curve. `either`: in the direction that gives the larger one."""
    ranks = pd.Series(scores).rank().to_numpy() / len(scores)
    try:
        seen = interval(
            "roc_auc", is_class.astype(np.int64), _both(ranks), clusters, confidence=confidence, threshold=None
        )
    except ScoringError:
        return 0.5
    return max(seen.low, 1 - seen.high) if either else seen.low


def _both(ranks: FloatArray) -> FloatArray:
    return np.column_stack([1 - ranks, ranks])


def _tells_values(cells: Cells, learned: Truth, judged: Truth, feature: Feature, new: "pd.Series[Any]") -> float:
    told = _spearman(cells.means(learned.astype(np.float64)), judged)
    if feature.kind == "categorical":
        return told
    numbers = _numbers(new)
    present = ~np.isnan(numbers)
    return max(told, _spearman(numbers[present], judged[present])) if present.mean() > 0.5 else told


def _spearman(left: FloatArray, right: Truth) -> float:
    if len(left) < 3 or np.ptp(left) == 0 or np.ptp(right) == 0:
        return 0.0
    return abs(float(pd.Series(left).corr(pd.Series(right), method="spearman")))
