"""Exports a fitted scikit-learn model to an ONNX graph with the same outputs, or refuses with the reason.

The graph has one input, `X` float32 [rows, features], and one output: `probabilities` float32
[rows, classes], or `value` float32 [rows, 1]. It has no labels: the decision threshold is applied outside.
Two exports of one model have the same bytes.

Trees are exact. scikit-learn compares float32 inputs with float64 thresholds. For every float32 x, `x <= t` is the
same as `x <= floor32(t)`, where floor32(t) is the largest float32 that is not above t. skl2onnx rounds the thresholds
of histogram gradient boosting to the *nearest* float32, and leaves out where a forest sends missing values. This module
sets both from the model's own trees.

`training/fitting/proof.py` then compares the graph with the model. This module refuses what that could miss.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.operator_converters.decision_tree import (
    convert_sklearn_decision_tree_classifier as convert_tree_classifier,
)
from skl2onnx.operator_converters.decision_tree import (
    convert_sklearn_decision_tree_regressor as convert_tree_regressor,
)
from skl2onnx.operator_converters.random_forest import (
    convert_sklearn_random_forest_classifier as convert_classifier,
)
from skl2onnx.operator_converters.random_forest import (
    convert_sklearn_random_forest_regressor_converter as convert_regressor,
)
from sklearn import ensemble, tree
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

from contracts.exits import FindingError
from contracts.schema import Task
from scoring.onnx_inspection import KNOWN_DOMAINS
from scoring.scorer import INPUT_NAME, OUTPUT_NAMES
from training.fitting import boosters, named_functions
from training.fitting.boosters import histogram
from training.fitting.boosters.ensemble import add_to_graph
from training.fitting.float32 import floor32

Indices = npt.NDArray[np.int64]

GRAPH_NAME = "gatehouse"
# Fixed, so that an upgrade of onnx or skl2onnx does not choose newer ones and change every model's bytes.
OPSETS = {"": 18, "ai.onnx.ml": 3}
INDICATOR = -1
CARRIES_COLUMNS = frozenset({"Cast", "Identity", "Imputer", "Reshape"})
PICKS_COLUMNS = frozenset({"ArrayFeatureExtractor", "Gather"})
READS_CODES = frozenset({"LabelEncoder", "OneHotEncoder"})
# Operators whose output jumps. Next to a jump the last bit decides, and only for trees the positions are known.
JUMPS = frozenset({"ArgMax", "ArgMin", "Binarizer", "Ceil", "Floor", "Greater", "Round", "Sign", "TopK"})
ADVICE = "Change the model (training.candidates in pipeline.toml)."


class ExportRefusedError(FindingError):
    """The graph would not be the trained function: what was seen, what is required, what to do."""


def export(model: Any, feature_count: int, task: Task) -> bytes:
    """The bytes of an ONNX file for a fitted estimator or Pipeline over float32 [rows, feature_count].

    Raises ExportRefusedError where the graph would be another function, or could not be proved to be the same.
    """
    width = _output_width(model, feature_count, task)
    for path, part in _parts(model):
        if reason := _why_not(part):
            raise ExportRefusedError(f"{_named(path, part)} {reason} {ADVICE}", code="inexact-step")
    boosters.register()
    named_functions.register()
    try:
        graph = _convert(model, feature_count)
    except boosters.BoosterRefusedError as error:
        raise ExportRefusedError(f"{_named((), model)} {error} {ADVICE}", code="inexact-step") from error
    except Exception as error:  # converters raise whatever they like, with no class in common
        raise ExportRefusedError(
            f"{_first_that_does_not_convert(model)} cannot become ONNX: {_first_sentence(error)} "
            f"Required: steps that skl2onnx converts. {ADVICE}",
            code="not-convertible",
        ) from error
    _keep_one_output(graph.graph, OUTPUT_NAMES[task], width)
    _normalise(graph)
    if reason := _why_not_provable(graph.graph):
        steps = dict.fromkeys(_named(path, part) for path, part in _parts(model))
        raise ExportRefusedError(f"{reason} This model: {', '.join(steps)}. {ADVICE}", code="inexact-operator")
    onnx.checker.check_model(graph)
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


class Columns:
    """Finds the origin of a tensor's columns: for each one, the column of X that it carries.

    INDICATOR stands for a column that is 0 or 1. Raises ExportRefusedError where numbers were computed.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._producers = {name: node for node in graph.node for name in node.output}
        self._constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self._width = graph.input[0].type.tensor_type.shape.dim[1].dim_value

    def trees(self) -> list[tuple[onnx.NodeProto, Indices]]:
        """Every tree ensemble, and the origin of each feature it reads."""
        trees = [node for node in self._graph.node if node.op_type.startswith("TreeEnsemble")]
        return [(node, self.of(node.input[0])) for node in trees]

    def codes(self) -> list[int]:
        """The columns of X that are codes, and therefore whole numbers."""
        found = {INDICATOR}
        for node in self._graph.node:
            if node.op_type in READS_CODES:
                with suppress(ExportRefusedError):  # codes of codes
                    found.update(self.of(node.input[0]).tolist())
        return sorted(found - {INDICATOR})

    def of(self, tensor: str) -> Indices:
        """The origin of each column of one tensor."""
        if tensor == INPUT_NAME:
            return np.arange(self._width)
        node = self._producers[tensor]
        if node.op_type in CARRIES_COLUMNS:
            return self.of(node.input[0])
        if node.op_type in PICKS_COLUMNS and node.input[1] in self._constants:
            return np.asarray(self.of(node.input[0])[self._constants[node.input[1]].ravel()])
        if node.op_type == "Concat":
            return np.concatenate([self.of(name) for name in node.input])
        if node.op_type == "OneHotEncoder":
            lists = [one for one in node.attribute if one.name.startswith("cats_")]
            return np.full(sum(len(one.ints) + len(one.strings) for one in lists), INDICATOR)
        raise ExportRefusedError(
            f"A tree reads numbers that the ONNX operator {node.op_type} computed in float32; scikit-learn's "
            "differ in the last bit, so rows next to a threshold change sides. Required before a tree: "
            "columns that are picked, joined, filled or one-hot encoded; a tree needs no scaling."
        )


