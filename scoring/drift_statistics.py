"""The drift statistics of a table, for the drift verdict and for the historic distances in a model folder.

Each feature gives up to four statistics, because a fault may show in only one of them:

    temp                    its values
    temp, given the others  the residual of a linear fit on the other numbers: it ignores a season, which moves
                            temperature and dew point together, and shows °C in place of °F. For a category: how usual
                            it is beside its most associated column (`category_fit.py`)
    temp at one value       the growth of any one value's share: a stuck sensor
    temp is missing         which rows lack it

The predictions and, where there are labels, the target give one each. Tables are arrays by name: float, with NaN for
missing values, or text.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from contracts.exits import UsageError
from contracts.features import Feature
from contracts.model_folder import PREDICTION_COLUMN
from contracts.pipeline_toml.keys import Drift
from contracts.schema import Task
from scoring.category_fit import CategoryFit, Columns, fit_categories
from scoring.distances import FloatArray, Method

Kind = Literal["value", "residual", "repeated", "missing", "prediction", "label"]
CATEGORICAL_METHODS = ("jensenshannon", "psi")
# Keeps the fit finite where two columns are equal, and the residual larger than rounding errors.
RIDGE = 0.01
FOLDS = 5
# A fit uses at most NEIGHBOURS other columns, and at most one per ROWS_OF_A_NEIGHBOUR rows.
NEIGHBOURS = 16
ROWS_OF_A_NEIGHBOUR = 10


@dataclass(frozen=True)
class DriftStatistic:
    """One statistic. `effect`: the least distance that matters. `source`: the column that it is computed from."""

    column: str
    source: str
    kind: Kind
    method: Method
    effect: float


@dataclass(frozen=True)
class LinearFit:
    """Each number given its most correlated columns, fitted on all folds of the reference but one.

    `neighbours`, `weights`: [columns, others]; the weights are for standardised numbers.
    """

    means: FloatArray
    scales: FloatArray
    neighbours: npt.NDArray[np.int64]
    weights: FloatArray

    def residuals(self, known: FloatArray) -> FloatArray:
        """[rows, columns]: in standard deviations of the column, NaN where the column itself is missing."""
        standard = (known - self.means) / self.scales
        filled = np.where(np.isnan(standard), 0, standard)
        for others, weights in zip(self.neighbours.T, self.weights.T, strict=True):
            standard -= filled[:, others] * weights
        return standard


@dataclass(frozen=True)
class CrossFit:
    """Each number given the others, measured in the same way for reference and window.

    Residuals of the rows that a fit was made on are too small. So each fold of the reference is measured by the fit on
    the other folds, and the rows of a window are divided among the same fits.

    Source: Chernozhukov et al. 2018, "Double/debiased machine learning" (The Econometrics Journal 21), for
    cross-fitting.
    """

    names: tuple[str, ...]
    fits: tuple[LinearFit, ...]

    def residuals(self, table: Columns, folds: npt.NDArray[np.int64]) -> dict[str, FloatArray]:
        """For each name [rows]: in standard deviations of the column, NaN where the column itself is missing."""
        known = _stacked(table, self.names)
        left = np.empty_like(known)
        for fold, fit in enumerate(self.fits):
            left[folds == fold] = fit.residuals(known[folds == fold])
        return {name: left[:, place] for place, name in enumerate(self.names)}


@dataclass(frozen=True)
class GivenOthers:
    """The fits of a reference: of its numbers, if it has several, and of each category with an associated column.

    `folds`: [rows of the reference], whole groups in one fold where it has groups.
    """

    numbers: CrossFit | None
    categories: tuple[CategoryFit, ...]
    folds: npt.NDArray[np.int64]

    @property
    def names(self) -> tuple[str, ...]:
        return (*(self.numbers.names if self.numbers else ()), *(one.name for one in self.categories))

    def residuals(self, table: Columns) -> dict[str, FloatArray]:
        """For each of `names` [rows] of a window, whose rows are divided among the fits at random."""
        return self._by_folds(table, _folds(len(next(iter(table.values())))))

    def of_reference(self, table: Columns) -> dict[str, FloatArray]:
        """For each of `names` [rows], by fits that have not seen the row, nor its group. `table`: the one fitted on."""
        return self._by_folds(table, self.folds)

    def _by_folds(self, table: Columns, folds: npt.NDArray[np.int64]) -> dict[str, FloatArray]:
        left = self.numbers.residuals(table, folds) if self.numbers else {}
        return left | {one.name: one.residuals(table, folds) for one in self.categories}


def _folds(rows: int) -> npt.NDArray[np.int64]:
    """[rows]: the fold of each row, random and of equal sizes; the same for the same number of rows."""
    return np.random.default_rng(rows).permutation(np.arange(rows) % FOLDS)


def _stacked(table: Columns, names: Sequence[str]) -> FloatArray:
    return np.stack([table[name].astype(np.float64) for name in names], axis=1)


def check_columns(drift: Drift, features: Sequence[Feature]) -> None:
    """Raises UsageError where [drift.columns] names an unknown feature, or a method that does not fit its kind."""
    kinds = {feature.name: feature.kind for feature in features}
    for name, own in drift.columns.items():
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Its features are {', '.join(kinds)}."
            raise UsageError(f"drift.columns.{name}: the model has no such feature. {hint}", code="unknown-column")
        if kinds[name] == "categorical" and own.method not in CATEGORICAL_METHODS:
            raise UsageError(
                f"drift.columns.{name}.method is {own.method}, which compares numbers; {name} is {kinds[name]}. "
                f"Required: {' or '.join(CATEGORICAL_METHODS)}.",
                code="method-for-numbers",
            )


def fit_others(table: Columns, features: Sequence[Feature], groups: npt.NDArray[np.int64] | None = None) -> GivenOthers:
    """The fits on a reference. A constant column and a category without an association are in none of them.

    `groups`: [rows] from 0, which rows belong together; None where rows are independent.
    """
    numbers = tuple(one.name for one in features if one.kind != "categorical" and _varies(table[one.name]))
    categories = tuple(one.name for one in features if one.kind == "categorical")
    rows = len(table[features[0].name])
    numbered = 0 if groups is None else int(groups.max()) + 1
    folds = _folds(rows) if groups is None or numbered < FOLDS else _folds(numbered)[groups]
    fit = None
    if len(numbers) > 1:
        known = _stacked(table, numbers)
        fit = CrossFit(numbers, tuple(_fit(known[folds != fold]) for fold in range(FOLDS)))
    return GivenOthers(fit, tuple(fit_categories(table, categories, numbers, folds)), folds)


def _fit(known: FloatArray) -> LinearFit:
    """Ridge regressions on the most correlated columns. The cost per column does not grow with their number."""
    present = ~np.isnan(known)
    counts = np.maximum(present.sum(axis=0), 1)
    means = np.where(present, known, 0).sum(axis=0) / counts
    around = np.where(present, known - means, 0)
    scales = np.sqrt((around**2).sum(axis=0) / counts)
    scales[scales == 0] = 1
    correlations = _correlations(around / scales)
    others = min(NEIGHBOURS, max(1, len(known) // ROWS_OF_A_NEIGHBOUR), known.shape[1] - 1)
    strength = np.abs(correlations)
    np.fill_diagonal(strength, -1)
    neighbours = np.sort(np.argsort(-strength, axis=1, kind="stable")[:, :others], axis=1)
    among = correlations[neighbours[:, :, None], neighbours[:, None, :]] + RIDGE * np.eye(others)
    with_own = np.take_along_axis(correlations, neighbours, axis=1)
    weights = np.linalg.solve(among, with_own[:, :, None])[:, :, 0]
    return LinearFit(means, scales, neighbours, weights.astype(np.float64))


def _correlations(filled: FloatArray) -> FloatArray:
    """[columns, columns], rounded, because the order of BLAS' additions depends on the number of cores."""
    rounded: FloatArray = np.round(filled.T @ filled / len(filled), 9)
    return rounded


