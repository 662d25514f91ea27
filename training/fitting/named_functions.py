"""The numpy functions that a FunctionTransformer or a TransformedTargetRegressor may use, as ONNX operators.

scikit-learn computes them in float32, as the graph does. A custom function cannot be converted, and is refused.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import FunctionTransformer

OPSET = 13
# Each as a sequence of operators, with the constant that is the second input.
STEPS: dict[Any, Sequence[tuple[str, float | None]]] = {
    None: [("Identity", None)],
    np.abs: [("Abs", None)],
    np.arcsinh: [("Asinh", None)],
    np.exp: [("Exp", None)],
    np.expm1: [("Exp", None), ("Sub", 1.0)],
    np.log: [("Log", None)],
    np.log1p: [("Add", 1.0), ("Log", None)],
    np.log10: [("Log", None), ("Div", float(np.log(10)))],
    np.log2: [("Log", None), ("Div", float(np.log(2)))],
    np.reciprocal: [("Reciprocal", None)],
    np.sqrt: [("Sqrt", None)],
    np.square: [("Pow", 2.0)],
}
NAMES = ", ".join(sorted(f"numpy.{one.__name__}" for one in STEPS if one is not None))


def why_not(part: Any) -> str | None:
    """Why a step with a function cannot become ONNX; None where it can, or has no function."""
    if isinstance(part, FunctionTransformer):
        function, options = part.func, part.kw_args
    elif isinstance(part, TransformedTargetRegressor):
        function, options = part.inverse_func, part.transformer
    else:
        return None
    if options or not _is_known(function):
        return f"has {_named(options or function)}, which ONNX does not know. Required: one of {NAMES}, by itself."
    return None


def register() -> None:
    """Register both with skl2onnx. May be called repeatedly."""
    update_registered_converter(
        FunctionTransformer, "GatehouseFunctionTransformer", _same_shape, _convert_transformer, overwrite=True
    )
    update_registered_converter(
        TransformedTargetRegressor,
        "GatehouseTransformedTargetRegressor",
        calculate_linear_regressor_output_shapes,
        _convert_target,
        overwrite=True,
    )


def _is_known(function: Any) -> bool:
    return function is None or (isinstance(function, np.ufunc) and function in STEPS)


def _named(what: Any) -> str:
    return str(getattr(what, "__name__", None) or type(what).__name__)


def _same_shape(operator: Any) -> None:
    operator.outputs[0].type = FloatTensorType([None, sum(one.type.shape[1] for one in operator.inputs)])


def _convert_transformer(scope: Any, operator: Any, container: Any) -> None:
    names = [one.full_name for one in operator.inputs]
    read = names[0]
    if len(names) > 1:
        read = scope.get_unique_variable_name("together")
        container.add_node(
            "Concat", names, read, axis=1, op_version=OPSET, name=scope.get_unique_operator_name("Concat")
        )
    _apply(operator.raw_operator.func, read, operator.outputs[0].full_name, scope, container)


def _convert_target(scope: Any, operator: Any, container: Any) -> None:
    model = operator.raw_operator
    inner = scope.declare_local_operator(_alias(model.regressor_), model.regressor_)
    inner.inputs.extend(operator.inputs)
    value = scope.declare_local_variable("value_before", FloatTensorType())
    inner.outputs.append(value)
    _apply(model.inverse_func, value.full_name, operator.outputs[0].full_name, scope, container)


def _alias(model: Any) -> str:
    from skl2onnx._supported_operators import _get_sklearn_operator_name

    return str(_get_sklearn_operator_name(type(model)))


def _apply(function: Any, read: str, written: str, scope: Any, container: Any) -> None:
    steps = STEPS[function]
    for number, (kind, constant) in enumerate(steps):
        inputs = [read]
        if constant is not None:
            inputs.append(scope.get_unique_variable_name("constant"))
            container.add_initializer(inputs[1], TensorProto.FLOAT, [1], [constant])
        read = written if number == len(steps) - 1 else scope.get_unique_variable_name("step")
        container.add_node(kind, inputs, read, op_version=OPSET, name=scope.get_unique_operator_name(kind))
