"""A quick model of a table, for what the data stage and the gate ask of rows: never one that is served."""

from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from training.fitting.search import one_thread
from training.tables import Table

TREES = 60


def quick_model(learn: Table) -> Any:
    """Boosted trees, fitted on all rows: a classifier, or a regressor where the target is a value."""
    kind = HistGradientBoostingRegressor if learn.manifest.task == "regression" else HistGradientBoostingClassifier
    with one_thread():
        return kind(max_iter=TREES, early_stopping=False, random_state=0).fit(
            learn.matrix(learn.manifest.features), learn.truth
        )
