"""What the challenger does on the holdout: which features it needs, and which classes it takes for which.

**Importance** is by permutation (Breiman 2001, "Random forests", Machine Learning 45; Fisher, Rudin & Dominici 2019,
"All models are wrong, but many are useful", JMLR 20): one column's values are dealt to other rows, and gate.metric is
compared with what it was, row by row, with the gate's own interval. Columns that say the same stand in for each other,
so each of two twins may look needless. It describes this model and decides nothing.
"""

import numpy as np
import numpy.typing as npt

from contracts.decision import Interval
from contracts.features import Matrix
from contracts.model_figures import ClassFigures, FeatureImportance, ModelFigures
from scoring.scorer import Scorer
from training.judging.comparisons import Contest, as_interval
from training.judging.contestants import Answers, Contestant, answers_to
from training.judging.formatting import rounded
from training.statistics.metrics import METRICS, IntArray, ScoringError
from training.tables import Table

CONFIDENCE = 0.95
# Rows to score in all: about a second. No column is judged on fewer rows than the least, nor on more than the most.
SCORED_ROWS, LEAST_ROWS, MOST_ROWS = 100_000, 500, 10_000


def model_figures(contest: Contest, holdout: Table, challenger: Contestant, metric: str, seed: int) -> ModelFigures:
    """The figures of a challenger that has been scored. `seed` deals the values."""
    if challenger.scorer is None:
        raise ValueError("a challenger that cannot be scored has no figures")
    card = challenger.scorer.card
    rows = _spread(len(holdout.frame), len(card.features))
    confusion = _confusion(contest)
    return ModelFigures(
        model=challenger.digest,
        metric=metric,
        features=card.features,
        estimator=card.estimator,
        parameters=card.parameters,
        threshold=card.threshold,
        importance_rows=len(rows),
        importances=_importances(challenger.scorer, contest.on(rows), holdout.take(rows), metric, seed),
        classes=tuple(_class(name, place, confusion) for place, name in enumerate(card.classes)),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


def _spread(rows: int, columns: int) -> npt.NDArray[np.intp]:
    most = int(np.clip(SCORED_ROWS // max(1, columns), LEAST_ROWS, MOST_ROWS))
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.intp))


def _importances(
    scorer: Scorer, contest: Contest, rows: Table, metric: str, seed: int
) -> tuple[FeatureImportance, ...]:
    features, matrix = scorer.card.features, rows.matrix(scorer.card.features)
    order = np.random.default_rng(seed).permutation(len(matrix))
    try:
        found = [
            FeatureImportance(feature=one.name, loss=_loss(scorer, contest, matrix, place, order, metric))
            for place, one in enumerate(features)
        ]
    except ScoringError:
        return ()
    return tuple(sorted(found, key=lambda one: -one.loss.value))


def _loss(
    scorer: Scorer, contest: Contest, matrix: Matrix, place: int, order: npt.NDArray[np.int64], metric: str
) -> Interval:
    dealt = matrix.copy()
    dealt[:, place] = matrix[order, place]
    seen = as_interval(contest.difference(metric, answers_to(scorer, dealt), CONFIDENCE))
    if METRICS[metric].higher_is_better:
        return seen
    return Interval(value=-seen.value + 0.0, low=-seen.high + 0.0, high=-seen.low + 0.0)


def _decided(answers: Answers) -> IntArray:
    if answers.threshold is None:
        return np.asarray(answers.predicted.argmax(axis=1), dtype=np.int64)
    return (answers.predicted[:, 1] >= answers.threshold).astype(np.int64)


def _confusion(contest: Contest) -> IntArray:
    """[classes, classes]: rows by their own class and the decided one; [0, 0] for a regression."""
    if contest.challenger.predicted.ndim == 1:
        return np.zeros((0, 0), dtype=np.int64)
    classes = contest.challenger.predicted.shape[1]
    pairs = contest.truth.astype(np.int64) * classes + _decided(contest.challenger)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def _class(name: str, place: int, confusion: IntArray) -> ClassFigures:
    hits, rows, decided = (
        int(one) for one in (confusion[place, place], confusion[place].sum(), confusion[:, place].sum())
    )
    return ClassFigures(
        name=name,
        rows=rows,
        decided=decided,
        precision=rounded(hits / max(1, decided)),
        recall=rounded(hits / max(1, rows)),
        f1=rounded(2 * hits / max(1, rows + decided)),
    )
