"""Exports of models, and refusals where a comparison could miss a difference."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    SplineTransformer,
    StandardScaler,
)

from contracts.features import Matrix
from contracts.schema import Task
from tests.refusals import refuses
from training.fitting.export import ExportRefusedError, export
from training.fitting.float32 import floor32
from training.fitting.proof import prove

NUMERIC, CODES = [0, 1, 2, 3], [4, 5]
FEATURES = len(NUMERIC) + len(CODES)


def table(rows: int = 1500) -> tuple[Matrix, Any]:
    """Four numeric columns with gaps, two columns of codes, and a number to predict."""
    random = np.random.default_rng(0)
    matrix = random.normal(size=(rows, FEATURES)).astype(np.float32)
    target = matrix[:, 0] - matrix[:, 1] ** 2 + random.normal(size=rows)
    matrix[:, NUMERIC] = np.where(random.random((rows, 4)) < 0.05, np.float32(np.nan), matrix[:, NUMERIC])
    matrix[:, 4], matrix[:, 5] = random.integers(0, 5, rows), random.integers(0, 3, rows)
    return matrix, target + matrix[:, 4] / 3


def encoder() -> OneHotEncoder:
    return OneHotEncoder(categories=[range(5), range(3)], handle_unknown="ignore")


def linear(final: Any) -> Pipeline:
    numeric = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer([("numeric", numeric, NUMERIC), ("codes", encoder(), CODES)])
    return make_pipeline(columns, final)


def boosting(**settings: Any) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=10, random_state=0, **settings)


CLASSIFIERS: dict[str, Any] = {
    "histogram gradient boosting": boosting(),
    "forest": RandomForestClassifier(20, random_state=0),
    "extra trees": ExtraTreesClassifier(20, random_state=0),
    "gradient boosting": make_pipeline(SimpleImputer(), GradientBoostingClassifier(n_estimators=10, random_state=0)),
    "logistic regression": linear(LogisticRegression()),
    "sigmoid calibration": CalibratedClassifierCV(boosting(), cv=2),
    "columns picked and filled": make_pipeline(
        ColumnTransformer([("filled", SimpleImputer(), [3, 0]), ("kept", "passthrough", [5, 1])]), boosting()
    ),
    "columns selected": make_pipeline(SimpleImputer(), SelectKBest(k=3), boosting()),
    "one-hot before trees": make_pipeline(
        ColumnTransformer([("codes", encoder(), CODES), ("rest", "passthrough", NUMERIC)]), boosting()
    ),
}
REGRESSORS: dict[str, Any] = {
    "histogram gradient boosting": HistGradientBoostingRegressor(max_iter=10, random_state=0),
    "forest": RandomForestRegressor(20, random_state=0),
    "gradient boosting": make_pipeline(SimpleImputer(), GradientBoostingRegressor(n_estimators=10, random_state=0)),
    "ridge": linear(Ridge()),
}


def fitted(model: Any, task: Task) -> tuple[Any, Matrix]:
    matrix, target = table()
    if task == "regression":
        return clone(model).fit(matrix, target), matrix
    cuts = [0.0] if task == "binary" else [-1.0, 1.0]
    return clone(model).fit(matrix, np.digitize(target, cuts)), matrix


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_is_exported_exactly(name: str, task: Task) -> None:
    model, matrix = fitted(CLASSIFIERS[name], task)
    proof = prove(model, export(model, FEATURES, task), matrix, task, nan_columns=NUMERIC)
    assert proof.label_flips == 0
    assert proof.largest_difference < 1e-6


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor_is_exported_exactly(name: str) -> None:
    model, matrix = fitted(REGRESSORS[name], "regression")
    proof = prove(model, export(model, FEATURES, "regression"), matrix, "regression", nan_columns=NUMERIC)
    assert proof.label_flips == 0
    assert proof.largest_difference < 1e-6


def test_targets_in_the_millions_are_compared_in_their_own_scale() -> None:
    matrix, target = table()
    model = HistGradientBoostingRegressor(max_iter=50).fit(matrix, 1e7 + 1e6 * target)
    proof = prove(model, export(model, FEATURES, "regression"), matrix, "regression", nan_columns=NUMERIC)
    assert proof.largest_difference < 1e-6


@pytest.mark.parametrize(
    ("name", "task", "output", "width"),
    [
        ("logistic regression", "binary", "probabilities", 2),
        ("sigmoid calibration", "multiclass", "probabilities", 3),
        ("ridge", "regression", "value", 1),
    ],
)
def test_the_graph_has_one_float_input_and_one_float_output(name: str, task: Task, output: str, width: int) -> None:
    model, _ = fitted((REGRESSORS if task == "regression" else CLASSIFIERS)[name], task)
    graph = onnx.load_from_string(export(model, FEATURES, task)).graph
    tensors = [(one.name, one.type.tensor_type) for one in (*graph.input, *graph.output)]
    assert [name for name, _ in tensors] == ["X", output]
    assert {tensor.elem_type for _, tensor in tensors} == {onnx.TensorProto.FLOAT}
    assert [tensor.shape.dim[1].dim_value for _, tensor in tensors] == [FEATURES, width]
    assert not [tensor for _, tensor in tensors if tensor.shape.dim[0].dim_value]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_file_needs_nothing_but_itself_and_what_onnx_runtime_has(name: str) -> None:
    model, _ = fitted(CLASSIFIERS[name], "binary")
    content = export(model, FEATURES, "binary")
    graph = onnx.load_from_string(content)
    domains = [line.domain for line in graph.opset_import]
    assert domains == sorted(set(domains))
    assert set(domains) | {node.domain for node in graph.graph.node} <= {"", "ai.onnx.ml"}
    assert b"external_data" not in content
    assert graph.doc_string == graph.graph.doc_string == ""
    assert "label" not in {name for node in graph.graph.node if node.domain == "" for name in node.output}


def test_classes_that_are_words_are_exported_in_their_order() -> None:
    matrix, target = table()
    model = boosting().fit(matrix, np.where(target > 0, "a late one", "punctual"))
    assert prove(model, export(model, FEATURES, "binary"), matrix, "binary").label_flips == 0


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_two_exports_of_one_model_have_the_same_bytes(name: str) -> None:
    model, _ = fitted(CLASSIFIERS[name], "multiclass")
    assert export(model, FEATURES, "multiclass") == export(model, FEATURES, "multiclass")


def test_another_process_exports_the_same_bytes(tmp_path: Path) -> None:
    script = (
        "import runpy, sys; tests = runpy.run_path(sys.argv[1]); "
        "open(sys.argv[2], 'wb').write(b''.join(tests['exported_one_after_another']()))"
    )
    root, written = Path(__file__).parents[2], tmp_path / "exported"
    subprocess.run(
        [sys.executable, "-c", script, __file__, written],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(root)},
    )
    assert written.read_bytes() == b"".join(exported_one_after_another())


def exported_one_after_another() -> list[bytes]:
    return [export(fitted(model, "binary")[0], FEATURES, "binary") for model in CLASSIFIERS.values()]


@given(
    st.floats(width=32, allow_nan=False),
    st.sampled_from([-np.inf, np.inf]),
    st.floats(min_value=0, max_value=1),
)
def test_no_float32_changes_sides_when_its_threshold_becomes_one(x: float, way: float, share: float) -> None:
    here = np.float32(x)
    neighbour = np.nextafter(here, np.float32(way))
    with np.errstate(invalid="ignore"):
        threshold = np.array([np.float64(here) + (np.float64(neighbour) - np.float64(here)) * share])
    for value in (here, neighbour):
        assert np.array_equal(value <= floor32(threshold), value <= threshold)


@pytest.mark.parametrize(("double", "single"), [(np.inf, np.inf), (-np.inf, -np.inf), (1e300, 3.4028235e38)])
def test_thresholds_beyond_float32_stay_on_their_side(double: float, single: float) -> None:
    assert floor32(np.array([double]))[0] == np.float32(single)


def test_categorical_features_are_refused() -> None:
    model, _ = fitted(boosting(categorical_features=CODES), "binary")
    with pytest.raises(ExportRefusedError, match=r"categorical_features.*training\.candidates"):
        export(model, FEATURES, "binary")


def test_categorical_features_deep_inside_a_model_are_refused() -> None:
    inner = make_pipeline(SimpleImputer(), boosting(categorical_features=CODES))
    model, _ = fitted(CalibratedClassifierCV(inner, cv=2), "binary")
    with refuses(ExportRefusedError, "inexact-step", "'histgr", "categorical_features"):
        export(model, FEATURES, "binary")


@pytest.mark.parametrize("tree", [boosting(), RandomForestClassifier(5)], ids=["boosting", "forest"])
def test_a_scaler_before_a_tree_is_refused_by_its_name(tree: Any) -> None:
    model, _ = fitted(Pipeline([("shrink", StandardScaler()), ("tree", tree)]), "binary")
    with refuses(ExportRefusedError, "inexact-operator", "Scaler", "StandardScaler", "'shrink'"):
        export(model, FEATURES, "binary")


def test_strings_with_gaps_through_an_ordinal_encoder_are_refused() -> None:
    _, target = table()
    carriers = np.array(["AA", "UA", np.nan], dtype=object)[np.arange(len(target)) % 3].reshape(-1, 1)
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = make_pipeline(ordinal, boosting()).fit(carriers, target > 0)
    with refuses(ExportRefusedError, "inexact-step", "OrdinalEncoder", "object", "features.py"):
        export(model, 1, "binary")


def test_named_columns_are_refused() -> None:
    matrix, target = table()
    frame = pd.DataFrame(matrix, columns=["dep-time", "air.temp", "wind", "rain", "carrier", "origin"])
    with refuses(ExportRefusedError, "inexact-step", "dep-time, air.temp, wind"):
        export(boosting().fit(frame, target > 0), FEATURES, "binary")


def test_a_step_fitted_on_float64_is_refused() -> None:
    matrix, target = table()
    model = make_pipeline(SimpleImputer(), LogisticRegression()).fit(matrix.astype(np.float64), target > 0)
    with refuses(ExportRefusedError, "inexact-step", "SimpleImputer", "float64"):
        export(model, FEATURES, "binary")


def test_isotonic_calibration_over_trees_is_refused() -> None:
    model, _ = fitted(CalibratedClassifierCV(boosting(), method="isotonic", cv=2), "binary")
    with pytest.raises(ExportRefusedError, match=r"calibrates in steps.*method='sigmoid'"):
        export(model, FEATURES, "binary")


@pytest.mark.parametrize(
    "model",
    [TunedThresholdClassifierCV(boosting(), cv=2), FixedThresholdClassifier(boosting(), threshold=0.3)],
    ids=["tuned", "fixed"],
)
def test_a_classifier_with_a_threshold_of_its_own_is_refused(model: Any) -> None:
    model, _ = fitted(model, "binary")
    with refuses(ExportRefusedError, "inexact-step", "threshold"):
        export(model, FEATURES, "binary")


def test_add_indicator_is_refused() -> None:
    model, _ = fitted(make_pipeline(SimpleImputer(add_indicator=True), LogisticRegression()), "binary")
    with pytest.raises(ExportRefusedError, match=r"^SimpleImputer .* add_indicator"):
        export(model, FEATURES, "binary")


@pytest.mark.parametrize(
    ("model", "operator"),
    [
        (KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf"), "ArgMax"),
        (KNeighborsClassifier(), "TopK"),
    ],
    ids=["bins", "neighbours"],
)
def test_steps_at_places_that_no_row_can_be_made_for_are_refused(model: Any, operator: str) -> None:
    steps = [SimpleImputer(), model] + ([] if hasattr(model, "predict") else [LogisticRegression()])
    pipeline, _ = fitted(make_pipeline(*steps), "binary")
    with refuses(ExportRefusedError, "inexact-operator", f" {operator} "):
        export(pipeline, FEATURES, "binary")


@pytest.mark.parametrize(
    ("step", "code"),
    [(FunctionTransformer(np.cbrt), "inexact-step"), (SplineTransformer(), "not-convertible")],
    ids=["cbrt", "spline"],
)
def test_a_step_without_a_converter_is_refused_by_its_name(step: Any, code: str) -> None:
    steps = [("fill", SimpleImputer()), ("bend", step), ("fit", LogisticRegression())]
    model, _ = fitted(Pipeline(steps), "binary")
    with refuses(ExportRefusedError, code, "Transformer", "'bend'"):
        export(model, FEATURES, "binary")


@pytest.mark.parametrize(
    ("fitted_for", "asked_for", "reason"),
    [
        ("binary", "regression", r"required a predict method and no classes"),
        ("regression", "binary", r"required a predict_proba method and classes"),
        ("binary", "multiclass", r"2 classes are no multiclass task"),
        ("multiclass", "binary", r"3 classes are no binary task"),
    ],
)
def test_a_model_of_another_task_is_refused(fitted_for: Task, asked_for: Task, reason: str) -> None:
    kind = HistGradientBoostingRegressor if fitted_for == "regression" else HistGradientBoostingClassifier
    model, _ = fitted(kind(max_iter=2), fitted_for)
    with pytest.raises(ExportRefusedError, match=reason):
        export(model, FEATURES, asked_for)


def test_a_model_that_was_never_fitted_is_refused() -> None:
    with pytest.raises(ExportRefusedError, match="no fitted model"):
        export(boosting(), FEATURES, "binary")


def test_a_model_of_another_width_is_refused() -> None:
    model, _ = fitted(boosting(), "binary")
    with refuses(ExportRefusedError, "other-columns", "6 columns", "7"):
        export(model, FEATURES + 1, "binary")
