"""Finds the best candidate, fits it, exports it to ONNX, proves the export, and writes the challenger's model folder.

Candidates that cannot be exported exactly are left out (`probe.py`). Train rows alone decide which of the others is
best (`search.py`, `folds.py`), and from which probability on the prediction is "yes" (`threshold.py`). The metrics on
the card are out of fold: each row is predicted by a model that was not fitted on it. Metrics of decisions are slightly
optimistic, because the threshold was chosen on the same rows. The winner is then fitted on every train row. Of the
holdout only the features are read, to prove the export. A train table that differs from data.json is refused. The same
commit and data give the same bytes, on any number of cores.

Reads   build/data/: data.json, train.parquet, and the features in holdout.parquet.
Writes  build/train/model/: model.onnx, model.json, golden.json, and reference.parquet, a sample of the rows predicted
        out of fold, with those predictions.
Exits   0 done · 2 pipeline.toml does not fit, or no data · 3 folds, fit, export or proof refused · 1 a crash.
"""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from contracts.data_manifest import DataManifest
from contracts.exits import UsageError
from contracts.model_folder import ColumnHistory, ExportProof, ModelCard
from contracts.pipeline_toml.keys import Config, Training
from contracts.stage import Build, Context, Outcome, run_stage
from scoring.scorer import Scorer
from training.fitting import revision
from training.fitting.candidates import Candidate, find_candidates
from training.fitting.export import ExportRefusedError, export
from training.fitting.model_folder import golden_of, write_model_folder
from training.fitting.probe import require_any, without_refused
from training.fitting.proof import Proof, prove
from training.fitting.search import Trial, fit, one_thread, search
from training.fitting.threshold import threshold_of_costs
from training.fitting.winner import CandidateScores, TrainRows, drift_basis, out_of_fold_scores, read_train
from training.judging.relaxed_thresholds import recorded
from training.refusals import nearest
from training.tables import Table, load_manifest, load_table, refuse_other_settings

say = partial(print, flush=True)


@dataclass(frozen=True)
class Winner:
    """The trial that became the challenger, fitted on every train row, with its graph and the proof of the export."""

    trial: Trial
    scores: CandidateScores
    model: Any
    graph: bytes
    proof: Proof


def work(context: Context) -> Outcome:
    """Search, fit, export, prove, write. Raises UsageError or FindingError."""
    with one_thread():
        return _train(context.config, context.build)


def _train(config: Config, build: Build) -> Outcome:
    training, seed = config.training, config.data.seed
    manifest = load_manifest(build)
    refuse_other_settings(config, manifest, "Run `make data`.", ("data.task", "data.target", "training.weights"))
    _require_logged_features(config, manifest)
    candidates = find_candidates(
        training.candidates, manifest.features, manifest.task, seed, training.trials, training.spaces
    )
    rows = read_train(build, config)
    ranked, refused = _searched(candidates, rows, manifest, training)
    holdout = load_table(build, "holdout", columns=[one.name for one in manifest.features])
    winner = _first_proved(ranked, rows, holdout, config, refused)
    with _timed("compared past windows with the reference"):
        basis = drift_basis(winner.scores, rows, config)
    card = _card(config, manifest, winner, basis.history, refused)
    golden = golden_of(winner.model, Scorer(card, "", winner.graph), holdout)
    write_model_folder(build.challenger, card, winner.graph, golden, basis.reference)
    return Outcome("pass", _headline(card, training.metric, len(winner.scores.predicted)))


def _searched(
    candidates: Sequence[Candidate], rows: TrainRows, manifest: DataManifest, training: Training
) -> tuple[list[Trial], dict[str, str]]:
    """The best trial of each candidate, the best of all first, and the candidates that cannot be exported."""
    with _timed("tried the export of each candidate"):
        candidates, refused = without_refused(candidates, rows.search_data, _gaps(manifest))
    for name, reason in refused.items():
        say(f"{name} is not tried: {reason}")
    threshold = threshold_of_costs(training.cost_of_a_miss, training.cost_of_a_false_alarm)
    with _timed(f"searched on {len(rows.searched.frame):,} of {len(rows.truth):,} rows"):
        return search(candidates, rows.search_data, training.metric, threshold, say), refused