def _output_width(model: Any, feature_count: int, task: Task) -> int:
    """How many columns the output has. Raises ExportRefusedError where the model does not fit task or matrix."""
    _require_fitted(model, feature_count, task)
    if task == "regression":
        return 1
    classes = len(model.classes_)
    if (task == "binary") != (classes == 2):
        raise ExportRefusedError(
            f"{classes} classes are no {task} task. Change data.task in pipeline.toml.", code="other-classes"
        )
    return classes


def _require_fitted(model: Any, feature_count: int, task: Task) -> None:
    method = "predict" if task == "regression" else "predict_proba"
    if not hasattr(model, method) or (task == "regression") == bool(len(getattr(model, "classes_", ()))):
        raise ExportRefusedError(
            f"{type(model).__name__} is no fitted model for a {task} task (data.task in pipeline.toml): "
            f"required a {method} method and {'no ' if task == 'regression' else ''}classes. {ADVICE}",
            code="not-fitted-for-task",
        )
    if getattr(model, "n_features_in_", feature_count) != feature_count:
        raise ExportRefusedError(
            f"{type(model).__name__} was fitted on {model.n_features_in_} columns, required {feature_count}. "
            "Fit it on the encoder's matrix (contracts/features.py).",
            code="other-columns",
        )


def _why_not(part: Any) -> str | None:
    """Why the graph of this estimator, anywhere in the model, could be wrong without a comparison finding it."""
    if (names := getattr(part, "feature_names_in_", None)) is not None:
        return (
            f"was fitted on columns with names ({', '.join(map(str, names[:3]))}, …), which ONNX renames. "
            "Required: one float32 matrix without names (contracts/features.py)."
        )
    kinds = {values.dtype for values in getattr(part, "categories_", ())}
    kinds |= {np.dtype(getattr(part, "_fit_dtype", np.float32))}
    if others := sorted(str(kind) for kind in kinds if kind != np.float32):
        return f"was fitted on {others[0]}. Required: float32, strings as codes (contracts/features.py)."
    if getattr(part, "categorical_features", None) not in (None, "from_dtype"):
        return "has categorical_features, which ONNX reads as thresholds. Required: codes as plain numbers."
    if isinstance(part, IsotonicRegression) or (isinstance(part, CalibratedClassifierCV) and part.method == "isotonic"):
        return "calibrates in steps, of which ONNX takes the nearest. Required: method='sigmoid', or none."
    if isinstance(part, FixedThresholdClassifier | TunedThresholdClassifierCV):
        return "has a decision threshold, which ONNX drops. Required: the classifier in it, by itself."
    if reason := named_functions.why_not(part):
        return reason
    if getattr(part, "add_indicator", False):
        return "has add_indicator, whose columns ONNX leaves out. Required: add_indicator=False."
    return None


def _why_not_provable(graph: onnx.GraphProto) -> str | None:
    """Why no rows can be made at this graph's jumps, so that a comparison could miss a difference there."""
    if jumps := sorted({node.op_type for node in graph.node} & JUMPS):
        return (
            f"The ONNX operator {jumps[0]} makes the output jump where the last bit of a float32 decides. "
            "Required: no steps but those of trees; no binning, no neighbours, no votes."
        )
    try:
        Columns(graph).trees()
    except ExportRefusedError as refusal:
        return str(refusal)
    return None


