"""Faults of a model's graph. The changed folder is signed again, as if the fault had come before the export.

`rescore` changes the log-odds z of a binary graph to `slope`·z + `offset` + `noise`·n(x). n is a fixed function of the
row that varies so fast that it acts as noise: the larger `noise`, the worse the ranking.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from contracts.features import Matrix
from contracts.model_folder import Golden, GoldenRow, read_card
from contracts.schema import write_json
from drills.scene import PlantError, Scene
from scoring.scorer import INPUT_NAME, OUTPUT_NAMES, Scorer, load_scorer
from testbed.cards import sign
from training.statistics.scores import score
from training.tables import load_table

Numbers = npt.NDArray[np.float64]
Graph = Callable[[onnx.ModelProto], None]
# A node: its operator, inputs, output and attributes.
Step = tuple[str, list[str], str, dict[str, Any]]

PROBABILITIES = OUTPUT_NAMES["binary"]
TOLERANCE = 0.0005
LARGEST_NOISE = 64.0
STEPS = 40
EDGE = 1e-6  # keeps log-odds finite


@dataclass(frozen=True)
class Rescored:
    """How the log-odds z change. turn: how many times z is added; -2 reverses the ranking.

    column, code, inside: limit noise and turn to the rows in, or outside of, one category.
    """

    slope: float = 1.0
    offset: float = 0.0
    noise: float = 0.0
    turn: float = 0.0
    column: int | None = None
    code: float = 0.0
    inside: bool = True


def rescore(folder: Path, change: Rescored) -> None:
    """Change a binary model's answers, and sign the folder."""
    edit(folder, rescoring(change))


def rescoring(change: Rescored) -> Graph:
    """The same change of the graph, for `edit`."""
    return lambda model: _rescore_graph(model, change)


def slice_of(folder: Path, name: str, value: str) -> tuple[int, float]:
    """The column of X in which the model reads a category, and the category's code."""
    features = read_card(folder).features
    column = [one.name for one in features].index(name)
    return column, float(features[column].categories.index(value))


def blur(scene: Scene, folder: Path, *, loss: float, but: str = "") -> None:
    """Add noise until roc_auc on the holdout is `loss` lower; none in the category `but`, such as carrier=WN."""
    holdout = load_table(scene.build, "holdout")
    scorer = load_scorer(folder)
    matrix, truth = holdout.matrix(scorer.card.features), holdout.truth
    aim = _auc(truth, _answers(scorer, matrix)) - loss
    low, high = 0.0, LARGEST_NOISE
    where = _outside(folder, but)
    odds, noise = _log_odds(_answers(scorer, matrix)), _noise(matrix) * _mask(matrix, where)
    for _ in range(STEPS):
        middle = (low + high) / 2
        is_enough = _auc(truth, _as_probabilities(odds + middle * noise)) < aim
        low, high = (low, middle) if is_enough else (middle, high)
    rescore(folder, Rescored(noise=high, column=where.column, code=where.code, inside=where.inside))
    seen = _auc(truth, _answers(load_scorer(folder), matrix))
    if abs(seen - aim) > TOLERANCE:
        raise PlantError(f"roc_auc should fall by {loss} to {aim:.4f}, and is {seen:.4f}")


def edit(folder: Path, change: Graph, *, keeps_golden: bool = False, **card: Any) -> None:
    """Change the graph and fields of the card, and sign. Golden rows get the new answers, unless `keeps_golden`."""
    model = onnx.load_from_string((folder / "model.onnx").read_bytes())
    before = model.SerializeToString(deterministic=True)
    change(model)
    after = model.SerializeToString(deterministic=True)
    if after == before:
        raise PlantError("the graph has not changed")
    onnx.checker.check_model(model)
    (folder / "model.onnx").write_bytes(after)
    if not keeps_golden:
        scorer = Scorer(read_card(folder), "", after)
        golden = Golden.model_validate_json((folder / "golden.json").read_bytes())
        rows = [answered(scorer, row) for row in golden.rows]
        write_json(folder / "golden.json", golden.model_copy(update={"rows": tuple(rows)}))
    sign(folder, **card)


def swap_outputs(model: onnx.ModelProto) -> None:
    """Give each of two classes the other one's probability."""
    _rename_output(model.graph)
    append(
        model.graph,
        {"drill_order": np.array([1, 0])},
        [("Gather", ["drill_before", "drill_order"], PROBABILITIES, {"axis": 1})],
    )


