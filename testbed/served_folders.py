"""Model folders for tests of the service: graphs whose answers can be computed, with every kind of feature."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contracts.features import MISSING, Feature, Value
from contracts.model_folder import CARD_FILE, MODEL_FILES, Golden, GoldenRow, sha256_of
from contracts.schema import Task, write_json
from scoring.encoder import Encoder
from scoring.scorer import INPUT_NAME, OUTPUT_NAMES
from testbed.cards import CLASSES, card

Row = dict[str, Value]

# Names that break a careless generator, and each kind with and without missing values.
FEATURES = (
    Feature(name="age in years", kind="numeric", minimum=0, maximum=120, example=41.5),
    Feature(name="class", kind="numeric", minimum=-5, maximum=5, missing_share=0.25, example=1),
    Feature(name="plan/~ü", kind="categorical", categories=("basic", "plus", "pro"), example="plus"),
    Feature(name="town", kind="categorical", categories=(MISSING, "Łódź", "Ulm"), missing_share=0.1, example="Ulm"),
    Feature(name="is_new", kind="boolean", example=True),
    Feature(name="_private", kind="boolean", missing_share=0.5, example=False),
)
ROW: Row = {"age in years": 41.5, "class": 1.0, "plan/~ü": "plus", "town": "Ulm", "is_new": True, "_private": False}
GOLDEN_ROWS = (ROW, {**ROW, "class": None, "town": None, "_private": None}, {**ROW, "plan/~ü": "(unheard of)"})
WEIGHTS = np.array([0.01, 0.5, 0.25, -0.25, 1.0, 0.125], dtype=np.float32)


def linear(row: Row, bias: float = 0.0, features: Sequence[Feature] = FEATURES) -> float:
    """The weighted sum in every graph here; missing numbers count as zero."""
    encoded = np.nan_to_num(Encoder(features).rows([row])[0].astype(np.float64))
    return float(encoded @ WEIGHTS.astype(np.float64)) + bias


def probability(row: Row, bias: float = 0.0) -> float:
    """The binary model's probability of "yes"."""
    return 1 / (1 + math.exp(-linear(row, bias)))


def graph(task: Task = "binary", bias: float = 0.0, features: int = len(FEATURES)) -> onnx.ModelProto:
    """NaN to zero, a weighted sum, then a sigmoid (binary) or a softmax over sum, 0 and −sum (multiclass)."""
    width = max(1, len(CLASSES[task]))
    spread = {"binary": [[1.0]], "regression": [[1.0]], "multiclass": [[1.0, 0.0, -1.0]]}[task]
    weights = np.resize(WEIGHTS, features).reshape(-1, 1) @ np.array(spread, dtype=np.float32)
    constants = {"W": weights, "B": np.array([bias], np.float32), "zero": np.zeros(1, np.float32)}
    output = OUTPUT_NAMES[task]
    nodes = [
        helper.make_node("IsNaN", [INPUT_NAME], ["is_missing"]),
        helper.make_node("Where", ["is_missing", "zero", INPUT_NAME], ["filled"]),
        helper.make_node("MatMul", ["filled", "W"], ["product"]),
        helper.make_node("Add", ["product", "B"], [output if task == "regression" else "sum"]),
    ]
    if task == "multiclass":
        nodes.append(helper.make_node("Softmax", ["sum"], [output], axis=1))
    if task == "binary":
        constants["one"] = np.ones(1, np.float32)
        nodes += [
            helper.make_node("Sigmoid", ["sum"], ["yes"]),
            helper.make_node("Sub", ["one", "yes"], ["no"]),
            helper.make_node("Concat", ["no", "yes"], [output], axis=1),
        ]
    made = helper.make_graph(
        nodes,
        "gatehouse",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, [None, features])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, width])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def output_of(task: Task, row: Row, bias: float = 0.0, features: Sequence[Feature] = FEATURES) -> tuple[float, ...]:
    """The graph's output for a row."""
    total = linear(row, bias, features)
    if task == "regression":
        return (total,)
    if task == "binary":
        yes = 1 / (1 + math.exp(-total))
        return (1 - yes, yes)
    powers = [math.exp(total), math.exp(bias), math.exp(2 * bias - total)]
    return tuple(power / sum(powers) for power in powers)


def write_folder(
    folder: Path,
    task: Task = "binary",
    bias: float = 0.0,
    model: onnx.ModelProto | None = None,
    golden: Golden | None = None,
    features: tuple[Feature, ...] = FEATURES,
    rows: Sequence[Row] = GOLDEN_ROWS,
    **changes: Any,
) -> Path:
    """A model folder that the service accepts, unless the arguments spoil it."""
    folder.mkdir(parents=True, exist_ok=True)
    golden = golden or Golden(
        tolerance=1e-5,
        rows=tuple(GoldenRow(inputs=row, output=output_of(task, row, bias, features)) for row in rows),
    )
    (folder / "model.onnx").write_bytes((model or graph(task, bias)).SerializeToString())
    (folder / "reference.parquet").write_bytes(b"the service only checks its digest")
    write_json(folder / "golden.json", golden)
    of_model: dict[str, Any] = {
        "parameters": {"bias": bias},
        "logged_features": tuple(one.name for one in features),
        "files": {name: sha256_of(folder / name) for name in MODEL_FILES},
    }
    write_json(folder / CARD_FILE, card(features, task, **(of_model | changes)))
    return folder
