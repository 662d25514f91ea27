"""The proof of an export refuses every export that is not exact, with the reason."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from contracts.features import Matrix
from contracts.schema import Task
from tests.refusals import refuses
from training.fitting.export import ExportRefusedError, export
from training.fitting.float32 import floor32
from training.fitting.proof import LIMIT, MAX_BOUNDARY_CELLS, MAX_BOUNDARY_ROWS, ROWS_PER_FEATURE, boundary_rows, prove

FEATURES = 4
GAPS = (1, 2)


def table(rows: int = 2000) -> tuple[Matrix, Any]:
    """Four numeric columns, gaps in those of GAPS, and a number to predict."""
    random = np.random.default_rng(0)
    matrix = random.normal(size=(rows, FEATURES)).astype(np.float32)
    target = matrix[:, 0] - matrix[:, 1] ** 2 + random.normal(size=rows)
    is_gap = random.random((rows, len(GAPS))) < 0.1
    matrix[:, GAPS] = np.where(is_gap, np.float32(np.nan), matrix[:, GAPS])
    return matrix, target + is_gap[:, 0]


MATRIX, TARGET = table()
COMPLETE = np.nan_to_num(MATRIX)
CLASSES = {"binary": TARGET > 0, "multiclass": np.digitize(TARGET, [-1, 1])}
BOOSTING = HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(MATRIX, CLASSES["binary"])
BOOSTING_3 = HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(MATRIX, CLASSES["multiclass"])
REGRESSOR = HistGradientBoostingRegressor(max_iter=5, random_state=0).fit(MATRIX, TARGET)
LINEAR = LogisticRegression().fit(COMPLETE, CLASSES["binary"])
GRAPH = export(BOOSTING, FEATURES, "binary")
TREE_NODES = len(
    next(a for a in onnx.load_from_string(GRAPH).graph.node[0].attribute if a.name == "nodes_values").floats
)


def changed(content: bytes, name: str, change: Callable[[list[Any]], object]) -> bytes:
    """The same file with one attribute of its first node changed in place."""
    model = onnx.load_from_string(content)
    node = model.graph.node[0]
    attribute = next(one for one in node.attribute if one.name == name)
    values = list(helper.get_attribute_value(attribute))
    change(values)
    attribute.CopyFrom(helper.make_attribute(name, values))
    tampered: bytes = model.SerializeToString()
    assert tampered != content
    return tampered


def moved(position: int, amount: float) -> Callable[[list[float]], None]:
    def change(values: list[float]) -> None:
        values[position] += amount

    return change


def branch_positions(content: bytes) -> list[int]:
    node = onnx.load_from_string(content).graph.node[0]
    modes = next(list(one.strings) for one in node.attribute if one.name == "nodes_modes")
    return [position for position, mode in enumerate(modes) if mode != b"LEAF"]


def threshold_positions(content: bytes) -> list[int]:
    """Where a step matters: what splits missing from present has the largest float, and nothing is beyond it."""
    node = onnx.load_from_string(content).graph.node[0]
    values = next(list(one.floats) for one in node.attribute if one.name == "nodes_values")
    return [place for place in branch_positions(content) if abs(values[place]) < np.finfo(np.float32).max]


def as_skl2onnx_has_it(model: Any, features: int = FEATURES) -> bytes:
    """skl2onnx's own graph with its labels cut off: what one gets without `training/fitting/export.py`."""
    initial = [("X", FloatTensorType([None, features]))]
    has_labels = hasattr(model, "classes_")
    options = {id(model): {"zipmap": False}} if has_labels else None
    converted = convert_sklearn(model, "plain", initial, options=options, target_opset=18)
    if has_labels:
        del converted.graph.output[0]
    content: bytes = converted.SerializeToString()
    return content


def neighbours(rows: int = 4000) -> tuple[Matrix, Any]:
    """A column whose values are adjacent float32 numbers: every threshold lies halfway between two of them."""
    random = np.random.default_rng(0)
    ladder = 1000 + np.arange(64, dtype=np.float32) * np.float32(2.0**-14)
    column = random.choice(ladder, rows)
    return column.reshape(-1, 1), (column - 1000) * 2.0**14 % 8 + random.normal(size=rows) > 4


