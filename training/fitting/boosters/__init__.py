"""LightGBM, XGBoost and CatBoost: reads the library's own JSON into one form of trees, and converts that to ONNX.

This package imports none of them, and the service needs none. `register` registers the imported ones with skl2onnx, so
that they also convert as a step of a pipeline.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)

from training.fitting.boosters import catboost, lightgbm, xgboost
from training.fitting.boosters.ensemble import BoosterRefusedError, Ensemble, add_to_graph

Read = Callable[[Any], Ensemble]

READERS: dict[str, tuple[Read, tuple[str, ...]]] = {
    "lightgbm": (lightgbm.read, ("LGBMClassifier", "LGBMRegressor")),
    "xgboost": (xgboost.read, ("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor")),
    "catboost": (catboost.read, ("CatBoostClassifier", "CatBoostRegressor")),
}

__all__ = ["READERS", "BoosterRefusedError", "register"]


def register() -> None:
    """Register the boosters that this process has imported with skl2onnx. May be called repeatedly."""
    for kind, read in _imported():
        is_classifier = kind.__name__.endswith("Classifier")
        update_registered_converter(
            kind,
            f"Gatehouse{kind.__name__}",
            calculate_linear_classifier_output_shapes if is_classifier else calculate_linear_regressor_output_shapes,
            _converter(read, is_classifier=is_classifier),
            options={"zipmap": [True, False, "columns"], "nocl": [True, False]} if is_classifier else None,
            parser=_parse_classifier if is_classifier else None,
        )


def _imported() -> Iterator[tuple[type, Read]]:
    for library, (read, names) in READERS.items():
        if (module := sys.modules.get(library)) is not None:
            yield from ((getattr(module, name), read) for name in names if hasattr(module, name))


def _parse_classifier(scope: Any, model: Any, inputs: Any, **_others: Any) -> Any:
    """Declare a classifier's two outputs: skl2onnx would take a CatBoostClassifier for a regressor."""
    operator = scope.declare_local_operator(f"Gatehouse{type(model).__name__}", model)
    operator.inputs = inputs
    operator.outputs.append(scope.declare_local_variable("label", Int64TensorType()))
    operator.outputs.append(scope.declare_local_variable("probabilities", FloatTensorType()))
    return operator.outputs


def _converter(read: Read, *, is_classifier: bool) -> Callable[[Any, Any, Any], None]:
    def convert(scope: Any, operator: Any, container: Any) -> None:
        add_to_graph(read(operator.raw_operator), scope, operator, container, is_classifier=is_classifier)

    return convert
