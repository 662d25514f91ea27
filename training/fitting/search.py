"""The search: every setting of every candidate on the same folds of the training rows; the best mean score leads.

Of equals the earlier one wins, so name simpler candidates first. Fits are spread over the cores as processes of one
thread each, or over a cluster (training/cluster.py); where one runs does not change its figures. Of a very large table
a seeded sample of SEARCH_ROWS is searched, and the winner is then fitted on every row.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import threadpoolctl

from contracts.exits import FindingError
from contracts.features import Matrix
from contracts.schema import Task
from contracts.terminal.progress import progress
from training.cluster import run_fits
from training.fitting.candidates import Candidate, Setting
from training.fitting.fit_weights import ALL_THE_SAME, RowWeights, fitted
from training.fitting.folds import Fold
from training.statistics.metrics import METRICS, ScoringError, score
from training.tables import Integers, Numbers

Predicted = npt.NDArray[np.float32]

SEARCH_ROWS = 250_000
# Below this, starting processes costs more than they save.
CELLS_WORTH_PROCESSES = 500_000


class SearchError(FindingError):
    """A candidate cannot be fitted or judged on a fold: the text says which one, where, and why."""


@dataclass(frozen=True)
class Material:
    """What candidates are judged on: float32 [rows, features], truth and weights [rows], and folds of these rows."""

    matrix: Matrix
    truth: Integers | Numbers
    folds: Sequence[Fold]
    task: Task
    weights: RowWeights = ALL_THE_SAME


@dataclass(frozen=True)
class Judged:
    """Positions of the rows that were judged, ascending [n], and what a model that was not fitted on them said.

    `predicted`: probabilities [n, classes] or values [n], float32: as precise as the service will be.
    """

    rows: Integers
    predicted: Predicted


@dataclass(frozen=True)
class Trial:
    """One setting of one candidate: its score on each fold, and its predictions out of fold."""

    candidate: Candidate
    setting: Setting
    scores: tuple[float, ...]
    judged: Judged

    @property
    def name(self) -> str:
        setting = " ".join(f"{key}={value}" for key, value in self.setting.items())
        return f"{self.candidate.name} {setting}".strip()

    @property
    def mean_score(self) -> float:
        return float(np.mean(self.scores))


def search(
    candidates: Sequence[Candidate],
    material: Material,
    metric: str,
    threshold: float | None,
    say: Callable[[str], None] = print,
) -> list[Trial]:
    """The best trial of each candidate, the best of all first.

    `threshold`: where "yes" begins, for metrics of decisions. `say` gets a line for each trial.
    Raises SearchError.
    """
    direction = 1 if METRICS[metric].higher_is_better else -1
    best: dict[str, Trial] = {}
    plan = [(candidate, setting) for candidate in candidates for setting in candidate.settings]
    with progress("search, fits", len(plan) * len(material.folds)) as shown:
        runs = shown.over(_runs(plan, material))
        for candidate, setting in plan:
            predicted, seconds = zip(*(next(runs) for _ in material.folds), strict=True)
            scores = tuple(
                _score(candidate.name, metric, material, number, part, threshold)
                for number, part in enumerate(predicted)
            )
            trial = Trial(candidate, setting, scores, _together(material.folds, predicted))
            each = " ".join(f"{one:.4f}" for one in scores)
            shown.clear()
            say(f"{trial.name}: {metric} {trial.mean_score:.4f} (folds {each}), {sum(seconds):.1f} s")
            before = best.get(candidate.name)
            if before is None or direction * trial.mean_score > direction * before.mean_score:
                best[candidate.name] = trial
    if not best:
        raise SearchError(
            "There is nothing to try: training.candidates in pipeline.toml is empty.", code="no-candidates"
        )
    return sorted(best.values(), key=lambda trial: -direction * trial.mean_score)


def sample_rows(rows: int, seed: int) -> Integers:
    """Positions of the rows to search on, ascending: all, or a seeded sample of SEARCH_ROWS."""
    if rows <= SEARCH_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, SEARCH_ROWS, replace=False))


def fit(trial: Trial, matrix: Matrix, truth: Integers | Numbers, weights: Numbers | None = None) -> Any:
    """A new model with the trial's setting, fitted on all of these rows. A forest grows its trees on all cores."""
    with one_thread(), joblib.parallel_config(backend="threading", n_jobs=-1):
        return fitted(trial.candidate.make(trial.setting), matrix, truth, weights)


def one_thread() -> AbstractContextManager[Any]:
    """Processes share the work, threads do not.

    BLAS threads add up in another order, which gives a linear model other last bits on another number of cores. OpenMP
    threads wait for each other by spinning: with a neighbour on one of two cores, a fit of 0.3 s was seen to take 86.
    """
    limited: AbstractContextManager[Any] = threadpoolctl.threadpool_limits(1)
    return limited


def _runs(plan: Sequence[tuple[Candidate, Setting]], material: Material) -> Iterator[tuple[Predicted, float]]:
    """Predictions and seconds of every trial on every fold, in order."""
    jobs = [
        joblib.delayed(_run)(candidate.name, candidate.make(setting), material, number)
        for candidate, setting in plan
        for number in range(len(material.folds))
    ]
    is_worth_it = material.matrix.size * len(plan) > CELLS_WORTH_PROCESSES
    workers = min(joblib.cpu_count(), len(jobs)) if is_worth_it else 1
    return run_fits(jobs, material, workers)


def _run(name: str, estimator: Any, material: Material, number: int) -> tuple[Predicted, float]:
    started = time.perf_counter()
    fold = material.folds[number]
    try:
        with one_thread():
            truth = material.truth[fold.train]
            fitted(estimator, material.matrix[fold.train], truth, material.weights.in_fit(fold.train, truth))
            predict = estimator.predict if material.task == "regression" else estimator.predict_proba
            predicted = np.asarray(predict(material.matrix[fold.judged]), dtype=np.float32)
    except Exception as error:  # an estimator of one's own may raise anything
        reason = (str(error).splitlines() or [""])[0]
        raise SearchError(
            f"{name} cannot be fitted on fold {number + 1}: {type(error).__name__}: {reason} "
            "Fix the candidate, or take it out of training.candidates.",
            code="fit-failed",
        ) from error
    return predicted, time.perf_counter() - started


def _score(
    name: str, metric: str, material: Material, number: int, predicted: Predicted, threshold: float | None
) -> float:
    try:
        rows = material.folds[number].judged
        weights = material.weights.of(rows)
        return score(metric, material.truth[rows], predicted, threshold=threshold, weights=weights)
    except ScoringError as error:
        raise SearchError(
            f"{name} has no {metric} on fold {number + 1}: {error} Choose another training.metric, fewer "
            "training.folds, or take the candidate out of training.candidates.",
            code="no-figure",
        ) from error


def _together(folds: Sequence[Fold], predicted: Sequence[Predicted]) -> Judged:
    rows = np.concatenate([fold.judged for fold in folds])
    order = np.argsort(rows)
    return Judged(rows[order], np.concatenate(predicted)[order])