def test_an_exact_export_is_proved_on_the_holdout_and_at_every_branch() -> None:
    proof = prove(BOOSTING, GRAPH, MATRIX, "binary", nan_columns=GAPS, threshold=0.3)
    branches = len(branch_positions(GRAPH))
    assert proof.rows == len(MATRIX)
    assert proof.boundary_rows > 3 * branches
    assert proof.label_flips == 0
    assert proof.largest_difference < 1e-6


def test_every_node_of_every_tree_is_reached_by_a_boundary_row() -> None:
    forest = RandomForestClassifier(20, random_state=0).fit(COMPLETE, CLASSES["multiclass"])
    few_real_rows = COMPLETE[:5]
    rows = boundary_rows(export(forest, FEATURES, "multiclass"), few_real_rows)
    visits, _ = forest.decision_path(rows)
    assert np.asarray(visits.sum(axis=0)).min() > 0


def test_boundary_rows_sit_at_each_threshold_and_one_step_to_both_sides() -> None:
    rows = boundary_rows(GRAPH, MATRIX)
    nodes = np.concatenate([trees[0].nodes for trees in BOOSTING._predictors])
    is_number = (nodes["is_leaf"] == 0) & np.isfinite(nodes["num_threshold"])
    for node in nodes[is_number]:
        at, column = floor32(node["num_threshold"]), rows[:, node["feature_idx"]]
        steps = [np.nextafter(at, np.float32(way)) for way in (-np.inf, np.inf)]
        assert np.isin([at, *steps], column).all()


def test_boundary_rows_are_the_same_for_one_seed_and_others_for_another() -> None:
    first = boundary_rows(GRAPH, MATRIX, GAPS)
    assert np.array_equal(first, boundary_rows(GRAPH, MATRIX, GAPS), equal_nan=True)
    assert not np.array_equal(first, boundary_rows(GRAPH, MATRIX, GAPS, seed=1), equal_nan=True)


def test_values_are_missing_only_where_training_saw_them_missing() -> None:
    rows = boundary_rows(GRAPH, COMPLETE, [2])
    assert np.isnan(rows).any(axis=0).tolist() == [False, False, True, False]


def test_every_column_has_rows_with_an_unknown_code() -> None:
    rows = boundary_rows(export(LINEAR, FEATURES, "binary"), COMPLETE)
    assert ((rows == -1).sum(axis=0) >= ROWS_PER_FEATURE).all()


def test_the_rows_of_a_table_of_thousands_of_columns_are_bounded_and_still_ask_every_column() -> None:
    columns, asked = 2_000, [*range(1_000)]
    matrix = np.random.default_rng(0).random((50, columns), dtype=np.float32)
    linear = LogisticRegression().fit(matrix, np.arange(50) % 2)
    rows = boundary_rows(export(linear, columns, "binary"), matrix, asked)
    assert rows.size < MAX_BOUNDARY_CELLS < ROWS_PER_FEATURE * columns * (columns + len(asked))
    assert (rows == -1).any(axis=0).all()
    assert np.isnan(rows).any(axis=0).tolist() == [column in asked for column in range(columns)]
    assert prove(linear, export(linear, columns, "binary"), matrix, "binary").label_flips == 0


def test_a_branch_on_missing_alone_is_looked_at_without_absurd_numbers() -> None:
    matters = np.where(MATRIX[:, 1] > 0, np.float32(np.nan), np.float32(1)).reshape(-1, 1)
    model = HistGradientBoostingClassifier(max_iter=2).fit(matters, CLASSES["binary"])
    graph = export(model, 1, "binary")
    assert np.isinf(model._predictors[0][0].nodes["num_threshold"]).any()
    assert np.nanmax(np.abs(boundary_rows(graph, matters, [0]))) == 1
    assert prove(model, graph, matters, "binary", nan_columns=[0]).label_flips == 0


