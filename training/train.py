"""Finds the best candidate, fits it, exports it to ONNX, proves the export, and writes the challenger's model folder.

It leaves out what cannot be exported exactly (`probe.py`), and decides, on train rows alone, which of the other
training.candidates is best (`search.py`, `folds.py`), and from which probability on the answer is "yes"
(`threshold.py`). The metrics on the card are out of fold: each row is judged by a model that was not fitted on it.
Those of decisions are a little hopeful, for the threshold was chosen on the same rows.
The winner is then fitted on every train row. Of the holdout only the features are read, to prove the export.
A train table that is not the one which data.json describes is refused.
The same commit and data give the same bytes, however many cores there are.

Reads   build/data/: data.json, train.parquet, and the features in holdout.parquet.
Writes  build/train/model/: model.onnx, model.json, golden.json, and reference.parquet, a sample of the rows that were
        judged out of fold, with those predictions.
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
from contracts.model_folder import ExportProof, ModelCard
from contracts.pipeline_toml.keys import Config
from contracts.stage import Build, Context, Outcome, run_stage
from scoring.scorer import Scorer
from training.fitting import revision
from training.fitting.candidates import find_candidates
from training.fitting.export import ExportRefusedError, export
from training.fitting.model_folder import golden_of, write_model_folder
from training.fitting.probe import require_any, without_refused
from training.fitting.proof import Proof, prove
from training.fitting.search import Trial, fit, one_thread, search
from training.fitting.threshold import threshold_of_costs
from training.fitting.winner import CandidateScores, TrainRows, drift_basis, judge, read_train
from training.judging.relaxed_thresholds import recorded
from training.refusals import nearest
from training.tables import Table, load_manifest, load_table

say = partial(print, flush=True)


@dataclass(frozen=True)
class Winner:
    """The trial that became the challenger, fitted on every train row, with its graph and the proof of that."""

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
    _require_agreement(config, manifest)
    candidates = find_candidates(
        training.candidates, manifest.features, manifest.task, seed, training.trials, training.spaces
    )
    rows = read_train(build, config)
    expected = threshold_of_costs(training.cost_of_a_miss, training.cost_of_a_false_alarm)
    with _timed("tried the export of each candidate"):
        candidates, refused = without_refused(candidates, rows.material, _gaps(manifest))
    for name, reason in refused.items():
        say(f"{name} is not tried: {reason}")
    with _timed(f"searched on {len(rows.searched.frame):,} of {len(rows.truth):,} rows"):
        ranked = search(candidates, rows.material, training.metric, expected, say)
    holdout = load_table(build, "holdout", columns=[one.name for one in manifest.features])
    winner = _first_proved(ranked, rows, holdout, config, refused)
    judgement = winner.scores
    with _timed("compared the past with the reference"):
        basis = drift_basis(judgement, rows, config)
    told = {"history": basis.history, "refused_candidates": refused}
    card = _card(config, manifest, winner).model_copy(update=told)
    golden = golden_of(winner.model, Scorer(card, "", winner.graph), holdout)
    write_model_folder(build.challenger, card, winner.graph, golden, basis.reference)
    return Outcome("pass", _headline(card, training.metric, len(judgement.predicted)))


def _first_proved(
    ranked: Sequence[Trial], rows: TrainRows, holdout: Table, config: Config, refused: dict[str, str]
) -> Winner:
    """The best trial whose export can be proved; those before it are put into `refused`, each with the reason."""
    for best in ranked:
        scores = judge(best, rows, config)
        with _timed(f"fitted {best.name} on {len(rows.truth):,} rows"):
            model = fit(best, rows.matrix, rows.truth, rows.weights)
        try:
            with _timed("exported and proved"):
                return Winner(best, scores, model, *_exported(model, holdout, scores.threshold))
        except ExportRefusedError as refusal:
            refused[best.candidate.name] = str(refusal)
            say(f"{best.candidate.name} won the search, and is left out: {refusal}")
    require_any([], refused)
    raise AssertionError("search() returns at least one trial")


def _require_agreement(config: Config, manifest: DataManifest) -> None:
    """Refuse data that was made for another question, and a log of features that there are not."""
    for key, asked, made_for in (
        ("data.task", config.data.task, manifest.task),
        ("data.target", config.data.target, manifest.target),
        ("training.weights", config.training.weights, manifest.weights),
    ):
        if asked != made_for:
            raise UsageError(
                f"pipeline.toml has {key} = {asked!r}, and build/data was made for {made_for!r}. Run `make data`."
            )
    names = [one.name for one in manifest.features]
    for name in config.service.logged_features:
        if name not in names:
            raise UsageError(f"service.logged_features: {name!r} is no feature of this model.{nearest(name, names)}")


def _exported(model: Any, holdout: Table, threshold: float | None) -> tuple[bytes, Proof]:
    task, features = holdout.manifest.task, holdout.manifest.features
    graph = export(model, len(features), task)
    gaps = _gaps(holdout.manifest)
    return graph, prove(model, graph, holdout.matrix(features), task, nan_columns=gaps, threshold=threshold)


def _gaps(manifest: DataManifest) -> list[int]:
    """Where NaN may be: a missing category is a code like any other, so only among numbers and booleans."""
    return [place for place, one in enumerate(manifest.features) if one.may_be_missing and one.kind != "categorical"]


def _card(config: Config, manifest: DataManifest, winner: Winner) -> ModelCard:
    train = manifest.tables["train"]
    return ModelCard(
        name=config.project.name,
        task=manifest.task,
        target=manifest.target,
        features=manifest.features,
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
        gate=recorded(config),
        files={},
    )


def _headline(card: ModelCard, metric: str, judged_rows: int) -> str:
    seen, proof = card.metrics[metric], card.proof
    return (
        f"{card.estimator}, {metric} {seen.value:.4g} [{seen.low:.4g}, {seen.high:.4g}] out of fold on "
        f"{judged_rows:,} rows; export exact on {proof.rows:,} + {proof.boundary_rows:,} rows"
        + "".join(f"; {name} was left out, for it cannot be exported exactly" for name in card.refused_candidates)
    )


@contextmanager
def _timed(what: str) -> Iterator[None]:
    """Times are for the terminal only: in a file they would make every run differ."""
    started = time.perf_counter()
    yield
    say(f"{what} in {time.perf_counter() - started:.1f} s")


main = partial(run_stage, "train", __doc__, work)