def add_weight(megabytes: int) -> Graph:
    """Add so many megabytes of numbers that change no answer."""

    def change(model: onnx.ModelProto) -> None:
        _rename_output(model.graph)
        ballast = np.random.default_rng(0).random(megabytes * 1024 * 1024 // 4, dtype=np.float32)
        append(model.graph, {"drill_ballast": ballast, "drill_nothing": np.zeros(1, np.float32)}, _MAXIMUM_TIMES_0)

    return change


def add_work(width: int) -> Graph:
    """Multiply two matrices of `width` by `width` in every call, which changes no answer."""
    square: list[Step] = [
        # Made from the answers, so that the runtime cannot compute it in advance.
        ("ReduceMax", ["drill_before"], "drill_largest", {"keepdims": 0}),
        ("Expand", ["drill_largest", "drill_size"], "drill_square", {}),
        ("MatMul", ["drill_square", "drill_square"], "drill_ballast", {}),
    ]

    def change(model: onnx.ModelProto) -> None:
        _rename_output(model.graph)
        size, nothing = np.array([width, width]), np.zeros(1, np.float32)
        append(model.graph, {"drill_size": size, "drill_nothing": nothing}, [*square, *_MAXIMUM_TIMES_0])

    return change


def add_work_by_a_row(*steps: Step) -> Graph:
    """Make a tensor of the size that the largest number of a row says, `drill_count`, which changes no answer.

    steps: from `drill_count` (int64, no dimension), `drill_counts` (the same, one dimension), `drill_one` and
    `drill_begin` (numbers 1 and 0) to `drill_ballast`.
    """
    count: list[Step] = [
        ("IsNaN", [INPUT_NAME], "drill_gaps", {}),
        ("Where", ["drill_gaps", "drill_nothing", INPUT_NAME], "drill_whole", {}),
        ("ReduceMax", ["drill_whole"], "drill_number", {"keepdims": 0}),
        ("Cast", ["drill_number"], "drill_count", {"to": TensorProto.INT64}),
        ("Reshape", ["drill_count", "drill_one_dimension"], "drill_counts", {}),
    ]

    def change(model: onnx.ModelProto) -> None:
        _rename_output(model.graph)
        constants = {
            "drill_nothing": np.zeros(1, np.float32), "drill_begin": np.array(0.0, np.float32),
            "drill_one": np.array(1.0, np.float32), "drill_one_dimension": np.array([1]),
            "drill_ones": np.ones(1, np.float32), "drill_row": np.array([0]),
        }  # fmt: skip
        append(model.graph, constants, [*count, *steps, *_MAXIMUM_TIMES_0])

    return change


def append(graph: onnx.GraphProto, constants: Mapping[str, npt.NDArray[Any]], steps: Iterable[Step]) -> None:
    """Add constants and nodes at the end of a graph."""
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    graph.node.extend(helper.make_node(kind, reads, [gives], **how) for kind, reads, gives, how in steps)


_MAXIMUM_TIMES_0: list[Step] = [
    ("ReduceMax", ["drill_ballast"], "drill_peak", {"keepdims": 0}),
    ("Mul", ["drill_peak", "drill_nothing"], "drill_zero", {}),
    ("Add", ["drill_before", "drill_zero"], PROBABILITIES, {}),
]
_MASK = "drill_mask"
_RESCORE: list[Step] = [
    ("Gather", ["drill_before", "drill_second"], "drill_p", {"axis": 1}),
    ("Clip", ["drill_p", "drill_low", "drill_high"], "drill_clipped", {}),
    ("Sub", ["drill_one", "drill_clipped"], "drill_rest", {}),
    ("Div", ["drill_clipped", "drill_rest"], "drill_odds", {}),
    ("Log", ["drill_odds"], "drill_z", {}),
    ("IsNaN", [INPUT_NAME], "drill_gaps", {}),
    ("Where", ["drill_gaps", "drill_nothing", INPUT_NAME], "drill_whole", {}),
    ("MatMul", ["drill_whole", "drill_weights"], "drill_angle", {}),
    ("Sin", ["drill_angle"], "drill_wild", {}),
    ("Gather", [INPUT_NAME, "drill_column"], "drill_codes", {"axis": 1}),
    ("Equal", ["drill_codes", "drill_code"], "drill_is_inside", {}),
    ("Cast", ["drill_is_inside"], "drill_inside", {"to": TensorProto.FLOAT}),
    ("Sub", ["drill_one", "drill_inside"], "drill_outside", {}),
    ("Mul", ["drill_wild", "drill_noise"], "drill_wilder", {}),
    ("Mul", ["drill_z", "drill_turn"], "drill_turned", {}),
    ("Add", ["drill_wilder", "drill_turned"], "drill_spoiled", {}),
    ("Mul", ["drill_spoiled", _MASK], "drill_added", {}),
    ("Mul", ["drill_z", "drill_slope"], "drill_steeper", {}),
    ("Add", ["drill_steeper", "drill_offset"], "drill_moved", {}),
    ("Add", ["drill_moved", "drill_added"], "drill_blurred", {}),
    ("Sigmoid", ["drill_blurred"], "drill_yes", {}),
    ("Sub", ["drill_one", "drill_yes"], "drill_no", {}),
    ("Concat", ["drill_no", "drill_yes"], PROBABILITIES, {"axis": 1}),
]


def _rescore_graph(model: onnx.ModelProto, change: Rescored) -> None:
    width = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    _rename_output(model.graph)
    numbers: dict[str, npt.NDArray[Any]] = {
        "drill_weights": _weights(width).reshape(-1, 1), "drill_nothing": np.zeros(1), "drill_one": np.ones(1),
        "drill_slope": np.array([change.slope]), "drill_offset": np.array([change.offset]),
        "drill_noise": np.array([change.noise]), "drill_turn": np.array([change.turn]),
        "drill_code": np.array([change.code]),
        "drill_low": np.array(EDGE), "drill_high": np.array(1 - EDGE),
    }  # fmt: skip
    constants = {name: value.astype(np.float32) for name, value in numbers.items()}
    places = {"drill_second": np.array([1]), "drill_column": np.array([change.column or 0])}
    mask = _masked_by(change)
    steps = (
        (kind, [mask if one == _MASK else one for one in reads], gives, how) for kind, reads, gives, how in _RESCORE
    )
    append(model.graph, constants | places, steps)


def _masked_by(change: Rescored) -> str:
    if change.column is None:
        return "drill_one"
    return "drill_inside" if change.inside else "drill_outside"


def _rename_output(graph: onnx.GraphProto) -> None:
    """Call the graph's answer drill_before."""
    for node in graph.node:
        node.output[:] = ["drill_before" if name == PROBABILITIES else name for name in node.output]
        node.input[:] = ["drill_before" if name == PROBABILITIES else name for name in node.input]


def _outside(folder: Path, but: str) -> Rescored:
    if not but:
        return Rescored()
    column, code = slice_of(folder, *but.split("="))
    return Rescored(column=column, code=code, inside=False)


def _mask(matrix: Matrix, where: Rescored) -> Numbers:
    if where.column is None:
        return np.ones(len(matrix))
    mask: Numbers = ((matrix[:, where.column] == where.code) == where.inside).astype(np.float64)
    return mask


def _weights(width: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).uniform(1, 10, width).astype(np.float32)


def _noise(matrix: Matrix) -> Numbers:
    noise: Numbers = np.sin(np.nan_to_num(matrix) @ _weights(matrix.shape[1])).astype(np.float64)
    return noise


def _answers(scorer: Scorer, matrix: Matrix) -> Numbers:
    answers: Numbers = scorer.predict(matrix).astype(np.float64)
    return answers


def _log_odds(probabilities: Numbers) -> Numbers:
    yes: Numbers = np.clip(probabilities[:, 1], EDGE, 1 - EDGE)
    odds: Numbers = np.log(yes / (1 - yes))
    return odds


def _as_probabilities(log_odds: Numbers) -> Numbers:
    yes: Numbers = 1 / (1 + np.exp(-log_odds))
    return np.column_stack([1 - yes, yes])


def _auc(truth: Any, probabilities: Numbers) -> float:
    return score("roc_auc", truth, probabilities, threshold=None)


def answered(scorer: Scorer, row: GoldenRow) -> GoldenRow:
    """The golden row with the scorer's answer."""
    output = scorer.predict(scorer.encoded([row.inputs]))[0]
    return row.model_copy(update={"output": tuple(output.astype(np.float64).tolist())})
