"""One form for the trees of every booster, and the ONNX nodes that compute it.

A branch sends x to the left where `x <= threshold`, both float32. LightGBM compares with float64 thresholds
(float32.py). XGBoost uses `<`, which for float32 is `<=` the next number below. ONNX Runtime adds leaves up in float32,
two of the libraries in float64; training/fitting/proof.py measures the difference.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from onnx import TensorProto

# From the sum of the leaves to the output.
Link = Literal["identity", "sigmoid", "softmax", "exp"]
ML_OPSET, OPSET = 3, 13


class BoosterRefusedError(Exception):
    """A booster was fitted in a way that this form cannot express; the text says what was seen and what is required."""


@dataclass(frozen=True)
class Leaf:
    """`amounts`: (position of the output, amount that is added to it)."""

    amounts: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Branch:
    """`column`: of X; `threshold`: a float32; `is_missing_left`: whether missing values go left."""

    column: int
    threshold: float
    is_missing_left: bool
    left: "Branch | Leaf"
    right: "Branch | Leaf"


Tree = Branch | Leaf


@dataclass(frozen=True)
class Ensemble:
    """The sum of all trees' leaves and of `base`, one number for each output; `link` turns it into the output."""

    trees: Sequence[Tree]
    base: tuple[float, ...]
    link: Link


def link_of(library: str, objective: str, known: dict[str, Link]) -> Link:
    """Raises BoosterRefusedError for an objective whose link is not known."""
    if objective not in known:
        raise BoosterRefusedError(
            f"was fitted with {library}'s objective {objective!r}. Required: one of {', '.join(known)}."
        )
    return known[objective]


def add_to_graph(ensemble: Ensemble, scope: Any, operator: Any, container: Any, *, is_classifier: bool) -> None:
    """Append the nodes. scope, operator, container: skl2onnx's. A classifier has labels and probabilities."""
    total = scope.get_unique_variable_name("total")
    container.add_node(
        "TreeEnsembleRegressor",
        [operator.inputs[0].full_name],
        total,
        op_domain="ai.onnx.ml",
        op_version=ML_OPSET,
        name=scope.get_unique_operator_name("trees"),
        **tree_attributes(ensemble),
    )
    if is_classifier:
        _add_probabilities(ensemble, total, scope, operator, container)
    else:
        _add(scope, container, {"identity": "Identity", "exp": "Exp"}[ensemble.link], [total], operator.outputs[0])


def _add_probabilities(ensemble: Ensemble, total: str, scope: Any, operator: Any, container: Any) -> None:
    label, probabilities = operator.outputs
    if ensemble.link == "sigmoid":
        of_yes, of_no, one = (scope.get_unique_variable_name(name) for name in ("of_yes", "of_no", "one"))
        container.add_initializer(one, TensorProto.FLOAT, [1], [1.0])
        _add(scope, container, "Sigmoid", [total], of_yes)
        _add(scope, container, "Sub", [one, of_yes], of_no)
        _add(scope, container, "Concat", [of_no, of_yes], probabilities, axis=1)
    else:
        _add(scope, container, "Softmax", [total], probabilities, axis=1)
    # The classes are positions, as the encoder numbers them.
    _add(scope, container, "ArgMax", [probabilities.full_name], label, axis=1, keepdims=0)


def tree_attributes(ensemble: Ensemble) -> dict[str, Any]:
    """The attributes of ONNX's TreeEnsembleRegressor, nodes in breadth-first order."""
    nodes: dict[str, list[Any]] = {
        name: [] for name in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
    }
    nodes["missing_value_tracks_true"] = []
    leaves: dict[str, list[Any]] = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for number, tree in enumerate(ensemble.trees):
        for place, node, children in _by_breadth(tree):
            row = _of_node(number, place, node, children)
            for name, value in row.items():
                nodes[name].append(value)
            for output, amount in node.amounts if isinstance(node, Leaf) else ():
                for name, value in zip(leaves, (number, place, output, amount), strict=True):
                    leaves[name].append(value)
    return {
        **{f"nodes_{name}": values for name, values in nodes.items()},
        **{f"target_{name}": values for name, values in leaves.items()},
        "base_values": [float(np.float32(one)) for one in ensemble.base],
        "n_targets": len(ensemble.base),
        "aggregate_function": "SUM",
        "post_transform": "NONE",
    }


def _of_node(tree: int, place: int, node: Tree, children: tuple[int, int]) -> dict[str, Any]:
    branch = node if isinstance(node, Branch) else None
    return {
        "treeids": tree,
        "nodeids": place,
        "featureids": branch.column if branch else 0,
        "values": branch.threshold if branch else 0.0,
        "modes": "BRANCH_LEQ" if branch else "LEAF",
        "truenodeids": children[0],
        "falsenodeids": children[1],
        "missing_value_tracks_true": int(branch.is_missing_left) if branch else 0,
    }


def _by_breadth(tree: Tree) -> Iterator[tuple[int, Tree, tuple[int, int]]]:
    """Each node with its number and those of its children."""
    waiting, given = deque([(0, tree)]), 1
    while waiting:
        place, node = waiting.popleft()
        children = (0, 0)
        if isinstance(node, Branch):
            children = (given, given + 1)
            waiting.extend(zip(children, (node.left, node.right), strict=True))
            given += 2
        yield place, node, children


def _add(scope: Any, container: Any, kind: str, inputs: list[str], output: Any, **attributes: Any) -> None:
    container.add_node(
        kind,
        inputs,
        getattr(output, "full_name", output),
        op_version=OPSET,
        name=scope.get_unique_operator_name(kind),
        **attributes,
    )
