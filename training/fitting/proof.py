"""Proves that an ONNX graph and its scikit-learn model are the same function, or refuses the export.

It compares both on all rows of the holdout, and on *boundary rows* made from them. For every branch of every tree a
real row is changed just enough to reach it, with the branch's feature at the threshold, one float32 step below, one
above, and missing. Every feature gets rows with an unknown code, and with a missing value if training saw one. A seeded
sample is scored again row by row, as in the service, because ONNX Runtime has other code for single rows.

Required: finite outputs; probabilities within LIMIT; values within LIMIT × max(1, the largest |prediction| for the
holdout); no label flips. The label is the class with the highest probability, and the first one on a tie. The decision
of a binary task is `probability of the second class >= threshold`. Where two probabilities of the model, or probability
and threshold, differ by no more than TIE, float32 sums cannot tell which is larger, and a flip is not counted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper

from contracts.features import UNKNOWN, Matrix
from contracts.schema import Task
from scoring.scorer import INPUT_NAME
from training.fitting.export import ADVICE, Columns, ExportRefusedError, Indices

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LIMIT = 1e-5
TIE = 1e-6
# The most rows at thresholds. Where there would be more, branches are drawn by seed.
MAX_BOUNDARY_ROWS = 200_000
MAX_BOUNDARY_CELLS = 20_000_000
# In a table of thousands of columns fewer, because their cells grow with the square of the columns.
ROWS_PER_FEATURE = 20
ROWS_ONE_BY_ONE = 1_000
SEED = 0
INFINITY = np.float32(np.inf)


@dataclass(frozen=True)
class Proof:
    """What was compared, and the largest difference: in probability, or as a share of the largest value."""

    rows: int
    boundary_rows: int
    label_flips: int
    largest_difference: float


@dataclass(frozen=True)
class Trees:
    """The nodes of one tree ensemble, leaves included, as arrays of equal length. `parents`: positions in them."""

    columns: Indices  # of X; INDICATOR where the feature is no column
    thresholds: Matrix
    is_branch: Flags
    parents: Indices  # -1 at a root
    is_true_child: Flags


def prove(
    model: Any,
    graph: bytes,
    matrix: Matrix,
    task: Task,
    *,
    nan_columns: Sequence[int] = (),
    threshold: float | None = None,
) -> Proof:
    """Compare `model` and `graph` on float32 [rows, features] and on the boundary rows made from it.

    `nan_columns`: where training saw missing values; elsewhere the service refuses them. `threshold`: for a binary
    task, so that decisions are compared too. Raises ExportRefusedError for the first requirement that does not hold.
    """
    _require_float32(matrix)
    boundary = boundary_rows(graph, matrix, nan_columns)
    rows = np.concatenate([matrix, boundary])
    single = np.random.default_rng(SEED).permutation(len(rows))[:ROWS_ONE_BY_ONE]
    compared = np.concatenate([np.arange(len(rows)), single])
    expected, labels = (column[compared] for column in _expected(model, rows, task))
    exported = _exported(graph, rows, single, expected.shape[1])
    _require_finite(expected, exported)
    scale = max(1.0, float(np.abs(expected[: len(matrix)]).max())) if task == "regression" else 1.0
    differences = np.abs(expected - exported).max(axis=1) / scale
    flips = 0 if task == "regression" else _flips(expected, exported, labels, threshold)
    proof = Proof(len(matrix), len(boundary), flips, float(differences.max()))
    if flips or proof.largest_difference > LIMIT:
        raise ExportRefusedError(_refusal(proof, worst_row=int(compared[differences.argmax()])), code="export-differs")
    return proof


def boundary_rows(graph: bytes, matrix: Matrix, nan_columns: Sequence[int] = (), seed: int = SEED) -> Matrix:
    """Real rows moved to where graph and model could differ: float32 [rows, features], fixed by seed.

    Raises ExportRefusedError where a tree reads anything but columns of X.
    """
    origins = Columns(onnx.load_from_string(graph).graph)
    random = np.random.default_rng(seed)
    ensembles = [_trees(node, columns) for node, columns in origins.trees()]
    at_thresholds = _rows_at_thresholds(ensembles, matrix, nan_columns, origins.codes(), random)
    return np.concatenate([*at_thresholds, *_missing_and_unknown_rows(matrix, nan_columns, random)])


def _trees(node: onnx.NodeProto, columns: Indices) -> Trees:
    """Read one TreeEnsemble node."""
    fields = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    modes = np.array(fields["nodes_modes"])
    is_branch = modes != b"LEAF"
    if others := set(modes[is_branch].tolist()) - {b"BRANCH_LEQ"}:
        raise ExportRefusedError(
            f"A tree branches by {others}, required `x <= threshold`. {ADVICE}", code="other-branch"
        )
    node_ids = np.array(fields["nodes_nodeids"])
    trees = np.array(fields["nodes_treeids"]) * (node_ids.max() + 1)
    in_order = np.argsort(trees + node_ids)
    parents, is_true_child = np.full(len(trees), -1), np.zeros(len(trees), dtype=bool)
    for field in ("nodes_falsenodeids", "nodes_truenodeids"):
        child_ids = (trees + np.array(fields[field]))[is_branch]
        children = in_order[np.searchsorted(trees + node_ids, child_ids, sorter=in_order)]
        parents[children] = np.flatnonzero(is_branch)
        is_true_child[children] = field == "nodes_truenodeids"
    thresholds = np.array(fields["nodes_values"], dtype=np.float32)
    return Trees(columns[np.array(fields["nodes_featureids"])], thresholds, is_branch, parents, is_true_child)


def _rows_at_thresholds(
    ensembles: Sequence[Trees],
    matrix: Matrix,
    nan_columns: Sequence[int],
    codes: Sequence[int],
    random: np.random.Generator,
) -> Iterator[Matrix]:
    """Four rows for each branch: at its threshold, one step below, one above, and missing where that may be."""
    branches = [np.flatnonzero(trees.is_branch & (trees.columns >= 0)) for trees in ensembles]
    ends = np.cumsum([len(nodes) for nodes in branches], dtype=np.int64)
    most = min(MAX_BOUNDARY_ROWS, MAX_BOUNDARY_CELLS // matrix.shape[1]) // 4
    is_drawn = random.permutation(sum(map(len, branches))) < most
    for trees, every_node, drawn in zip(ensembles, branches, np.split(is_drawn, ends), strict=False):
        nodes = every_node[drawn]
        each, columns, at = np.arange(len(nodes)), trees.columns[nodes], trees.thresholds[nodes]
        real_rows = matrix[random.integers(len(matrix), size=len(nodes))]
        arrived = _rows_that_arrive(trees, nodes, real_rows, codes)
        below, above = np.nextafter(at, -INFINITY), np.nextafter(at, INFINITY)
        for values, whole in ((at, np.floor), (below, np.floor), (above, np.ceil)):
            rows, is_number = arrived.copy(), np.isfinite(at) & np.isfinite(values)
            placed = np.where(np.isin(columns, codes), whole(values), values)
            rows[each, columns] = np.where(is_number, placed, rows[each, columns])
            yield rows
        rows = arrived.copy()
        rows[each, columns] = np.nan
        yield rows[np.isin(columns, nan_columns)]


def _rows_that_arrive(trees: Trees, nodes: Indices, rows: Matrix, codes: Sequence[int]) -> Matrix:
    """Row i with the values changed that keep it from reaching node i: float32 [nodes, features].

    Climbs from all nodes to their roots at once. (low, high] is what the branches above require of each column.
    """
    low, high = np.full_like(rows, -INFINITY), np.full_like(rows, INFINITY)
    each, here, above = np.arange(len(nodes)), nodes, trees.parents[nodes]
    while (inner := above >= 0).any():
        each, here, above = each[inner], here[inner], above[inner]
        for bound, of_true_child, tighten in ((high, True, np.minimum), (low, False, np.maximum)):
            asks = (trees.is_true_child[here] == of_true_child) & (trees.columns[above] >= 0)
            cells = each[asks], trees.columns[above[asks]]
            bound[cells] = tighten(bound[cells], trees.thresholds[above[asks]])
        here, above = above, trees.parents[above]
    is_asked = (low > -INFINITY) | (high < INFINITY)
    least = np.nextafter(low, INFINITY)
    least[:, codes], high[:, codes] = np.ceil(least[:, codes]), np.floor(high[:, codes])
    moved = np.where(np.isnan(rows), np.where(high < INFINITY, high, least), np.clip(rows, least, high))
    moved[low == INFINITY] = np.nan  # every number is <= infinity, so only a missing value goes right
    return np.where(is_asked, moved, rows)


def _missing_and_unknown_rows(
    matrix: Matrix, nan_columns: Sequence[int], random: np.random.Generator
) -> Iterator[Matrix]:
    """Real rows with one value missing, with all values missing that may be, and with one code unknown."""
    missing = [([column], np.nan) for column in nan_columns] + [(list(nan_columns), np.nan)]
    unknown = [([column], UNKNOWN) for column in range(matrix.shape[1])]
    most = MAX_BOUNDARY_CELLS // (matrix.shape[1] * len(missing + unknown))
    for columns, value in missing + unknown:
        rows = matrix[random.integers(len(matrix), size=max(1, min(ROWS_PER_FEATURE, most)))]
        rows[:, columns] = value
        yield rows


def _expected(model: Any, rows: Matrix, task: Task) -> tuple[Numbers, Indices]:
    """scikit-learn's outputs: probabilities and positions of the predicted classes; or values, and zeros."""
    try:
        predicted = np.asarray(model.predict(rows))
        if task == "regression":
            return predicted.astype(np.float64).reshape(len(rows), -1), np.zeros(len(rows), dtype=np.int64)
        probabilities = np.asarray(model.predict_proba(rows), dtype=np.float64)
    except ValueError as error:
        raise ExportRefusedError(
            f"The model itself refuses rows of the proof: {str(error).splitlines()[0]} Required: a prediction "
            "for every holdout row, for unknown codes (-1), and for missing values where training saw some. For a "
            f"number that may be -1 take numpy.arcsinh in place of a logarithm or a root. {ADVICE}",
            code="model-refuses-rows",
        ) from error
    return probabilities, np.searchsorted(model.classes_, predicted.ravel())  # CatBoost's are [rows, 1]


