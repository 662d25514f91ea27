"""Finds holdout rows that are almost rows of train: loaded twice with rounding, augmented, or of one customer.

`shared_rows.py` finds exact copies. Here two rows are twins where every category is the same and no number differs by
more than a hundredth of its spread. Twins alone are no fault: a table of few columns has them by chance, and where the
columns predict the target, twins have similar targets. So the check looks at what the columns do not explain. A model
is fitted on the train rows without a twin, and the residuals of twins are correlated. For two cases that only look
alike the correlation is about 0, apart from what the model fails to explain. For copies of one case it is 1.

Trees explain nothing beyond the values that they were fitted on, as of a series that grows: there the residuals of any
two rows are alike. So in a regression a straight line in the numbers is tried, too, with trees for what it leaves, and
the residuals are those of the model that is closer.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from contracts.decision import Check
from contracts.features import Feature, Matrix
from training.fitting.quick_model import quick_estimator, quick_model
from training.judging.formatting import percent
from training.statistics.metrics import FloatArray
from training.tables import Integers, Table, spread_positions

# Shares of a number's spread. Copies are closer together than other twins, so the closest twins are tested as well.
CLOSE = (0.01, 0.003, 0.001)
SPREAD = (1, 99)  # percentiles
FAR = 1e3  # of the spread: between categories, and between missing and known
MOST_ASKED, MOST_LEARNED = 3_000, 20_000
FEWEST_TWINS = 30
FEWEST_LEARNED = 200
# Correlation of residuals: 1 for copies, about 0 for other twins, more where the model explains little.
MOST_CORRELATED = 0.3
ERRORS = 2.6


@dataclass(frozen=True)
class Twins:
    """share: of the holdout rows with a twin in train. correlated: lower bound, of residuals; -1: not computed."""

    share: float
    correlated: float

    @property
    def copies(self) -> float:
        """Estimates the share of holdout rows that are copies: the residuals of other twins are uncorrelated."""
        return self.share * self.correlated if self.correlated > MOST_CORRELATED else 0.0


def near_duplicates(train: Table, holdout: Table, limit: float, group: str) -> Check:
    """At most `limit` of the holdout rows are twins with correlated residuals. `group`: data.group."""
    seen = twins_of(train, holdout, limit)
    is_over = seen.copies > limit
    how = f", and their residuals are correlated by {seen.correlated:.2f} at least" if is_over else ""
    by = (
        f"set data.group to the column that says which rows belong together, in place of {group!r}"
        if group
        else ("name the column that says which rows belong together: data.group")
    )
    return Check(
        name="near duplicates",
        passed=not is_over,
        seen=f"{percent(seen.share)} of the holdout rows are almost rows of train{how}",
        required=f"at most {percent(limit)} (gate.max_shared_rows in pipeline.toml), or residuals that are correlated "
        f"by no more than {MOST_CORRELATED:g}",
        remedy=f"Copies of one case are on both sides: take them out of the source, or {by}.",
    )


def twins_of(train: Table, holdout: Table, limit: float) -> Twins:
    """For an even sample of the holdout. Residuals are computed only where twins are more than `limit` of it."""
    features = holdout.manifest.features
    rows = spread_positions(len(holdout.frame), MOST_ASKED)
    known, asked = train.matrix(features), holdout.matrix(features)[rows]
    known_at, asked_at = places(known, asked, features)
    tree = cKDTree(known_at)
    found = [Twins(0.0, -1.0)]
    for close in CLOSE if len(rows) else ():
        near: Any = tree.query_ball_point(asked_at, close, p=np.inf)  # [rows asked] of lists
        has_twin = np.flatnonzero([len(one) > 0 for one in near])
        share = len(has_twin) / len(rows)
        if share <= limit or len(has_twin) < FEWEST_TWINS:
            found.append(Twins(share, -1.0))
            break
        in_train = np.array([near[one][0] for one in has_twin])
        others = np.setdiff1d(np.arange(len(known)), np.concatenate(near[has_twin]))
        found.append(Twins(share, _correlated(train, holdout, others, in_train, rows[has_twin])))
    return max(found, key=lambda one: (one.copies, one.share))


def _correlated(train: Table, holdout: Table, learned: Integers, in_train: Integers, twins: Integers) -> float:
    """The lower bound of the correlation between the residuals of holdout rows `twins` and train rows `in_train`.

    `learned`: the train rows without a twin, on which the model is fitted.
    """
    if len(learned) < FEWEST_LEARNED:
        return -1.0
    sides = holdout.take(twins), train.take(in_train)
    models = _models(train.take(learned[spread_positions(len(learned), MOST_LEARNED)]))
    own, other = min(
        ([residuals(side) for side in sides] for residuals in models),
        key=lambda pair: float(np.square(pair).sum()),
    )
    size = float(np.sqrt(np.square(own).sum() * np.square(other).sum()))
    return float((own * other).sum()) / size - ERRORS / float(np.sqrt(len(twins))) if size else -1.0


def places(known: Matrix, asked: Matrix, features: Sequence[Feature]) -> tuple[FloatArray, FloatArray]:
    """Both as points: numbers in units of their spread in `known`, categories and missing values FAR apart."""
    every = np.concatenate([known, asked]).astype(np.float64)
    for at, feature in enumerate(features):
        low, high = np.nanpercentile(every[: len(known), at], SPREAD) if np.isfinite(known[:, at]).any() else (0.0, 1.0)
        scale = FAR if feature.kind != "numeric" else 1 / ((high - low) or 1.0)
        every[:, at] = np.nan_to_num(every[:, at] * scale, nan=-FAR * FAR)
    return every[: len(known)], every[len(known) :]


def _models(learn: Table) -> Iterator[Callable[[Table], FloatArray]]:
    """For each quick model fitted on `learn`, a function that gives a table's residuals [rows, classes or 1]."""
    features, model = learn.manifest.features, quick_model(learn)
    if learn.manifest.task != "regression":
        yield lambda table: np.asarray(
            (table.truth[:, None] == model.classes_) - model.predict_proba(table.matrix(features)), dtype=np.float64
        )
        return
    yield lambda table: _column(table.truth - model.predict(table.matrix(features)))
    numbers = [one for one in features if one.kind == "numeric"]
    if numbers:
        line = make_pipeline(SimpleImputer(), StandardScaler(), Ridge())
        line.fit(learn.matrix(numbers), learn.truth)
        left = quick_estimator("regression").fit(
            learn.matrix(features), learn.truth - line.predict(learn.matrix(numbers))
        )
        yield lambda table: _column(
            table.truth - line.predict(table.matrix(numbers)) - left.predict(table.matrix(features))
        )


def _column(values: Any) -> FloatArray:
    return np.asarray(values, dtype=np.float64)[:, None]