def test_a_forest_with_too_many_branches_is_proved_on_a_sample_of_them() -> None:
    forest = RandomForestClassifier(150, random_state=0).fit(COMPLETE, CLASSES["multiclass"])
    rows = boundary_rows(export(forest, FEATURES, "multiclass"), COMPLETE)
    assert sum(tree.tree_.node_count // 2 for tree in forest.estimators_) > MAX_BOUNDARY_ROWS / 4
    assert 0.5 * MAX_BOUNDARY_ROWS < len(rows) <= MAX_BOUNDARY_ROWS


def test_columns_that_are_looked_up_get_whole_numbers_only() -> None:
    codes = np.random.default_rng(0).integers(0, 5, (2000, 1)).astype(np.float32)
    one_hot = make_pipeline(OneHotEncoder(categories=[range(5)], handle_unknown="ignore"), LogisticRegression())
    trees = HistGradientBoostingClassifier(max_iter=3)
    model = StackingClassifier([("one hot", one_hot), ("trees", trees)], cv=2).fit(codes, codes[:, 0] % 2)
    graph = export(model, 1, "binary")
    assert set(np.unique(boundary_rows(graph, codes))) == {-1, 0, 1, 2, 3, 4}
    assert prove(model, graph, codes, "binary").label_flips == 0


def test_thresholds_rounded_to_the_nearest_float32_flip_labels_and_are_refused() -> None:
    matrix, target = neighbours()
    model = HistGradientBoostingClassifier(max_iter=20).fit(matrix, target)
    with pytest.raises(ExportRefusedError, match=r"[1-9]\d* label flips"):
        prove(model, as_skl2onnx_has_it(model, 1), matrix, "binary")
    assert prove(model, export(model, 1, "binary"), matrix, "binary").label_flips == 0


def test_a_forest_that_forgets_where_missing_values_go_is_refused() -> None:
    model = RandomForestClassifier(20, random_state=0).fit(MATRIX, CLASSES["binary"])
    with pytest.raises(ExportRefusedError, match=r"[1-9]\d* label flips"):
        prove(model, as_skl2onnx_has_it(model), MATRIX, "binary", nan_columns=GAPS)
    assert prove(model, export(model, FEATURES, "binary"), MATRIX, "binary", nan_columns=GAPS).label_flips == 0


def test_categorical_features_flip_labels_and_are_refused() -> None:
    codes = np.random.default_rng(0).integers(0, 20, (2000, 1)).astype(np.float32)
    model = HistGradientBoostingClassifier(categorical_features=[0]).fit(codes, codes[:, 0] % 2)
    with pytest.raises(ExportRefusedError, match=r"[1-9]\d* label flips"):
        prove(model, as_skl2onnx_has_it(model, 1), codes, "binary")


def test_a_scaler_before_a_tree_flips_labels_and_is_refused() -> None:
    matrix, target = neighbours()
    matrix[::2] *= np.arange(len(matrix[::2]), dtype=np.float32).reshape(-1, 1)  # a scale far above the steps
    model = make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)).fit(matrix, target)
    graph = as_skl2onnx_has_it(model, 1)
    exported = onnxruntime.InferenceSession(graph).run(None, {"X": matrix})[0]
    assert (exported.argmax(axis=1) != model.predict(matrix)).any()
    with pytest.raises(ExportRefusedError, match="ONNX operator Scaler"):
        prove(model, graph, matrix, "binary")


def test_an_ordinal_encoder_over_strings_with_gaps_is_refused_before_anything_is_scored() -> None:
    carriers = np.array(["AA", "UA", np.nan], dtype=object)[np.arange(300) % 3].reshape(-1, 1)
    model = make_pipeline(OrdinalEncoder(), BOOSTING.__class__(max_iter=2)).fit(carriers, np.arange(300) % 2)
    with pytest.raises(ExportRefusedError, match="given object"):
        prove(model, GRAPH, carriers, "binary")


def test_isotonic_calibration_over_trees_is_refused() -> None:
    trees = HistGradientBoostingClassifier(max_iter=5)
    model = CalibratedClassifierCV(trees, method="isotonic", cv=2).fit(MATRIX, CLASSES["binary"])
    with pytest.raises(ExportRefusedError, match="not the model"):
        prove(model, as_skl2onnx_has_it(model), MATRIX, "binary", nan_columns=GAPS)


def test_a_threshold_that_was_dropped_flips_labels_and_is_refused() -> None:
    trees = HistGradientBoostingClassifier(max_iter=5)
    model = TunedThresholdClassifierCV(trees, scoring="recall", cv=2).fit(MATRIX, CLASSES["binary"])
    with pytest.raises(ExportRefusedError, match=r"[1-9]\d* label flips.*e-0[78]"):
        prove(model, as_skl2onnx_has_it(model), MATRIX, "binary")


