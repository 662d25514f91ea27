"""LightGBM's trees, from `Booster.dump_model()`, whose thresholds are float64."""

from typing import Any

import numpy as np

from training.fitting.boosters.ensemble import BoosterRefusedError, Branch, Ensemble, Leaf, Link, Tree, link_of
from training.fitting.float32 import floor32

# LightGBM reads numbers that are no larger than this as zero.
ZERO = np.float32(1e-35)
LINKS: dict[str, Link] = {
    "binary": "sigmoid",
    "multiclass": "softmax",
    **dict.fromkeys(("regression", "regression_l1", "huber", "fair", "quantile", "mape"), "identity"),
    **dict.fromkeys(("poisson", "gamma", "tweedie"), "exp"),
}


def read(model: Any) -> Ensemble:
    """The trees of a fitted LGBMClassifier or LGBMRegressor. Raises BoosterRefusedError."""
    dump = model.booster_.dump_model()
    objective, *options = str(dump.get("objective") or "a function of your own").split(" ")
    if dump["average_output"]:
        raise BoosterRefusedError("averages its trees (boosting_type='rf'). Required: gbdt, dart or goss.")
    if getattr(model, "linear_tree", False) or dump.get("linear_tree"):
        raise BoosterRefusedError("has linear models in its leaves. Required: linear_tree=False.")
    if odd := [one for one in options if one.startswith("sigmoid:") and one != "sigmoid:1"] or [
        one for one in options if one == "sqrt"
    ]:
        raise BoosterRefusedError(f"was fitted with {odd[0]}. Required: neither another sigmoid nor reg_sqrt.")
    outputs = dump["num_tree_per_iteration"]
    trees = [_tree(one["tree_structure"], place % outputs) for place, one in enumerate(dump["tree_info"])]
    return Ensemble(trees, (0.0,) * outputs, link_of("LightGBM", objective, LINKS))


def _tree(node: dict[str, Any], output: int) -> Tree:
    if "split_feature" not in node:
        return Leaf(((output, node["leaf_value"]),))
    if node["decision_type"] != "<=":
        raise BoosterRefusedError("has categorical_feature. Required: codes as plain numbers.")
    if node["missing_type"] == "Zero":
        raise BoosterRefusedError("takes zeros for missing values. Required: zero_as_missing=False.")
    # Where training saw no missing value, LightGBM reads one as zero.
    left = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0
    sides = (_tree(node[side], output) for side in ("left_child", "right_child"))
    return Branch(node["split_feature"], _threshold(node["threshold"]), left, *sides)


def _threshold(threshold: float) -> float:
    """The float32 with the same `x <= threshold`, given that LightGBM reads x near zero as zero."""
    if abs(threshold) <= ZERO:
        return float(ZERO if threshold >= 0 else np.nextafter(-ZERO, np.float32(-np.inf)))
    return float(floor32(np.array(threshold)))
