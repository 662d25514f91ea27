"""scikit-learn's histogram gradient boosting with a log link, for counts and amounts: the output is exp of the sum.

skl2onnx leaves the exponential out. Thresholds are float64.
"""

from typing import Any

import numpy as np

from training.fitting.boosters.ensemble import Branch, Ensemble, Leaf, Tree
from training.fitting.float32 import floor32

LOG_LOSSES = ("poisson", "gamma")


def read(model: Any) -> Ensemble:
    """The trees of a fitted HistGradientBoostingRegressor with such a loss."""
    base = float(np.ravel(model._baseline_prediction)[0])
    return Ensemble([_tree(tree.nodes) for (tree,) in model._predictors], (base,), "exp")


def _tree(nodes: Any, place: int = 0) -> Tree:
    node = nodes[place]
    if node["is_leaf"]:
        return Leaf(((0, float(node["value"])),))
    threshold = float(floor32(np.array(node["num_threshold"])))
    sides = (_tree(nodes, node[side]) for side in ("left", "right"))
    return Branch(int(node["feature_idx"]), threshold, bool(node["missing_go_to_left"]), *sides)