def _parts(model: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The model and every estimator inside it, fitted or not, with the names of the steps that lead there."""
    yield path, model
    for value in [value for name, value in vars(model).items() if not name.startswith("_")]:
        for child in value if isinstance(value, list) else [value]:
            name, inner, *_ = child if isinstance(child, tuple) and len(child) > 1 else ("", child)
            if isinstance(inner, BaseEstimator):
                yield from _parts(inner, (*path, name) if name else path)


def _named(path: tuple[str, ...], part: Any) -> str:
    kind = type(part).__name__
    return f"{kind} (step '{'.'.join(path)}')" if path else kind


def _first_that_does_not_convert(model: Any) -> str:
    """The innermost fitted step that does not convert by itself; the whole model where each step does."""
    for path, part in sorted(_parts(model), key=lambda named: -len(named[0])):
        if hasattr(part, "n_features_in_"):
            try:
                _convert(part, part.n_features_in_)
            except Exception:  # any failure counts
                return _named(path, part)
    return _named((), model)


def _first_sentence(error: Exception) -> str:
    text = next(iter(str(error).splitlines()), "") or type(error).__name__
    return text.split(". ")[0].rstrip(".") + "."


def _convert(model: Any, feature_count: int) -> onnx.ModelProto:
    graph: onnx.ModelProto = convert_sklearn(
        model,
        name=GRAPH_NAME,
        initial_types=[(INPUT_NAME, FloatTensorType([None, feature_count]))],
        target_opset=OPSETS,
        options={id(model): {"zipmap": False}} if len(getattr(model, "classes_", ())) else None,
        custom_conversion_functions={
            ensemble.HistGradientBoostingClassifier: _with_own_branches(convert_classifier),
            ensemble.RandomForestClassifier: _with_own_branches(convert_classifier),
            ensemble.ExtraTreesClassifier: _with_own_branches(convert_classifier),
            ensemble.HistGradientBoostingRegressor: _with_log_link(_with_own_branches(convert_regressor)),
            ensemble.RandomForestRegressor: _with_own_branches(convert_regressor),
            ensemble.ExtraTreesRegressor: _with_own_branches(convert_regressor),
            tree.DecisionTreeClassifier: _with_own_branches(convert_tree_classifier),
            tree.DecisionTreeRegressor: _with_own_branches(convert_tree_regressor),
        },
    )
    return graph


def _with_own_branches(converter: Callable[..., None]) -> Callable[[Any, Any, Any], None]:
    """skl2onnx's converter, whose node then gets its branches from the model's own trees."""

    def convert(scope: Any, operator: Any, container: Any) -> None:
        converter(scope, operator, container)
        node = container.nodes[-1]
        own = _own_branches(operator.raw_operator)
        attributes = [one for one in node.attribute if one.name not in own]
        _replace(node.attribute, attributes + [helper.make_attribute(*pair) for pair in own.items()])

    return convert


def _with_log_link(converter: Callable[..., None]) -> Callable[[Any, Any, Any], None]:
    """The converter, except for losses whose output is an exponential, which skl2onnx leaves out."""

    def convert(scope: Any, operator: Any, container: Any) -> None:
        model = operator.raw_operator
        if model.loss in histogram.LOG_LOSSES:
            add_to_graph(histogram.read(model), scope, operator, container, is_classifier=False)
        else:
            converter(scope, operator, container)

    return convert


def _own_branches(model: Any) -> dict[str, list[float] | list[int]]:
    """For every node of every tree, in skl2onnx's order: the threshold, and whether missing values go left."""
    if hasattr(model, "_predictors"):
        nodes = np.concatenate([tree.nodes for trees in model._predictors for tree in trees])
        is_leaf, thresholds, left = nodes["is_leaf"] == 1, nodes["num_threshold"], nodes["missing_go_to_left"]
    else:
        trees = [estimator.tree_ for estimator in getattr(model, "estimators_", [model])]
        is_leaf = np.concatenate([tree.children_left < 0 for tree in trees])
        thresholds = np.concatenate([tree.threshold for tree in trees])
        left = np.concatenate([tree.missing_go_to_left for tree in trees])
    return {
        "nodes_values": np.where(is_leaf, np.float32(0), floor32(thresholds)).tolist(),
        "nodes_missing_value_tracks_true": np.where(is_leaf, 0, left).astype(int).tolist(),
    }


def _keep_one_output(graph: onnx.GraphProto, name: str, width: int) -> None:
    """Keep the scores as the only output, call them `name`, and remove nodes that only the labels need."""
    scores = graph.output[-1].name
    needed, kept = {scores}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    for node in kept:
        for tensors in (node.input, node.output):
            tensors[:] = [name if tensor == scores else tensor for tensor in tensors]
    _replace(graph.node, reversed(kept))
    _replace(graph.initializer, [one for one in graph.initializer if one.name in needed])
    _replace(graph.output, [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, width])])


def _normalise(model: onnx.ModelProto) -> None:
    """List each operator set once and in order. Raises ExportRefusedError for one that ONNX Runtime does not have."""
    versions = {one.domain: one.version for one in sorted(model.opset_import, key=lambda one: one.version)}
    if unknown := sorted(set(versions) - KNOWN_DOMAINS):
        raise ExportRefusedError(
            f"The graph needs operators of {unknown}. Required: ONNX's own. {ADVICE}", code="unknown-operators"
        )
    _replace(model.opset_import, [helper.make_opsetid(*pair) for pair in sorted(versions.items())])


def _replace(field: Any, items: Iterable[Any]) -> None:
    """Replace the items of a repeated field of protobuf, which cannot be assigned."""
    kept = list(items)
    del field[:]
    field.extend(kept)