def _first_proved(
    ranked: Sequence[Trial], rows: TrainRows, holdout: Table, config: Config, refused: dict[str, str]
) -> Winner:
    """The best trial whose export can be proved. Better ones are added to `refused`, each with the reason."""
    for best in ranked:
        scores = out_of_fold_scores(best, rows, config)
        with _timed(f"fitted {best.name} on {len(rows.truth):,} rows"):
            model = fit(best.candidate, best.setting, rows.matrix, rows.truth, rows.weights)
        try:
            with _timed("exported and proved"):
                return Winner(best, scores, model, *_exported(model, holdout, scores.threshold))
        except ExportRefusedError as refusal:
            refused[best.candidate.name] = str(refusal)
            say(f"{best.candidate.name} won the search, but is left out: {refusal}")
    require_any([], refused)
    raise AssertionError("search() returns at least one trial")


def _require_logged_features(config: Config, manifest: DataManifest) -> None:
    names = [one.name for one in manifest.features]
    for name in config.service.logged_features:
        if name not in names:
            raise UsageError(
                f"service.logged_features: {name!r} is no feature of this model.{nearest(name, names)}",
                code="unknown-feature",
            )


def _exported(model: Any, holdout: Table, threshold: float | None) -> tuple[bytes, Proof]:
    task, features = holdout.manifest.task, holdout.manifest.features
    graph = export(model, len(features), task)
    gaps = _gaps(holdout.manifest)
    return graph, prove(model, graph, holdout.matrix(features), task, nan_columns=gaps, threshold=threshold)


def _gaps(manifest: DataManifest) -> list[int]:
    """Columns that may be NaN: numbers and booleans that may be missing. A missing category is a code."""
    return [place for place, one in enumerate(manifest.features) if one.may_be_missing and one.kind != "categorical"]


def _card(
    config: Config,
    manifest: DataManifest,
    winner: Winner,
    history: tuple[ColumnHistory, ...],
    refused: dict[str, str],
) -> ModelCard:
    train = manifest.tables["train"]
    return ModelCard(
        name=config.project.name,
        task=manifest.task,
        target=manifest.target,
        features=manifest.features,
        dates=manifest.dates,
        classes=manifest.classes,
        positive=manifest.positive,
        threshold=winner.scores.threshold,
        estimator=winner.trial.candidate.name,
        parameters=dict(winner.trial.setting),
        metrics=winner.scores.metrics,
        unweighted=winner.scores.unweighted,
        train_rows=train.rows,
        train_first=train.first,
        train_last=train.last,
        data_digest=manifest.digest,
        commit=revision.commit(),
        versions=revision.versions(),
        proof=ExportProof(**dataclasses.asdict(winner.proof)),
        max_batch_rows=config.service.max_batch_rows,
        logged_features=config.service.logged_features or tuple(one.name for one in manifest.features),
        history=history,
        refused_candidates=refused,
        gate=recorded(config),
        files={},
    )


def _headline(card: ModelCard, metric: str, rows_out_of_fold: int) -> str:
    seen, proof = card.metrics[metric], card.proof
    return (
        f"{card.estimator}, {metric} {seen.value:.4g} [{seen.low:.4g}, {seen.high:.4g}] out of fold on "
        f"{rows_out_of_fold:,} rows; export exact on {proof.rows:,} + {proof.boundary_rows:,} rows"
        + "".join(f"; {name} was left out because it cannot be exported exactly" for name in card.refused_candidates)
    )


@contextmanager
def _timed(what: str) -> Iterator[None]:
    """Print how long it took. Times are for the terminal only: in a file they would make every run differ."""
    started = time.perf_counter()
    yield
    say(f"{what} in {time.perf_counter() - started:.1f} s")


main = partial(run_stage, "train", __doc__, work)
