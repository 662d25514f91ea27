"""Rows of the holdout that are almost rows of train: loaded twice with rounding, augmented, or of one customer.

Exact copies are `shared_rows.py`'s. Here two rows are twins where every category is the same and no number is further
apart than a hundredth of its spread. Twins alone are no fault: a table of few columns has them by chance, and where its
columns tell the answer, twins answer alike. So what counts is what the columns do not explain: a model is fitted on
the train rows that are nobody's twin, and the residuals of twins are correlated. Of two cases that only look alike they
are not, beyond what the model is poor; of one case that stands on both sides they are the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from contracts.decision import Check
from contracts.features import Feature, Matrix
from training.fitting.quick_model import quick_model
from training.judging.formatting import percent
from training.statistics.metrics import FloatArray
from training.tables import Integers, Table

# Of a number's spread. Copies are closer together than strangers, so they are looked for among the closest as well.
CLOSE = (0.01, 0.003, 0.001)
SPREAD = (1, 99)  # percentiles
FAR = 1e3  # of the spread: between categories, and between missing and known
MOST_ASKED, MOST_LEARNED = 3_000, 20_000
FEWEST_TWINS = 30
FEWEST_LEARNED = 200
# Correlated residuals: 1 of copies, about 0 of strangers, and what a poor model leaves unexplained.
MOST_CORRELATED = 0.3
ERRORS = 2.6


@dataclass(frozen=True)
class Twins:
    """share: of the holdout rows with a twin in train. correlated: lower end, of their residuals; -1 if not asked."""

    share: float
    correlated: float

    @property
    def copies(self) -> float:
        """About how many of the holdout rows are copies: twins by chance are uncorrelated."""
        return self.share * self.correlated if self.correlated > MOST_CORRELATED else 0.0


def near_duplicates(train: Table, holdout: Table, limit: float) -> Check:
    """Not more than `limit` of the holdout rows are twins whose answers go together beyond what the columns explain."""
    seen = twins_of(train, holdout, limit)
    told = seen.copies > limit
    how = f", and what the columns leave unexplained goes together by {seen.correlated:.2f} at least" if told else ""
    return Check(
        name="near duplicates",
        passed=not told,
        seen=f"{percent(seen.share)} of the holdout rows are almost rows of train{how}",
        required=f"at most {percent(limit)} (gate.max_shared_rows in pipeline.toml), or unexplained answers that go "
        f"together by no more than {MOST_CORRELATED:g}",
        remedy="Copies of one case are on both sides: take them out of the source, or name what they have in common as "
        "data.group.",
    )


def twins_of(train: Table, holdout: Table, limit: float) -> Twins:
    """Asked of an even sample of the holdout; residuals only where twins are more than `limit` of it."""
    features = holdout.manifest.features
    rows = _evenly(len(holdout.frame), MOST_ASKED)
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
        theirs = np.array([near[one][0] for one in has_twin])
        strangers = np.setdiff1d(np.arange(len(known)), np.concatenate(near[has_twin]))
        found.append(Twins(share, _correlated(train, holdout, strangers, theirs, rows[has_twin])))
    return max(found, key=lambda one: (one.copies, one.share))


def _correlated(train: Table, holdout: Table, strangers: Integers, theirs: Integers, mine: Integers) -> float:
    """The lower end of the correlation of what is left unexplained of train rows `theirs` and holdout rows `mine`."""
    if len(strangers) < FEWEST_LEARNED:
        return -1.0
    left = _residuals(train.take(strangers[_evenly(len(strangers), MOST_LEARNED)]))
    own, other = left(holdout.take(mine)), left(train.take(theirs))
    size = float(np.sqrt(np.square(own).sum() * np.square(other).sum()))
    return float((own * other).sum()) / size - ERRORS / float(np.sqrt(len(mine))) if size else -1.0


def places(known: Matrix, asked: Matrix, features: Sequence[Feature]) -> tuple[FloatArray, FloatArray]:
    """Both as points: a number in units of its spread among the known, all else FAR apart."""
    every = np.concatenate([known, asked]).astype(np.float64)
    for at, feature in enumerate(features):
        low, high = np.nanpercentile(every[: len(known), at], SPREAD) if np.isfinite(known[:, at]).any() else (0.0, 1.0)
        scale = FAR if feature.kind != "numeric" else 1 / ((high - low) or 1.0)
        every[:, at] = np.nan_to_num(every[:, at] * scale, nan=-FAR * FAR)
    return every[: len(known)], every[len(known) :]


def _residuals(learn: Table) -> Callable[[Table], FloatArray]:
    """What a quick model, fitted on `learn`, leaves unexplained of a table: [rows, classes or 1]."""
    features, is_regression, model = learn.manifest.features, learn.manifest.task == "regression", quick_model(learn)

    def left(table: Table) -> FloatArray:
        rows, truth = table.matrix(features), table.truth[:, None]
        if is_regression:
            return np.asarray(truth - model.predict(rows)[:, None], dtype=np.float64)
        return np.asarray((truth == model.classes_) - model.predict_proba(rows), dtype=np.float64)

    return left


def _evenly(rows: int, most: int) -> Integers:
    """Positions, evenly over the table's order."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)) if rows else np.arange(0)
