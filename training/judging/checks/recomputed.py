"""Recomputes what training wrote into the model folder, and compares.

Checksums are not enough: whoever changes a file can compute them again. So the gate recomputes what it can. The card
names the winner and its setting, and the gate fits it again with the code of the train stage, on the folds and on all
train rows. Compared are

- what the card says of the table, with data.json
- golden.json: how many rows, from where, and what they test (`golden_rows.py`)
- the graph, by its predictions for the holdout's features under their names: where somebody exchanged columns in graph,
  card and golden rows alike, the predictions are those of another model
- the out-of-fold figures and the history of distances on the card
- reference.parquet, row by row, and its predictions

Trees are the same on every processor. A linear solver is not: between a processor with FMA and AVX2 and one without,
logistic regression on the flights differed by 2 % of the spread of its predictions. So small differences pass.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.data_manifest import DataManifest
from contracts.decision import Check
from contracts.exits import FindingError, UsageError
from contracts.features import Matrix
from contracts.model_folder import PREDICTION_COLUMN, ColumnHistory, Golden, Metric, ModelCard
from contracts.pipeline_toml.keys import Config
from contracts.stage import Build
from training.fitting.candidates import Candidate, CandidateError, find_candidates
from training.fitting.folds import Fold
from training.fitting.search import SEARCH_ROWS, fit, one_thread, search
from training.fitting.threshold import threshold_of_costs
from training.fitting.winner import CandidateScores, TrainRows, drift_basis, out_of_fold_scores, read_train
from training.judging.checks.golden_rows import golden_check
from training.judging.checks.shared_rows import row_hashes
from training.judging.formatting import figure, percent
from training.judging.scored_models import ScoredModel
from training.refusals import listed
from training.statistics.metrics import FloatArray
from training.statistics.scores import score
from training.tables import Integers, Numbers, Table

# Largest root mean square of the difference, as a share of the predictions' spread; for classes, the share of rows.
MOST_APART = 0.05
# Largest difference of a figure, as a share of its interval; of a distance, relative and absolute.
MOST_OF_INTERVAL = 0.25
MOST_OF_DISTANCE, LEAST_DISTANCE = 0.1, 0.01
SAME = 1e-5
REMEDY = "Something changed the model folder after training, or training read other rows: run `make train` again."


@dataclass(frozen=True)
class FittedAgain:
    """The winner: its train rows, its out-of-fold scores, and its predictions for the holdout, None where left out."""

    rows: TrainRows
    scores: CandidateScores
    predicted: FloatArray | None


def recomputed_checks(
    config: Config, build: Build, holdout: Table, challenger: ScoredModel, golden: Golden
) -> Iterator[Check]:
    """The checks in their order. Where the winner cannot be fitted again, one check says why in place of the others."""
    if challenger.scorer is None or challenger.reference is None or challenger.predictions is None:
        return
    card = challenger.scorer.card
    yield _description(card, holdout.manifest)
    try:
        again = fit_again(config, build, holdout, card)
    except (FindingError, UsageError) as error:
        yield golden_check(challenger.scorer, golden, holdout)
        yield _check("fitted again", str(error).rstrip("."), "a winner that can be fitted again", passed=False)
        return
    fit_check = _fit_check(challenger.predictions.predicted, again)
    yield golden_check(challenger.scorer, golden, holdout, again.predicted if fit_check.passed else None)
    yield fit_check
    yield _metrics_check(_all(card.metrics, card.unweighted), _all(again.scores.metrics, again.scores.unweighted))
    basis = drift_basis(again.scores, again.rows, config)
    yield _rows_check(challenger.reference, basis.reference)
    yield _predictions_check(challenger.reference, basis.reference)
    yield _history_check(card.history, basis.history)


def fit_again(config: Config, build: Build, holdout: Table, card: ModelCard) -> FittedAgain:
    """Fit the card's setting as search and last fit of `make train` do. Raises FindingError or UsageError.

    With more than SEARCH_ROWS train rows the last fit is left out: it could take as long as training did.
    """
    candidate = _candidate(config, holdout.manifest, card)
    rows = read_train(build, config)
    expected = threshold_of_costs(config.training.cost_of_a_miss, config.training.cost_of_a_false_alarm)
    # The last fit runs beside the folds: it needs nothing of them.
    with one_thread(), ThreadPoolExecutor(1) as beside:
        is_small = len(rows.truth) <= SEARCH_ROWS
        every = rows.matrix, rows.truth, rows.weights
        last = beside.submit(_predicted, candidate, *every, holdout) if is_small else None
        trial, *_ = search([candidate], rows.search_data, config.training.metric, expected, lambda _: None)
        scores = out_of_fold_scores(trial, rows, config)
        return FittedAgain(rows, scores, last.result() if last else None)


def figures_of_fewer_rows(config: Config, build: Build, holdout: Table, card: ModelCard) -> list[float]:
    """gate.metric on the holdout of the card's setting fitted on each fold: on as many rows as its figure out of fold.

    Raises FindingError or UsageError.
    """
    candidate, rows = _candidate(config, holdout.manifest, card), read_train(build, config)
    data = rows.search_data

    def figure_of(fold: Fold) -> float:
        truth = data.truth[fold.train]
        weights = data.weights.in_fit(fold.train, truth)
        predicted = _predicted(candidate, data.matrix[fold.train], truth, weights, holdout)
        return score(config.gate.metric, holdout.truth, predicted, threshold=card.threshold, weights=holdout.weights)

    with one_thread():
        return [figure_of(fold) for fold in data.folds]


def _candidate(config: Config, manifest: DataManifest, card: ModelCard) -> Candidate:
    """The candidate with the one setting on the card, which the search must try."""
    training = config.training
    if card.estimator not in training.candidates:
        raise CandidateError(f"{card.estimator!r} is none of training.candidates: {listed(training.candidates)}.")
    (candidate,) = find_candidates(
        [card.estimator],
        manifest.features,
        manifest.task,
        config.data.seed,
        training.trials,
        {name: space for name, space in (training.spaces or {}).items() if name == card.estimator},
    )
    if card.parameters not in [dict(setting) for setting in candidate.settings]:
        raise CandidateError(f"the search tries no {card.estimator} with {card.parameters}.")
    return replace(candidate, settings=(card.parameters,))


def _predicted(
    candidate: Candidate, matrix: Matrix, truth: Integers | Numbers, weights: Numbers | None, holdout: Table
) -> FloatArray:
    """What the setting, fitted on these rows, predicts for the holdout: [rows, classes], or [rows] for a regression."""
    (setting,) = candidate.settings
    model = fit(candidate, setting, matrix, truth, weights)
    rows = holdout.matrix(holdout.manifest.features)
    is_regression = holdout.manifest.task == "regression"
    predict = model.predict if is_regression else model.predict_proba
    predicted: FloatArray = np.asarray(predict(rows), dtype=np.float64)
    return predicted.reshape(-1) if is_regression else predicted


def _description(card: ModelCard, manifest: DataManifest) -> Check:
    """Features, dates and the span of train, which the service and the table's contract rely on."""
    told, known = _described(card), _described(manifest)
    other = [name for name in {**told, **known} if told.get(name) != known.get(name)]
    train = manifest.tables["train"]
    if (card.train_rows, card.train_first, card.train_last) != (train.rows, train.first, train.last):
        other.append("the span of train")
    return _check(
        "description of the data",
        f"model.json has another description of {listed(other)}" if other else "as in data.json",
        "features, dates and train rows as data.json describes them",
        passed=not other,
    )


