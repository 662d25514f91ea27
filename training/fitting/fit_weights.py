"""The weight of each row in a fit: training.weights times training.class_weight.

An estimator gets weights as the `sample_weight` of `fit`; in a pipeline the last step gets them. Earlier steps, such as
a scaler, count each row once. "balanced" gives every class the same sum of weights in the fit, as in scikit-learn.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_class_weight

from contracts.exits import UsageError
from contracts.features import Matrix
from contracts.pipeline_toml.keys import ClassWeight
from training.refusals import SettingError, nearest
from training.tables import Integers, Numbers

PARAMETER = "sample_weight"


class WeightsError(UsageError):
    """A candidate cannot take weights."""


@dataclass(frozen=True)
class RowWeights:
    """own: training.weights, [rows] of a table. of_class: "balanced", or by position of the class. None: not set."""

    own: Numbers | None = None
    of_class: str | Mapping[int, float] | None = None

    def of(self, rows: Integers) -> Numbers | None:
        """The weights of the rows at these positions in a figure."""
        return None if self.own is None else self.own[rows]

    def in_fit(self, rows: Integers, truth: Integers | Numbers) -> Numbers | None:
        """Their weights in a fit. truth: of these rows."""
        own = self.of(rows)
        if self.of_class is None:
            return own
        classes, codes = np.unique(truth, return_inverse=True)
        if isinstance(self.of_class, str):
            of_class = compute_class_weight("balanced", classes=classes, y=truth, sample_weight=own)
        else:
            of_class = np.array([self.of_class.get(int(one), 1.0) for one in classes])
        weights: Numbers = of_class[codes] if own is None else of_class[codes] * own
        return weights


ALL_THE_SAME = RowWeights()


def of_classes(asked: ClassWeight | None, classes: Sequence[str]) -> str | Mapping[int, float] | None:
    """training.class_weight by the position of each class. Raises SettingError for an unknown class."""
    if asked is None or isinstance(asked, str):
        return asked
    for name in asked:
        if name not in classes:
            raise SettingError(
                f"training.class_weight names {name!r}, which is no class.{nearest(name, classes)}",
                code="unknown-class",
            )
    return {classes.index(name): weight for name, weight in asked.items()}


def fitted(estimator: Any, matrix: Matrix, truth: Integers | Numbers, weights: Numbers | None = None) -> Any:
    """Fit the estimator and return it. Raises WeightsError where it takes no weights, and whatever it raises itself."""
    matrix = _without_empty_columns(matrix)
    if weights is None:
        return estimator.fit(matrix, truth)
    return estimator.fit(matrix, truth, **{_parameter(estimator): weights})


def _without_empty_columns(matrix: Matrix) -> Matrix:
    """The matrix with 0 in every column that has no value in these rows. Nothing is learned from a constant.

    A column that begins late has no value in the first fold of a table in time, and a rare one none in a sample.
    scikit-learn 1.9.1 cannot fit histogram gradient boosting on it: "window shape cannot be larger than input array
    shape".
    """
    # Those that have no value in the first row, so that a large table is not gone through.
    possible = np.flatnonzero(np.isnan(matrix[:1]).all(axis=0))
    empty = [column for column in possible if np.isnan(matrix[:, column]).all()]
    if not empty:
        return matrix
    filled = matrix.copy()
    filled[:, empty] = 0
    return filled


def _parameter(estimator: Any) -> str:
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return f"{name}__{_parameter(last)}"
    if isinstance(estimator, TransformedTargetRegressor):
        return _parameter(estimator.regressor)
    parameters = inspect.signature(estimator.fit).parameters.values()
    if any(one.name == PARAMETER or one.kind is one.VAR_KEYWORD for one in parameters):
        return PARAMETER
    raise WeightsError(
        f"training.weights or training.class_weight is set, and {type(estimator).__name__} takes no {PARAMETER} in "
        "fit. Take the key out, or the candidate out of training.candidates.",
        code="no-weights",
    )
