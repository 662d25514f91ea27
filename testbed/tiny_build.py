"""A small build folder for the load test, made in a second: a model of three features and the replay table."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pyarrow as pa
import pyarrow.parquet
from onnx import TensorProto, helper, numpy_helper

from contracts.data_manifest import REQUESTS_FILE, DataManifest, Table
from contracts.features import MISSING, Feature
from contracts.model_folder import MODEL_FILES, Golden, GoldenRow, ModelCard, sha256_of
from contracts.pipeline_toml.keys import Config
from contracts.schema import write_json
from contracts.stage import Build
from scoring.encoder import Encoder
from testbed.cards import card as made_card
from training.dataset.table_digest import table_digest

FEATURES = (
    Feature(name="distance", kind="numeric", missing_share=0.1, minimum=-4, maximum=4, example=1.5),
    Feature(name="is_weekend", kind="boolean", example=True),
    Feature(name="carrier", kind="categorical", categories=(MISSING, "AA", "UA"), missing_share=0.1, example="AA"),
)
ROWS = 1000
# The tests' settings: limits so wide that only the planted fault exceeds them, even on a busy machine.
LOAD: dict[str, float] = {
    "requests_per_second": 100.0,
    "connections": 4,
    "seconds": 1.0,
    "warmup_seconds": 0.3,
    "max_p50_ms": 5_000.0,
    "max_p95_ms": 5_000.0,
    "max_p99_ms": 5_000.0,
    "min_rate_share": 0.2,
}


# pipeline.toml up to the keys of its last table, [load].
PIPELINE_TOML = """\
[project]
name = "tiny"
[data]
source = "none"
target = "late"
task = "binary"
positive = "true"
[training]
candidates = ["logistic"]
metric = "roc_auc"
[gate]
metric = "roc_auc"
margin = 0.01
[load]
"""


def card(**changes: Any) -> ModelCard:
    """The card of a binary model, `late` from a probability of 0.4 on."""
    fields: dict[str, Any] = {
        "name": "tiny",
        "target": "late",
        "classes": ("false", "true"),
        "threshold": 0.4,
        "estimator": "logistic",
        "train_rows": ROWS,
        "max_batch_rows": 10,
    }
    return made_card(changes.pop("features", FEATURES), **(fields | changes))


def tiny_build(root: Path) -> Build:
    """`train/model` and `data/replay.parquet`. In the table, `distance` grows from row to row."""
    build = Build(root)
    write_model(build.challenger)
    write_replay(build.stage("data") / "replay.parquet")
    return build


def write_model(folder: Path, **changes: Any) -> None:
    """The model folder; `changes` are of its card."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(_logistic_graph().SerializeToString())
    pa.parquet.write_table(pa.table({"prediction": [0.5]}), folder / "reference.parquet")
    inputs: dict[str, Any] = {"distance": 1.0, "is_weekend": True, "carrier": "AA"}
    late = 1 / (1 + np.exp(-np.dot(Encoder(FEATURES).row(inputs), WEIGHTS)))
    write_json(
        folder / "golden.json", Golden(tolerance=1e-5, rows=(GoldenRow(inputs=inputs, output=(1 - late, late)),))
    )
    write_json(folder / "model.json", card(files={name: sha256_of(folder / name) for name in MODEL_FILES}, **changes))


def write_replay(path: Path, sent: "dict[str, Any] | None" = None, **columns: "list[Any] | npt.NDArray[Any]") -> None:
    """The table, what clients send of it, and data.json beside it. `sent`: columns that a client has otherwise."""
    distance = np.linspace(-4, 4, ROWS, dtype=np.float32)
    distance[::10] = np.nan
    table: dict[str, Any] = {
        "distance": distance,
        "is_weekend": (np.arange(ROWS) % 7 > 4).astype(np.float32),
        "carrier": np.array(["AA", "UA", MISSING, "ZZ"])[np.arange(ROWS) % 4],
        "late": ["false"] * ROWS,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    written = pa.table(table | columns)
    pa.parquet.write_table(written, path)
    texts = [None if one == MISSING else one for one in written["carrier"].to_pylist()]
    weekend = pa.array(written["is_weekend"].to_numpy(), from_pandas=True).cast(pa.bool_())
    requests = pa.table(
        {
            "distance": written["distance"],
            "is_weekend": weekend,
            "carrier": pa.array(texts, pa.string()),
            **(sent or {}),
        }
    )
    pa.parquet.write_table(requests, path.with_name(REQUESTS_FILE))
    replay = Table(rows=ROWS, digest=table_digest(written))
    manifest = DataManifest(
        source="none", source_sha256="0" * 64, task="binary", target="late", classes=("false", "true"), positive="true",
        features=FEATURES, tables={"replay": replay}, requests=table_digest(requests), digest="sha256:" + "0" * 64,
    )  # fmt: skip
    write_json(path.parent / "data.json", manifest)


def config(**load: float) -> Config:
    return Config.model_validate(
        {
            "project": {"name": "tiny"},
            "data": {"source": "none", "target": "late", "task": "binary", "positive": "true", "seed": 7},
            "training": {"candidates": ["logistic"], "metric": "roc_auc"},
            "gate": {"metric": "roc_auc", "margin": 0.01},
            "load": LOAD | load,
        }
    )


WEIGHTS = np.array([0.8, -0.5, 0.3], dtype=np.float32)


def _logistic_graph() -> onnx.ModelProto:
    """probabilities = [1 - p, p] with p = sigmoid(X · weights), missing values as 0."""
    constants: dict[str, npt.NDArray[Any]] = {"zero": np.zeros(1), "one": np.ones(1), "weights": WEIGHTS.reshape(3, 1)}
    nodes = [
        helper.make_node("IsNaN", ["X"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "X"], ["filled"]),
        helper.make_node("MatMul", ["filled", "weights"], ["score"]),
        helper.make_node("Sigmoid", ["score"], ["late"]),
        helper.make_node("Sub", ["one", "late"], ["not_late"]),
        helper.make_node("Concat", ["not_late", "late"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