def _described(by: ModelCard | DataManifest) -> dict[str, object]:
    """Features with their ranges, and dates with their format and parts, by name."""
    return {one.name: one for one in by.features} | {one.name: one for one in by.dates}


def _fit_check(predicted: FloatArray, again: FittedAgain) -> Check:
    if again.predicted is None:
        seen = f"left out, because there are {len(again.rows.truth):,} train rows"
        return _check("fitted again", seen, f"up to {SEARCH_ROWS:,} train rows the same predictions", passed=True)
    if predicted.shape != again.predicted.shape:
        shapes = f"predictions of shape {predicted.shape}, fitted again {again.predicted.shape}"
        return _check("fitted again", shapes, "the same shape", passed=False)
    apart = _apart(predicted, again.predicted)
    return _check(
        "fitted again",
        f"the graph's answers are {percent(apart)} of their spread from those of the winner fitted again",
        f"at most {percent(MOST_APART)}",
        passed=apart <= MOST_APART,
    )


def _all(metrics: dict[str, Metric], unweighted: dict[str, Metric] | None) -> dict[str, Metric]:
    return metrics | {f"{name} of rows that count the same": one for name, one in (unweighted or {}).items()}


def _metrics_check(told: dict[str, Metric], again: dict[str, Metric]) -> Check:
    other = [
        f"{name} {_bounds(told.get(name))}, fitted again {_bounds(one)}"
        for name, one in again.items()
        if not _is_close(told.get(name), one)
    ]
    return _check(
        "out-of-fold figures",
        "; ".join(other) or f"{len(again)} figures as when fitted again",
        "figures and intervals on the card as those of the winner fitted again",
        passed=not other and told.keys() == again.keys(),
    )