def _exported(graph: bytes, rows: Matrix, single: Indices, width: int) -> Numbers:
    """ONNX Runtime's outputs for all rows at once, and then for the rows `single` one by one."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        together = session.run(None, {INPUT_NAME: rows})[0]
        one_by_one = [session.run(None, {INPUT_NAME: rows[row : row + 1]})[0] for row in single]
    except Exception as error:  # ONNX Runtime raises its own kinds, which have no public base class
        reason = str(error).splitlines()[0]
        raise ExportRefusedError(
            f"ONNX Runtime refuses the graph or a row: {reason} {ADVICE}", code="runtime-refuses"
        ) from error
    if together.shape != (len(rows), width):
        shape = list(together.shape)
        raise ExportRefusedError(
            f"The graph gives {shape}, required {[len(rows), width]}. {ADVICE}", code="other-shape"
        )
    return np.concatenate([together, *one_by_one]).astype(np.float64)


def _flips(expected: Numbers, exported: Numbers, labels: Indices, threshold: float | None) -> int:
    """How many rows have another label, or another decision at the threshold, without a tie."""
    each, exported_labels = np.arange(len(expected)), exported.argmax(axis=1)
    apart = np.abs(expected[each, labels] - expected[each, exported_labels])
    is_flip = (labels != exported_labels) & (apart > TIE)
    if threshold is not None:
        is_other_decision = (expected[:, 1] >= threshold) != (exported[:, 1] >= threshold)
        is_flip |= is_other_decision & (np.abs(expected[:, 1] - threshold) > TIE)
    return int(is_flip.sum())


def _require_float32(matrix: Matrix) -> None:
    if matrix.ndim != 2 or matrix.dtype != np.float32 or not len(matrix):
        raise ExportRefusedError(
            f"The proof was given {matrix.dtype} {list(matrix.shape)}, required float32 [rows, features]: "
            "float64 numbers can be on the other side of a threshold than the float32 that the service reads. "
            "Encode the rows with contracts/features.py, and fit on the same.",
            code="not-float32",
        )


def _require_finite(expected: Numbers, exported: Numbers) -> None:
    for who, outputs in (("scikit-learn model", expected), ("ONNX graph", exported)):
        if wrong := int((~np.isfinite(outputs)).any(axis=1).sum()):
            raise ExportRefusedError(f"The {who} gives no finite number for {wrong} rows. {ADVICE}", code="not-finite")


def _refusal(proof: Proof, worst_row: int) -> str:
    where = f"holdout row {worst_row}" if worst_row < proof.rows else "a boundary row"
    return (
        f"The ONNX graph is not the model: {proof.label_flips} label flips, and a largest difference of "
        f"{proof.largest_difference:.3g} (in {where}), on {proof.rows} holdout and "
        f"{proof.boundary_rows} boundary rows; required 0 and at most {LIMIT:g}. {ADVICE}"
    )
