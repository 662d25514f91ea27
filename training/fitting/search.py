"""The search: scores every setting of every candidate on the same folds of the train rows. The best mean score wins.

Of equal scores the earlier one wins, so name simpler candidates first. Fits run on all cores, each in a process with
one thread (those of a single setting in threads), or on a cluster (training/cluster.py). The results do not depend on
where they run. Of a very large table a seeded sample of SEARCH_ROWS is searched, and the winner is then fitted on every
row.
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
from training.statistics.metrics import METRICS, ScoringError
from training.statistics.scores import score
from training.tables import Integers, Numbers

Predicted = npt.NDArray[np.float32]

SEARCH_ROWS = 250_000
# Below this, starting processes or threads costs more than they save.
CELLS_WORTH_WORKERS = 500_000


class SearchError(FindingError):
    """A candidate cannot be fitted or scored on a fold: the text says which one, where, and why."""


@dataclass(frozen=True)
class SearchData:
    """What the search scores candidates on: float32 [rows, features], truth and weights [rows], and their folds."""

    matrix: Matrix
    truth: Integers | Numbers
    folds: Sequence[Fold]
    task: Task
    weights: RowWeights = ALL_THE_SAME


@dataclass(frozen=True)
class OutOfFold:
    """Positions of the validation rows, ascending [n], and predictions by models that were not fitted on them.

    `predicted`: probabilities [n, classes] or values [n], float32: as precise as in the service.
    """

    rows: Integers
    predicted: Predicted


@dataclass(frozen=True)
class Trial:
    """One setting of one candidate: its score on each fold, and its predictions out of fold."""

    candidate: Candidate
    setting: Setting
    scores: tuple[float, ...]
    out_of_fold: OutOfFold

    @property
    def name(self) -> str:
        setting = " ".join(f"{key}={value}" for key, value in self.setting.items())
        return f"{self.candidate.name} {setting}".strip()

    @property
    def mean_score(self) -> float:
        return float(np.mean(self.scores))


def search(
    candidates: Sequence[Candidate],
    data: SearchData,
    metric: str,
    threshold: float | None,
    say: Callable[[str], None] = print,
) -> list[Trial]:
    """The best trial of each candidate, the best of all first.

    `threshold`: the probability from which on "yes" is predicted, for metrics of decisions. `say` gets a line for each
    trial. Raises SearchError.
    """
    direction = 1 if METRICS[metric].higher_is_better else -1
    best: dict[str, Trial] = {}
    plan = [(candidate, setting) for candidate in candidates for setting in candidate.settings]
    with progress("search, fits", len(plan) * len(data.folds)) as shown:
        runs = shown.over(_runs(plan, data))
        for candidate, setting in plan:
            predicted, seconds = zip(*(next(runs) for _ in data.folds), strict=True)
            trial = _trial(candidate, setting, data, metric, threshold, predicted)
            each = " ".join(f"{one:.4f}" for one in trial.scores)
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


def _trial(
    candidate: Candidate,
    setting: Setting,
    data: SearchData,
    metric: str,
    threshold: float | None,
    predicted: Sequence[Predicted],
) -> Trial:
    """`predicted`: for each fold's validation rows."""
    scores = tuple(
        _score(candidate.name, metric, data, number, part, threshold) for number, part in enumerate(predicted)
    )
    return Trial(candidate, setting, scores, _joined(data.folds, predicted))


def sample_rows(rows: int, seed: int) -> Integers:
    """Positions of the rows to search on, ascending: all, or a seeded sample of SEARCH_ROWS."""
    if rows <= SEARCH_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, SEARCH_ROWS, replace=False))


def fit(
    candidate: Candidate,
    setting: Setting,
    matrix: Matrix,
    truth: Integers | Numbers,
    weights: Numbers | None = None,
) -> Any:
    """A new model of this candidate and setting, fitted on all of these rows. A forest uses all cores."""
    with one_thread(), joblib.parallel_config(backend="threading", n_jobs=-1):
        return fitted(candidate.make(setting), matrix, truth, weights)


def one_thread() -> AbstractContextManager[Any]:
    """Limit BLAS and OpenMP to one thread; the search runs processes in parallel instead.

    BLAS threads change the order of additions, so the last bits of a linear model would depend on the number of cores.
    OpenMP threads wait for each other by spinning: with another process on one of two cores, a fit of 0.3 s took 86 s.
    """
    limited: AbstractContextManager[Any] = threadpoolctl.threadpool_limits(1)
    return limited


def _runs(plan: Sequence[tuple[Candidate, Setting]], data: SearchData) -> Iterator[tuple[Predicted, float]]:
    """Predictions and seconds of every trial on every fold, in order."""
    jobs = [
        joblib.delayed(_run)(candidate.name, candidate.make(setting), data, number)
        for candidate, setting in plan
        for number in range(len(data.folds))
    ]
    is_worth_it = data.matrix.size * len(plan) > CELLS_WORTH_WORKERS
    workers = min(joblib.cpu_count(), len(jobs)) if is_worth_it else 1
    # The gate fits one setting again: on the flights in 3.5 s by new processes, in 1.7 s by threads.
    return run_fits(jobs, data, workers, in_threads=len(plan) == 1)


def _run(name: str, estimator: Any, data: SearchData, number: int) -> tuple[Predicted, float]:
    started = time.perf_counter()
    fold = data.folds[number]
    try:
        with one_thread():
            truth = data.truth[fold.train]
            fitted(estimator, data.matrix[fold.train], truth, data.weights.in_fit(fold.train, truth))
            predict = estimator.predict if data.task == "regression" else estimator.predict_proba
            predicted = np.asarray(predict(data.matrix[fold.validation]), dtype=np.float32)
    except Exception as error:  # a custom estimator may raise anything
        reason = (str(error).splitlines() or [""])[0]
        raise SearchError(
            f"{name} cannot be fitted on fold {number + 1}: {type(error).__name__}: {reason} "
            "Fix the candidate, or take it out of training.candidates.",
            code="fit-failed",
        ) from error
    return predicted, time.perf_counter() - started


def _score(
    name: str, metric: str, data: SearchData, number: int, predicted: Predicted, threshold: float | None
) -> float:
    try:
        rows = data.folds[number].validation
        weights = data.weights.of(rows)
        return score(metric, data.truth[rows], predicted, threshold=threshold, weights=weights)
    except ScoringError as error:
        raise SearchError(
            f"{name} has no {metric} on fold {number + 1}: {error} Choose another training.metric, fewer "
            "training.folds, or take the candidate out of training.candidates.",
            code="no-figure",
        ) from error


def _joined(folds: Sequence[Fold], predicted: Sequence[Predicted]) -> OutOfFold:
    rows = np.concatenate([fold.validation for fold in folds])
    order = np.argsort(rows)
    return OutOfFold(rows[order], np.concatenate(predicted)[order])