def test_calibration_over_a_linear_pipeline_goes_wrong_silently_and_is_refused() -> None:
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    model = CalibratedClassifierCV(linear, cv=2).fit(COMPLETE, CLASSES["binary"])
    with pytest.raises(ExportRefusedError, match="not the model"):
        prove(model, export(model, FEATURES, "binary"), COMPLETE, "binary")


def test_a_loss_whose_link_is_left_out_is_refused() -> None:
    model = HistGradientBoostingRegressor(loss="poisson", max_iter=5).fit(MATRIX, np.exp(TARGET / 4))
    with pytest.raises(ExportRefusedError, match="not the model"):
        prove(model, as_skl2onnx_has_it(model), MATRIX, "regression")


@settings(max_examples=40)
@given(st.sampled_from(threshold_positions(GRAPH)), st.sampled_from([-np.inf, np.inf]))
def test_one_threshold_moved_by_one_float32_step_is_refused(position: int, way: float) -> None:
    def step(values: list[float]) -> None:
        values[position] = float(np.nextafter(np.float32(values[position]), np.float32(way)))

    with pytest.raises(ExportRefusedError, match="not the model"):
        prove(BOOSTING, changed(GRAPH, "nodes_values", step), MATRIX, "binary", nan_columns=GAPS)


@settings(max_examples=20)
@given(st.integers(0, TREE_NODES - len(branch_positions(GRAPH)) - 1))
def test_one_leaf_changed_is_refused(leaf: int) -> None:
    with pytest.raises(ExportRefusedError, match="largest difference"):
        prove(BOOSTING, changed(GRAPH, "class_weights", moved(leaf, 1e-3)), MATRIX, "binary", nan_columns=GAPS)


def test_one_missing_value_sent_the_other_way_is_refused() -> None:
    nodes = BOOSTING._predictors[0][0].nodes
    position = int(np.flatnonzero((nodes["is_leaf"] == 0) & np.isin(nodes["feature_idx"], GAPS))[-1])

    def turn(values: list[int]) -> None:
        values[position] = 1 - values[position]

    tampered = changed(GRAPH, "nodes_missing_value_tracks_true", turn)
    with pytest.raises(ExportRefusedError, match="not the model"):
        prove(BOOSTING, tampered, MATRIX, "binary", nan_columns=GAPS)


@pytest.mark.parametrize(("model", "task"), [(BOOSTING_3, "multiclass"), (LINEAR, "binary")], ids=["trees", "linear"])
def test_swapped_classes_are_refused(model: Any, task: Task) -> None:
    graph = export(model, FEATURES, task)
    if task == "multiclass":
        tampered = changed(graph, "class_ids", lambda ids: ids.__setitem__(slice(None), [2 - one for one in ids]))
    else:
        tampered = changed(graph, "coefficients", lambda weights: weights.reverse())
    with pytest.raises(ExportRefusedError, match=r"[1-9]\d* label flips"):
        prove(model, tampered, COMPLETE, task)


def test_one_leaf_of_a_regression_changed_is_refused() -> None:
    scale = np.abs(REGRESSOR.predict(MATRIX)).max()
    graph = export(REGRESSOR, FEATURES, "regression")
    inside = changed(graph, "target_weights", moved(3, 0.5 * LIMIT * scale))
    outside = changed(graph, "target_weights", moved(3, 2.0 * LIMIT * scale))
    assert 0 < prove(REGRESSOR, inside, MATRIX, "regression").largest_difference <= LIMIT
    with refuses(ExportRefusedError, "export-differs", "0 label flips", "2e-05"):
        prove(REGRESSOR, outside, MATRIX, "regression")


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_an_output_that_is_no_finite_number_is_refused(wrong: float) -> None:
    graph = export(REGRESSOR, FEATURES, "regression")
    with refuses(ExportRefusedError, "not-finite", "ONNX graph"):
        prove(REGRESSOR, changed(graph, "target_weights", moved(0, wrong)), MATRIX, "regression")


def shifted_by(amount: float) -> bytes:
    """LINEAR with its logit moved: probabilities near one half move by a quarter of it."""
    graph = export(LINEAR, FEATURES, "binary")
    return changed(changed(graph, "intercepts", moved(0, -amount)), "intercepts", moved(1, amount))


def row_at(probability: float) -> Matrix:
    """A row to which LINEAR gives this probability, up to float32."""
    wanted = np.log(probability / (1 - probability)) - LINEAR.intercept_[0]
    return np.array([[wanted / LINEAR.coef_[0, 0], 0, 0, 0]], dtype=np.float32)


