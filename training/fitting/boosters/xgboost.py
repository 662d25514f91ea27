"""XGBoost's trees, from its JSON model. Its thresholds are float32, and a row goes left where `x < threshold`."""

import json
from typing import Any

import numpy as np

from training.fitting.boosters.ensemble import BoosterRefusedError, Branch, Ensemble, Leaf, Link, Tree, link_of

LINKS: dict[str, Link] = {
    **dict.fromkeys(("binary:logistic", "reg:logistic"), "sigmoid"),
    "multi:softprob": "softmax",
    **dict.fromkeys(
        ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror", "reg:squaredlogerror"),
        "identity",
    ),
    **dict.fromkeys(("count:poisson", "reg:gamma", "reg:tweedie"), "exp"),
}


def read(model: Any) -> Ensemble:
    """The trees of a fitted XGBClassifier or XGBRegressor. Raises BoosterRefusedError."""
    learner = json.loads(model.get_booster().save_raw("json"))["learner"]
    objective = learner["objective"]["name"]
    link = link_of("XGBoost", objective, LINKS)
    booster = learner["gradient_booster"]
    if booster["name"] not in ("gbtree", "dart"):
        raise BoosterRefusedError(f"has no trees (booster={booster['name']!r}). Required: gbtree or dart.")
    shares = booster.get("weight_drop") or [1.0] * len(booster.get("gbtree", booster)["model"]["trees"])
    forest = booster.get("gbtree", booster)["model"]
    trees = [
        _tree(tree, output, share)
        for tree, output, share in zip(forest["trees"], forest["tree_info"], shares, strict=True)
    ]
    parameters = learner["learner_model_param"]
    scores = np.atleast_1d(np.array(json.loads(parameters["base_score"]), dtype=np.float64))
    outputs = max(int(parameters["num_class"]), int(parameters["num_target"]))
    return Ensemble(trees, tuple(_margin(np.broadcast_to(scores, outputs), link)), link)


def _margin(scores: np.ndarray[Any, Any], link: Link) -> list[float]:
    """The start value of the sum of leaves: base_score is saved after the link function."""
    if link == "sigmoid":
        return [float(one) for one in np.log(scores / (1 - scores))]
    return [float(one) for one in (np.log(scores) if link == "exp" else scores)]


def _tree(tree: dict[str, Any], output: int, share: float) -> Tree:
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise BoosterRefusedError("has several outputs a leaf. Required: multi_strategy='one_output_per_tree'.")
    if any(tree["split_type"]):
        raise BoosterRefusedError("has categorical splits. Required: codes as plain numbers.")
    thresholds = np.array(tree["split_conditions"], dtype=np.float32)
    below = np.nextafter(thresholds, np.float32(-np.inf))

    def node(place: int) -> Tree:
        left, right = tree["left_children"][place], tree["right_children"][place]
        if left < 0:
            return Leaf(((output, float(thresholds[place]) * share),))
        missing = bool(tree["default_left"][place])
        return Branch(tree["split_indices"][place], float(below[place]), missing, node(left), node(right))

    return node(0)
