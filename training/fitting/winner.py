"""The winner's out-of-fold scores and its drift reference, as the model card has them.

The train stage computes them for the card. The gate computes them again and compares.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contracts.features import Matrix
from contracts.model_folder import ColumnHistory, Metric
from contracts.pipeline_toml.keys import Config
from contracts.stage import Build
from training.fitting.fit_weights import RowWeights, of_classes
from training.fitting.folds import require_every_class, shuffled_folds, time_folds
from training.fitting.model_folder import reference_of
from training.fitting.search import Predicted, SearchData, SearchError, Trial, sample_rows
from training.fitting.threshold import cheapest_threshold
from training.fitting.window_distances import history_of
from training.statistics.intervals import interval
from training.statistics.metrics import ScoringError
from training.tables import Integers, Numbers, Table, load_table, refuse_changed


@dataclass(frozen=True)
class TrainRows:
    """All train rows: matrix [rows, features], truth and weights [rows]. `searched`: those that the search uses."""

    matrix: Matrix
    truth: Integers | Numbers
    searched: Table
    search_data: SearchData
    weights: Numbers | None = None


@dataclass(frozen=True)
class CandidateScores:
    """The rows predicted out of fold, the best trial's predictions for them, its threshold and its metrics."""

    table: Table
    predicted: Predicted
    threshold: float | None
    metrics: dict[str, Metric]
    unweighted: dict[str, Metric] | None = None


@dataclass(frozen=True)
class DriftBasis:
    """What drift is compared with: a sample of the rows predicted out of fold, and past windows' distances from it."""

    reference: pd.DataFrame
    history: tuple[ColumnHistory, ...]


def read_train(build: Build, config: Config) -> TrainRows:
    """The train table, as data.json describes it, and its folds. Raises UsageError, TableError or FoldsError."""
    table = load_table(build, "train")
    refuse_changed(table)
    return folds_of(table, config)


def folds_of(table: Table, config: Config) -> TrainRows:
    """The rows of the table, with the folds for the search. Raises FoldsError."""
    manifest, folds, seed = table.manifest, config.training.folds, config.data.seed
    searched = table.take(sample_rows(len(table.frame), seed))
    truth, days = searched.truth, searched.days
    if days is None:
        parts = shuffled_folds(truth, searched.clusters, manifest.task, folds, seed)
    else:
        parts = time_folds(days, folds)
    require_every_class(parts, truth, manifest.classes, searched.weights)
    of_class = of_classes(config.training.class_weight, manifest.classes)
    weights = RowWeights(searched.weights, of_class)
    search_data = SearchData(searched.matrix(manifest.features), truth, parts, manifest.task, weights)
    every = RowWeights(table.weights, of_class).in_fit(np.arange(len(table.frame)), table.truth)
    return TrainRows(table.matrix(manifest.features), table.truth, searched, search_data, every)


def out_of_fold_scores(best: Trial, rows: TrainRows, config: Config) -> CandidateScores:
    """The threshold and the metrics with their intervals, from the best trial's predictions out of fold."""
    table, predicted = rows.searched.take(best.out_of_fold.rows), best.out_of_fold.predicted
    task, costs = table.manifest.task, (config.training.cost_of_a_miss, config.training.cost_of_a_false_alarm)
    truth, clusters, weights = table.truth, table.clusters, table.weights
    threshold = cheapest_threshold(truth == 1, predicted[:, 1], *costs, weights) if task == "binary" else None

    def figures(counted: Numbers | None) -> dict[str, Metric]:
        found, confidence = {}, config.gate.confidence
        for name in config.metrics:
            try:
                seen = interval(
                    name, truth, predicted, clusters, confidence=confidence, threshold=threshold, weights=counted
                )
            except ScoringError as error:
                sentence = f"{best.candidate.name} has no {name} out of fold: {error}"
                raise SearchError(sentence, code="no-figure") from error
            found[name] = Metric(value=seen.value, low=seen.low, high=seen.high, confidence=confidence)
        return found

    return CandidateScores(table, predicted, threshold, figures(weights), None if weights is None else figures(None))


def drift_basis(judged: CandidateScores, rows: TrainRows, config: Config) -> DriftBasis:
    """reference.parquet, and the card's history. In both, texts are normalised as drift normalises its window."""
    features = judged.table.manifest.features
    table, searched = (one.as_read(features) for one in (judged.table, rows.searched))
    reference = reference_of(table, judged.predicted, config.drift.reference_rows, config.data.seed)
    history = history_of(config.drift, features, searched, table, judged.predicted, reference)
    return DriftBasis(reference, history)