def test_a_decision_that_changes_within_the_limit_is_a_flip() -> None:
    rows = row_at(0.4)
    probability = LINEAR.predict_proba(rows)[0, 1]
    tampered = shifted_by(2e-5)
    assert prove(LINEAR, tampered, rows, "binary").largest_difference < LIMIT
    with pytest.raises(ExportRefusedError, match=r"[1-9]\d* label flips.*e-06"):
        prove(LINEAR, tampered, rows, "binary", threshold=float(probability) + 3e-6)


def test_a_decision_closer_to_the_threshold_than_float32_sums_is_no_flip() -> None:
    rows = row_at(0.4)
    threshold = float(LINEAR.predict_proba(rows)[0, 1]) + 1e-7
    assert prove(LINEAR, shifted_by(2e-6), rows, "binary", threshold=threshold).label_flips == 0


def test_a_label_that_changes_within_the_limit_is_a_flip() -> None:
    with pytest.raises(ExportRefusedError, match=r"[1-9]\d* label flips.*e-06"):
        prove(LINEAR, shifted_by(2e-5), row_at(0.5 - 3e-6), "binary")


def test_votes_that_are_tied_are_no_flips() -> None:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(1500, FEATURES)).astype(np.float32)
    forest = RandomForestClassifier(50, random_state=0).fit(matrix, random.random(1500) < 0.5)
    unseen = random.normal(size=(1500, FEATURES)).astype(np.float32)
    assert (forest.predict_proba(unseen)[:, 1] == 0.5).any()
    assert prove(forest, export(forest, FEATURES, "binary"), unseen, "binary", threshold=0.5).label_flips == 0


@pytest.mark.parametrize(
    ("rows", "seen"),
    [
        (MATRIX.astype(np.float64), r"float64 \[2000, 4\]"),
        (MATRIX.astype(object), r"object \[2000, 4\]"),
        (MATRIX[:0], r"float32 \[0, 4\]"),
        (MATRIX[0], r"float32 \[4\]"),
    ],
    ids=["float64", "object", "no rows", "no matrix"],
)
def test_rows_that_are_no_float32_matrix_are_refused(rows: Any, seen: str) -> None:
    with pytest.raises(ExportRefusedError, match=rf"given {seen}, required float32.*features\.py"):
        prove(BOOSTING, GRAPH, rows, "binary")


def test_a_model_that_cannot_take_the_missing_values_of_training_is_refused() -> None:
    model = GradientBoostingClassifier(n_estimators=3).fit(COMPLETE, CLASSES["binary"])
    graph = export(model, FEATURES, "binary")
    assert prove(model, graph, COMPLETE, "binary").label_flips == 0
    with refuses(ExportRefusedError, "model-refuses-rows", "contains NaN", "training.candidates"):
        prove(model, graph, COMPLETE, "binary", nan_columns=GAPS)


def test_a_model_that_cannot_take_an_unknown_code_is_refused() -> None:
    codes = np.arange(300, dtype=np.float32).reshape(-1, 1) % 5
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(codes, codes[:, 0] > 2)
    with refuses(ExportRefusedError, "model-refuses-rows", "unknown categories"):
        prove(model, export(model, 1, "binary"), codes, "binary")


def test_rare_codes_that_are_thrown_together_are_refused() -> None:
    codes = np.repeat(np.arange(6), [300, 200, 100, 50, 3, 2]).astype(np.float32).reshape(-1, 1)
    rare = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10)
    model = make_pipeline(rare, LogisticRegression()).fit(codes, np.arange(len(codes)) % 2)
    with pytest.raises(ExportRefusedError):
        prove(model, export(model, 1, "binary"), codes, "binary")


def test_a_graph_of_another_width_is_refused() -> None:
    narrow = LogisticRegression().fit(COMPLETE[:, :3], CLASSES["binary"])
    with pytest.raises(ExportRefusedError, match="ONNX Runtime refuses"):
        prove(narrow, export(LINEAR, FEATURES, "binary"), COMPLETE[:, :3], "binary")


def test_a_graph_with_other_classes_is_refused() -> None:
    with refuses(ExportRefusedError, "other-shape", ", 3]", ", 2]"):
        prove(BOOSTING, export(BOOSTING_3, FEATURES, "multiclass"), MATRIX, "binary")