def _varies(values: npt.NDArray[Any]) -> bool:
    known = values[~np.isnan(values.astype(np.float64))]
    return len(known) > 1 and bool(known.min() < known.max())


def feature_statistics(
    drift: Drift, features: Sequence[Feature], fit: GivenOthers | None
) -> tuple[DriftStatistic, ...]:
    """Values, residuals, repeated values and missing rates of these features."""
    found = [_value(drift, one) for one in features]
    found += [
        DriftStatistic(f"{name}, given the others", name, "residual", "wasserstein", drift.numeric_effect)
        for name in (fit.names if fit else ())
        if name not in drift.columns
    ]
    found += [
        DriftStatistic(f"{one.name} at one value", one.name, "repeated", "gained", drift.repeated_effect)
        for one in features
        if one.kind == "numeric" and one.name not in drift.columns
    ]
    found += [
        DriftStatistic(f"{one.name} is missing", one.name, "missing", "difference", drift.missing_effect)
        for one in features
        if one.kind != "categorical"
    ]
    return tuple(found)


def _value(drift: Drift, feature: Feature) -> DriftStatistic:
    is_category = feature.kind == "categorical"
    method: Method = drift.categorical_method if is_category else drift.numeric_method
    effect = drift.categorical_effect if is_category else drift.numeric_effect
    if own := drift.columns.get(feature.name):
        method, effect = own.method, own.effect
    return DriftStatistic(feature.name, feature.name, "value", method, effect)


def prediction_statistic(drift: Drift, task: Task) -> DriftStatistic:
    """Of the positive class's probability (binary), the value (regression) or the class (multiclass)."""
    method: Method = drift.categorical_method if task == "multiclass" else drift.numeric_method
    return DriftStatistic(PREDICTION_COLUMN, PREDICTION_COLUMN, "prediction", method, drift.prediction_effect)


def label_statistic(drift: Drift, target: str, task: Task) -> DriftStatistic:
    """Of the target: its classes or its values."""
    method: Method = drift.numeric_method if task == "regression" else "jensenshannon"
    return DriftStatistic(target, target, "label", method, drift.label_effect)


def values_of(statistic: DriftStatistic, table: Columns, residuals: Columns) -> npt.NDArray[Any]:
    """The column [rows] that this statistic compares."""
    if statistic.kind == "residual":
        return residuals[statistic.source]
    values = table[statistic.source]
    if statistic.kind == "missing":
        return np.isnan(values.astype(np.float64)).astype(np.float64)
    return values
