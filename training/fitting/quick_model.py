"""A quick model of a table, which the data stage and the gate use to check rows. It is never served."""

from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from contracts.features import Matrix
from contracts.schema import Task
from training.fitting.fit_weights import fitted
from training.fitting.search import one_thread
from training.tables import Integers, Numbers, Table

TREES = 60


def quick_estimator(task: Task) -> Any:
    """Boosted trees, unfitted: a regressor for a regression, else a classifier."""
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    return kind(max_iter=TREES, early_stopping=False, random_state=0)


def quick_fit(task: Task, matrix: Matrix, truth: Integers | Numbers) -> Any:
    """The estimator, fitted on these rows."""
    with one_thread():
        return fitted(quick_estimator(task), matrix, truth)


def quick_model(learn: Table) -> Any:
    """The estimator, fitted on all rows of the table."""
    return quick_fit(learn.manifest.task, learn.matrix(learn.manifest.features), learn.truth)
