"""Small build folders with hand-made models, for tests of the gate and of other readers of a model folder.

The best model is known, because the rows are drawn with log-odds of "yes" of SIGNAL × signal + BIAS. A model is a row
of weights in a real ONNX graph, so a test can make it better, worse, constant, or wrong on one slice only.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd
from onnx import TensorProto, helper, numpy_helper

from contracts.data_manifest import DataManifest, Table, TableName
from contracts.features import Feature
from contracts.model_folder import ExportProof, Golden, ModelCard, model_digest
from contracts.pipeline_toml.keys import Config
from contracts.schema import Task, read_json, write_json
from contracts.stage import Build
from scoring.scorer import INPUT_NAME, OUTPUT_NAMES, Scorer
from testbed.cards import CLASSES, card
from testbed.hand_made.estimator import ByHand
from training.dataset.digests import frame_digest
from training.fitting.candidates import Candidate
from training.fitting.model_folder import golden_of, write_model_folder
from training.fitting.search import OutOfFold, Trial
from training.fitting.winner import CandidateScores, DriftBasis, drift_basis, folds_of, out_of_fold_scores
from training.tables import Table as LoadedTable
from training.tables import load_table

CUT = pd.Timestamp("2024-03-01")
DAYS = 30
ROWS_A_DAY = 100
SIGNAL, BIAS = 1.5, -0.5
# `echo` is noise in shop "west" and 0 elsewhere: a weight on it makes a model worse on that one slice.
NUMBERS = ("signal", "noise", "echo")
GOOD = {"signal": SIGNAL}

Frames = dict[TableName, pd.DataFrame]


@cache
def draw_tables(task: Task = "binary", days: int = DAYS, seed: int = 5) -> Frames:
    """Train, holdout and replay of `days` days each, as the data stage writes them. Copy before changing one."""
    every = _draw(task, 3 * days, CUT - pd.Timedelta(days=days), np.random.default_rng(seed))
    size = days * ROWS_A_DAY
    names: tuple[TableName, ...] = ("train", "holdout", "replay")
    return {name: every.iloc[at * size : (at + 1) * size].reset_index(drop=True) for at, name in enumerate(names)}


def write_data(build: Build, frames: Frames, task: Task = "binary") -> DataManifest:
    """build/data as the data stage leaves it; the features are all columns but target, time and cluster."""
    folder = build.stage("data")
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    train = frames["train"]
    manifest = DataManifest(
        source="drawn",
        source_sha256="0" * 64,
        task=task,
        target="answer",
        classes=CLASSES[task],
        positive="yes" if task == "binary" else "",
        time="at",
        cluster="cluster",
        as_of="2024-03-31",
        features=tuple(_feature(train[name]) for name in train.columns if name not in ("answer", "at", "cluster")),
        tables={name: _described(frame) for name, frame in frames.items()},
        digest="sha256:" + "d" * 64,
    )
    write_json(folder / "data.json", manifest)
    return manifest


def replace_table(build: Build, name: TableName, frame: pd.DataFrame) -> None:
    """Replace one table's rows, and describe them in data.json as the data stage does."""
    folder = build.stage("data")
    frame.to_parquet(folder / f"{name}.parquet", index=False)
    manifest = read_json(folder / "data.json", DataManifest, "make data")
    tables = {**manifest.tables, name: _described(pd.read_parquet(folder / f"{name}.parquet"))}
    write_json(folder / "data.json", manifest.model_copy(update={"tables": tables}))


def write_model(
    folder: Path,
    build: Build,
    weights: Mapping[str, float] | Mapping[str, tuple[float, ...]] = GOOD,
    bias: float | tuple[float, ...] = BIAS,
    golden: Golden | None = None,
    reference: pd.DataFrame | None = None,
    **changes: Any,
) -> str:
    """A model folder for build/data, and its digest. `weights`: by feature, else 0; `changes`: of the card."""
    manifest = read_json(build.stage("data") / "data.json", DataManifest, "make data")
    features = changes.pop("features", manifest.features)
    outputs = len(manifest.classes) if manifest.task == "multiclass" else 1
    matrix = np.zeros((len(features), outputs), dtype=np.float32)
    for position, feature in enumerate(features):
        matrix[position] = weights.get(feature.name, 0.0)
    offset = np.broadcast_to(np.asarray(bias, dtype=np.float32), (outputs,)).copy()
    model = ByHand(manifest.task, matrix, offset)
    said = _out_of_fold(build, manifest.model_copy(update={"features": features}), model)
    of_model = {"estimator": model.name, "metrics": said.scores.metrics, "history": said.basis.history}
    made = _card(manifest, features, of_model | changes)
    onnx_graph = graph(manifest.task, matrix, offset)
    golden = golden or golden_of(model, Scorer(made, "", onnx_graph), _rows_for_golden(build, made))
    write_model_folder(folder, made, onnx_graph, golden, said.basis.reference if reference is None else reference)
    return model_digest(folder)


def configured(manifest: DataManifest, model: ByHand) -> Config:
    """The defaults of pipeline.toml's keys."""
    metric = "rmse" if manifest.task == "regression" else "roc_auc"
    return Config.model_validate(
        {
            "project": {"name": "drawn"},
            "data": {"source": "drawn", "target": manifest.target, "task": manifest.task},
            "training": {"candidates": [model.name], "metric": metric},
            "gate": {"metric": metric, "margin": 0.01},
        }
    )