def _rows_check(told: pd.DataFrame, again: pd.DataFrame) -> Check:
    """reference.parquet has the rows that data.seed draws, in the same order."""
    columns = [name for name in again.columns if name != PREDICTION_COLUMN]
    lacking = [name for name in again.columns if name not in told]
    same = 0
    if not lacking:
        known = row_hashes(again, columns)
        same = int((row_hashes(told, columns) == known).sum()) if len(told) == len(again) else 0
    return _check(
        "reference rows",
        f"reference.parquet has no column {listed(lacking)}"
        if lacking
        else f"of {len(told):,} rows in reference.parquet, {same:,} are those that data.seed draws from train",
        f"the {len(again):,} rows that data.seed draws from train",
        passed=not lacking and same == len(again) == len(told),
    )


def _predictions_check(told: pd.DataFrame, again: pd.DataFrame) -> Check:
    """Compared row by row. Another number of rows fails."""
    if PREDICTION_COLUMN not in told or len(told) != len(again):
        apart = np.inf
    else:
        apart = _apart(told[PREDICTION_COLUMN].to_numpy(), again[PREDICTION_COLUMN].to_numpy())
    return _check(
        "reference predictions",
        f"{percent(apart)} of their spread from those of the winner out of fold",
        f"at most {percent(MOST_APART)}",
        passed=apart <= MOST_APART,
    )


def _history_check(told: Sequence[ColumnHistory], again: Sequence[ColumnHistory]) -> Check:
    known = {(one.column, one.method): one.largest for one in again}
    seen = {(one.column, one.method): one.largest for one in told}
    other = [key[0] for key in {**known, **seen} if not _are_close(seen.get(key, {}), known.get(key, {}))]
    return _check(
        "history of distances",
        f"model.json has other distances for {listed(other)}" if other else f"{len(known)} columns as recomputed",
        "the largest distances of past windows as recomputed",
        passed=not other,
    )


def _apart(told: npt.NDArray[Any], again: npt.NDArray[Any]) -> float:
    """Root mean square of the difference, divided by that of the spread. For classes, the share of rows that differ."""
    if told.dtype.kind not in "fiu" or again.dtype.kind not in "fiu":
        return float((told != again).mean())
    difference = told.astype(np.float64) - again.astype(np.float64)
    spread = again.astype(np.float64) - again.mean(axis=0, dtype=np.float64)
    size, scale = _root_mean_square(difference), _root_mean_square(spread)
    # A NaN difference is not small: `<=` is false for it.
    return 0.0 if size <= SAME * max(1.0, float(np.abs(again).max())) else size / scale if scale else np.inf


def _root_mean_square(values: FloatArray) -> float:
    return float(np.sqrt(np.square(values).mean()))


def _is_close(told: Metric | None, again: Metric) -> bool:
    if told is None or told.confidence != again.confidence:
        return False
    room = MOST_OF_INTERVAL * (again.high - again.low) + SAME * abs(again.value)
    ends = zip((told.value, told.low, told.high), (again.value, again.low, again.high), strict=True)
    return all(abs(one - other) <= room for one, other in ends)


def _are_close(told: dict[int, float], again: dict[int, float]) -> bool:
    return told.keys() == again.keys() and all(
        abs(told[days] - again[days]) <= LEAST_DISTANCE + MOST_OF_DISTANCE * again[days] for days in again
    )


def _bounds(one: Metric | None) -> str:
    return "not there" if one is None else f"{figure(one.value)} [{figure(one.low)}, {figure(one.high)}]"


def _check(name: str, seen: str, required: str, *, passed: bool) -> Check:
    return Check(name=name, passed=passed, seen=seen, required=required, remedy=REMEDY)
