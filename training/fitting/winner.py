"""What the model card says of the winner, from train rows and its predictions out of fold: by the train stage, which
writes it down, and by the gate, which fits the winner again and holds the card against it."""

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
from training.fitting.search import Material, Predicted, SearchError, Trial, sample_rows
from training.fitting.threshold import cheapest_threshold
from training.fitting.window_distances import history_of
from training.statistics.intervals import interval
from training.statistics.metrics import ScoringError
from training.tables import Integers, Numbers, Table, load_table, refuse_changed


@dataclass(frozen=True)
class TrainRows:
    """What the winner is fitted on, [rows, features] and [rows], with its weights there; and of these rows, what the
    search sees."""

    matrix: Matrix
    truth: Integers | Numbers
    searched: Table
    material: Material
    weights: Numbers | None = None


@dataclass(frozen=True)
class CandidateScores:
    """The rows that were judged out of fold, what the best trial said of them, and what that is worth."""

    table: Table
    predicted: Predicted
    threshold: float | None
    metrics: dict[str, Metric]
    unweighted: dict[str, Metric] | None = None


@dataclass(frozen=True)
class DriftBasis:
    """What drift is measured against: a sample of the rows judged out of fold, and how far the past was from it."""

    reference: pd.DataFrame
    history: tuple[ColumnHistory, ...]


def read_train(build: Build, config: Config) -> TrainRows:
    """The train table, as data.json describes it, and its folds. Raises UsageError, TableError or FoldsError."""
    table = load_table(build, "train")
    refuse_changed(table)
    return folds_of(table, config)


def folds_of(table: Table, config: Config) -> TrainRows:
    """The folds that the search judges on. Raises FoldsError."""
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
    material = Material(searched.matrix(manifest.features), truth, parts, manifest.task, weights)
    every = RowWeights(table.weights, of_class).in_fit(np.arange(len(table.frame)), table.truth)
    return TrainRows(table.matrix(manifest.features), table.truth, searched, material, every)


def judge(best: Trial, rows: TrainRows, config: Config) -> CandidateScores:
    """The threshold and the metrics with their intervals, from what the best trial said out of fold."""
    table, predicted = rows.searched.take(best.judged.rows), best.judged.predicted
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
                raise SearchError(f"{best.candidate.name} has no {name} out of fold: {error}") from error
            found[name] = Metric(value=seen.value, low=seen.low, high=seen.high, confidence=confidence)
        return found

    return CandidateScores(table, predicted, threshold, figures(weights), None if weights is None else figures(None))


def drift_basis(judged: CandidateScores, rows: TrainRows, config: Config) -> DriftBasis:
    """reference.parquet, and the card's history: both with texts as the model reads them, as drift reads its window."""
    features = judged.table.manifest.features
    table, searched = (one.as_read(features) for one in (judged.table, rows.searched))
    reference = reference_of(table, judged.predicted, config.drift.reference_rows, config.data.seed)
    history = history_of(config.drift, features, searched, table, judged.predicted, reference)
    return DriftBasis(reference, history)
