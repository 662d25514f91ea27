"""A folder is proved in another process, which alone suffers from a bad graph."""

import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contracts.model_folder import ModelFolderError, model_digest
from scoring.prove_in_subprocess import prove_in_subprocess
from testbed.served_folders import graph, write_folder
from tests.refusals import refuses

PATIENCE = 60


def with_work(rows: int, fold: bool) -> onnx.ModelProto:
    """A right model, which on its way scans over so many rows: at each run, or, made of constants, as it is loaded."""
    made = graph()
    body = helper.make_graph(
        [helper.make_node("MatMul", ["state", "big"], ["next"]), helper.make_node("Identity", ["row"], ["out"])],
        "body",
        [helper.make_tensor_value_info("state", TensorProto.FLOAT, [300, 300]),
         helper.make_tensor_value_info("row", TensorProto.FLOAT, [])],
        [helper.make_tensor_value_info("next", TensorProto.FLOAT, [300, 300]),
         helper.make_tensor_value_info("out", TensorProto.FLOAT, [])],
    )  # fmt: skip
    made.graph.initializer.extend([
        numpy_helper.from_array(np.array([rows], np.int64), "rows"),
        numpy_helper.from_array(np.zeros((300, 300), np.float32), "big"),
        numpy_helper.from_array(np.array(0, np.int64), "zeroth"),
    ])  # fmt: skip
    nodes = [
        helper.make_node("ConstantOfShape", ["rows"], ["zeros"]),
        helper.make_node("Scan", ["big", "zeros"], ["state", "scanned"], num_scan_inputs=1, body=body),
        helper.make_node("Gather", ["zeros" if fold else "scanned", "zeroth"], ["nothing"]),
    ]
    made.graph.node[-1].output[0] = "almost"
    nodes.append(helper.make_node("Add", ["almost", "nothing"], ["probabilities"]))
    made.graph.node.extend(nodes)
    return made


def test_a_folder_that_is_right_is_proved(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model")
    assert prove_in_subprocess(folder, PATIENCE) == model_digest(folder)
    folder = write_folder(tmp_path / "working", model=with_work(100, fold=False))
    assert prove_in_subprocess(folder, PATIENCE) == model_digest(folder)


def test_a_folder_that_is_wrong_is_refused_with_its_reason(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model", model=graph(bias=1.0))
    with refuses(ModelFolderError, "not-proved", "golden row 0"):
        prove_in_subprocess(folder, PATIENCE)
    with refuses(ModelFolderError, "not-proved", "model.json"):
        prove_in_subprocess(tmp_path / "nothing", PATIENCE)


def test_a_graph_that_does_not_end_is_refused_in_time(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model", model=with_work(2**27, fold=False))
    began = time.monotonic()
    with refuses(ModelFolderError, "load-limits", "3 s", "MODEL_LOAD_SECONDS"):
        prove_in_subprocess(folder, 3)
    assert time.monotonic() - began < PATIENCE


def test_a_graph_that_takes_all_memory_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model", model=with_work(2**40, fold=True))
    with refuses(ModelFolderError, "load-crashed", "lloc"):
        prove_in_subprocess(folder, PATIENCE)


def with_growth() -> onnx.ModelProto:
    """A right model, which on its way makes a tensor of the rows' number to the power of four."""
    made = graph()
    made.graph.initializer.extend([
        numpy_helper.from_array(np.array([0], np.int64), "zeroth"),
        numpy_helper.from_array(np.array([1], np.int64), "until"),
    ])  # fmt: skip
    made.graph.node[-1].output[0] = "almost"
    made.graph.node.extend([
        helper.make_node("Shape", ["X"], ["shape"]),
        helper.make_node("Slice", ["shape", "zeroth", "until"], ["count"]),
        helper.make_node("Concat", ["count"] * 4, ["size"], axis=0),
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["nothing"], keepdims=0),
        helper.make_node("Add", ["almost", "nothing"], ["probabilities"]),
    ])  # fmt: skip
    return made


def test_a_graph_that_cannot_score_a_full_batch_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model", model=with_growth(), max_batch_rows=1000)
    with refuses(ModelFolderError, "not-proved", "max_batch_rows"):
        prove_in_subprocess(folder, PATIENCE)
    folder = write_folder(tmp_path / "small", model=with_growth(), max_batch_rows=10)
    assert prove_in_subprocess(folder, PATIENCE) == model_digest(folder)
