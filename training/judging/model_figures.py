"""The challenger on the holdout: permutation importance of each feature, and the confusion matrix.

**Importance** is by permutation (Breiman 2001, "Random forests", Machine Learning 45; Fisher, Rudin & Dominici 2019,
"All models are wrong, but many are useful", JMLR 20). One column's values are shuffled between rows, and gate.metric is
compared with its value before, row by row, with the gate's own interval. Where two columns carry the same information,
each may look unimportant. These figures describe the model and decide nothing.
"""

import numpy as np
import numpy.typing as npt

from contracts.decision import Interval
from contracts.features import Matrix
from contracts.model_figures import ClassFigures, FeatureImportance, ModelFigures
from scoring.scorer import Scorer
from training.judging.comparisons import PairedPredictions, as_interval
from training.judging.formatting import rounded
from training.judging.scored_models import Predictions, ScoredModel, predict
from training.statistics.metrics import METRICS, IntArray, ScoringError
from training.tables import Integers, Table, spread_positions

CONFIDENCE = 0.95
# Rows to score in all take about a second. Each column is scored on LEAST_ROWS to MOST_ROWS rows.
SCORED_ROWS, LEAST_ROWS, MOST_ROWS = 100_000, 500, 10_000


def model_figures(
    paired: PairedPredictions, holdout: Table, challenger: ScoredModel, metric: str, seed: int
) -> ModelFigures:
    """The figures of a challenger that has been scored. `seed`: for the shuffle."""
    if challenger.scorer is None:
        raise ValueError("a challenger that cannot be scored has no figures")
    card = challenger.scorer.card
    rows = _spread(len(holdout.frame), len(card.features))
    confusion = _confusion(paired)
    return ModelFigures(
        model=challenger.digest,
        metric=metric,
        features=card.features,
        estimator=card.estimator,
        parameters=card.parameters,
        threshold=card.threshold,
        importance_rows=len(rows),
        importances=_importances(challenger.scorer, paired.on(rows), holdout.take(rows), metric, seed),
        classes=tuple(_class(name, place, confusion) for place, name in enumerate(card.classes)),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


def _spread(rows: int, columns: int) -> Integers:
    most = int(np.clip(SCORED_ROWS // max(1, columns), LEAST_ROWS, MOST_ROWS))
    return spread_positions(rows, most)


def _importances(
    scorer: Scorer, paired: PairedPredictions, rows: Table, metric: str, seed: int
) -> tuple[FeatureImportance, ...]:
    features, matrix = scorer.card.features, rows.matrix(scorer.card.features)
    order = np.random.default_rng(seed).permutation(len(matrix))
    try:
        found = [
            FeatureImportance(feature=one.name, loss=_loss(scorer, paired, matrix, place, order, metric))
            for place, one in enumerate(features)
        ]
    except ScoringError:
        return ()
    return tuple(sorted(found, key=lambda one: -one.loss.value))


def _loss(
    scorer: Scorer, paired: PairedPredictions, matrix: Matrix, place: int, order: npt.NDArray[np.int64], metric: str
) -> Interval:
    shuffled = matrix.copy()
    shuffled[:, place] = matrix[order, place]
    seen = as_interval(paired.difference(metric, predict(scorer, shuffled), CONFIDENCE))
    if METRICS[metric].higher_is_better:
        return seen
    return Interval(value=-seen.value + 0.0, low=-seen.high + 0.0, high=-seen.low + 0.0)


def _decided(model: Predictions) -> IntArray:
    if model.threshold is None:
        return np.asarray(model.predicted.argmax(axis=1), dtype=np.int64)
    return (model.predicted[:, 1] >= model.threshold).astype(np.int64)


def _confusion(paired: PairedPredictions) -> IntArray:
    """[classes, classes]: rows by their true class and the predicted one; [0, 0] for a regression."""
    if paired.challenger.predicted.ndim == 1:
        return np.zeros((0, 0), dtype=np.int64)
    classes = paired.challenger.predicted.shape[1]
    pairs = paired.truth.astype(np.int64) * classes + _decided(paired.challenger)
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