def _rows_for_golden(build: Build, made: ModelCard) -> LoadedTable:
    """The holdout, or train if the holdout lacks a feature of the model."""
    holdout = load_table(build, "holdout")
    has_all = {one.name for one in made.features} <= set(holdout.frame)
    return holdout if has_all else LoadedTable("train", _train(build), holdout.manifest)


def _train(build: Build) -> pd.DataFrame:
    return pd.read_parquet(build.stage("data") / "train.parquet")


class _OutOfFold(NamedTuple):
    scores: CandidateScores
    basis: DriftBasis


def _out_of_fold(build: Build, manifest: DataManifest, model: ByHand) -> _OutOfFold:
    """The out-of-fold predictions, in the train stage's form, of a model that learns nothing."""
    config = configured(manifest, model)
    rows = folds_of(LoadedTable("train", _train(build), manifest), config)
    judged = np.concatenate([fold.validation for fold in rows.search_data.folds])
    predict = model.predict if manifest.task == "regression" else model.predict_proba
    predicted = predict(rows.search_data.matrix[judged]).astype(np.float32)
    trial = Trial(Candidate(model.name, lambda _: model, ({},)), {}, (), OutOfFold(judged, predicted))
    scores = out_of_fold_scores(trial, rows, config)
    return _OutOfFold(scores, drift_basis(scores, rows, config))


def graph(task: Task, weights: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]) -> bytes:
    """ONNX: X @ weights + bias, through a sigmoid (binary) or a softmax (several classes)."""
    initializers = [numpy_helper.from_array(weights, "W"), numpy_helper.from_array(bias, "B")]
    nodes = [helper.make_node("MatMul", [INPUT_NAME, "W"], ["product"])]
    output, width = OUTPUT_NAMES[task], max(1, len(CLASSES[task]))
    if task == "regression":
        nodes.append(helper.make_node("Add", ["product", "B"], [output]))
    else:
        nodes.append(helper.make_node("Add", ["product", "B"], ["logits"]))
    if task == "multiclass":
        nodes.append(helper.make_node("Softmax", ["logits"], [output], axis=1))
    if task == "binary":
        initializers.append(numpy_helper.from_array(np.ones(1, dtype=np.float32), "one"))
        nodes.append(helper.make_node("Sigmoid", ["logits"], ["yes"]))
        nodes.append(helper.make_node("Sub", ["one", "yes"], ["no"]))
        nodes.append(helper.make_node("Concat", ["no", "yes"], [output], axis=1))
    reads = helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, [None, len(weights)])
    gives = helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, width])
    made = helper.make_graph(nodes, "gatehouse", [reads], [gives], initializers)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _draw(task: Task, days: int, start: pd.Timestamp, random: np.random.Generator) -> pd.DataFrame:
    rows = days * ROWS_A_DAY
    shop = random.choice(np.array(["east", "north", "west"]), rows)
    signal, noise = random.normal(size=rows), random.normal(size=rows)
    at = start + pd.to_timedelta(np.arange(rows) * 24 * 60 // ROWS_A_DAY, unit="min")
    frame = pd.DataFrame(
        {
            "signal": signal.astype(np.float32),
            "noise": noise.astype(np.float32),
            "echo": np.where(shop == "west", noise, 0).astype(np.float32),
            "is_new": random.integers(0, 2, rows).astype(np.float32),
            "shop": shop,
            "at": at,
        }
    )
    frame["answer"] = _answers(task, SIGNAL * signal + BIAS, random)
    frame["cluster"] = frame["at"].dt.strftime("%Y-%m-%d")
    return frame


def _answers(task: Task, strength: npt.NDArray[np.float64], random: np.random.Generator) -> Any:
    if task == "regression":
        return 10 * strength + random.normal(size=len(strength))
    if task == "binary":
        return np.where(random.random(len(strength)) < 1 / (1 + np.exp(-strength)), "yes", "no")
    noisy = strength + random.normal(size=len(strength))
    return np.array(CLASSES[task])[np.searchsorted([-1.5, 0.5], noisy)]


def _described(frame: pd.DataFrame) -> Table:
    span = [str(frame["at"].iloc[end])[:19] if len(frame) else "" for end in (0, -1)]
    return Table(rows=len(frame), digest=frame_digest(frame), first=span[0], last=span[1])


def _feature(column: "pd.Series[Any]") -> Feature:
    name = str(column.name)
    if not pd.api.types.is_numeric_dtype(column):
        categories = tuple(sorted({str(value) for value in column}))
        return Feature(name=name, kind="categorical", categories=categories, example=categories[0])
    if set(column.unique()) <= {0.0, 1.0}:
        return Feature(name=name, kind="boolean", example=True)
    return Feature(
        name=name, kind="numeric", minimum=float(column.min()), maximum=float(column.max()), example=float(column[0])
    )


def _card(manifest: DataManifest, features: tuple[Feature, ...], changes: dict[str, Any]) -> ModelCard:
    train = manifest.tables["train"]
    of_data: dict[str, Any] = {
        "target": manifest.target,
        "classes": manifest.classes,
        "positive": manifest.positive,
        "train_rows": train.rows,
        "train_first": train.first,
        "train_last": train.last,
        "data_digest": manifest.digest,
        "max_batch_rows": 100,
        "proof": ExportProof(
            rows=manifest.tables["holdout"].rows, boundary_rows=10, label_flips=0, largest_difference=0.0
        ),
    }
    return card(features, manifest.task, **(of_data | changes))
