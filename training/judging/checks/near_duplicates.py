"""Finds holdout rows that are almost rows of train: loaded twice with rounding, augmented, or of one customer.

`shared_rows.py` finds exact copies. Here two rows are twins where every category is the same and no number differs by
more than a hundredth of its spread. Twins alone are no fault: a table of few columns has them by chance, and where the
columns predict the target, twins have similar targets. So the check looks at what the columns do not explain. A model
is fitted on train without the twins, and the residuals of twins are correlated. For two cases that only look alike the
correlation is about 0, apart from what the model fails to explain. For copies of one case it is 1. Where the columns
explain almost all, a copy tells nothing new, and what is left is the model's own rounding: no correlation.

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
from training.fitting.quick_model import quick_fit, quick_model
from training.judging.formatting import percent
from training.statistics.metrics import FloatArray
from training.tables import Table, spread_positions

# Shares of a number's spread. Copies are closer together than other twins, so the closest twins are tested as well.
CLOSE = (0.01, 0.003, 0.001)
SPREAD = (1, 99)  # percentiles
FAR = 1e3  # of the spread: between categories, and between missing and known
MOST_ASKED, MOST_LEARNED = 3_000, 20_000
FEWEST_TWINS = 30
FEWEST_LEARNED = 200
# Correlation of residuals: 1 for copies, about 0 for other twins, more where the model explains little.
MOST_CORRELATED = 0.3
MOST_UNEXPLAINED = 0.9
ERRORS = 2.6
# Of the target's variance. In a number's the trend of a series counts, which its columns explain whatever else they do.
LEAST_UNEXPLAINED, LEAST_OF_NUMBERS = 0.01, 0.001


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
        others = np.setdiff1d(np.arange(len(known)), in_train)
        apart = np.setdiff1d(others, np.concatenate(near[has_twin]))
        beside = apart[cKDTree(known_at[apart]).query(asked_at[has_twin], p=np.inf)[1]] if len(apart) else in_train[:0]
        found.append(
            Twins(
                share,
                _correlated(
                    train.take(others), *(holdout.take(rows[has_twin]), train.take(in_train), train.take(beside))
                ),
            )
        )
    return max(found, key=lambda one: (one.copies, one.share))


def _correlated(learned: Table, asked: Table, twins: Table, beside: Table) -> float:
    """The lower bound of the correlation between the residuals of `asked` and of `twins`, beyond that with `beside`.

    -1 where too little is left to learn from, or to explain. `learned`: the other train rows, to fit the model on.
    `beside`: the nearest train rows that are no twins. What the model fails to explain is alike for them, too. With a
    correlation of c with them, a share s of copies among the twins makes c + s (1 - c), so s is computed.
    """
    if len(learned.frame) < FEWEST_LEARNED:
        return -1.0
    sides = [asked, twins, *([beside] if len(beside.frame) else [])]
    own, *others = min(
        ([residuals(side) for side in sides] for residuals in _models(_fewer(learned))),
        key=lambda found: float(np.square(found[:2]).sum()),
    )
    least = LEAST_OF_NUMBERS if learned.manifest.task == "regression" else LEAST_UNEXPLAINED
    if np.square(own).sum() <= least * len(own) * _variance(learned):
        return -1.0
    seen, *with_beside = (_correlation(own, other) for other in others)
    unexplained = min(max(0.0, *with_beside), MOST_UNEXPLAINED) if with_beside else 0.0
    return (seen - ERRORS / float(np.sqrt(len(own))) - unexplained) / (1 - unexplained)


def _fewer(learned: Table) -> Table:
    return learned.take(spread_positions(len(learned.frame), MOST_LEARNED))


def _correlation(one: FloatArray, other: FloatArray) -> float:
    """Of all columns together, each about its mean: what all rows are off by alike is no sign of copies."""
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    size = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return float((one * other).sum()) / size if size else 0.0


def _variance(train: Table) -> float:
    """Of the target; of classes, the sum of the variances of each against the others."""
    if train.manifest.task == "regression":
        return float(np.var(train.truth))
    shares = np.bincount(train.truth.astype(np.int64)) / len(train.truth)
    return float((shares * (1 - shares)).sum())


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
        rest = learn.truth - line.predict(learn.matrix(numbers))
        left = quick_fit("regression", learn.matrix(features), rest)
        yield lambda table: _column(
            table.truth - line.predict(table.matrix(numbers)) - left.predict(table.matrix(features))
        )


def _column(values: Any) -> FloatArray:
    return np.asarray(values, dtype=np.float64)[:, None]
