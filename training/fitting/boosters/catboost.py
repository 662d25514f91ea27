"""CatBoost's trees, from its JSON model. Borders are float32 there, and a row goes right where `x > border`."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.fitting.boosters.ensemble import BoosterRefusedError, Branch, Ensemble, Leaf, Link, Tree, link_of

LINKS: dict[str, Link] = {
    **dict.fromkeys(("Logloss", "CrossEntropy"), "sigmoid"),
    "MultiClass": "softmax",
    **dict.fromkeys(("RMSE", "MAE", "Quantile", "Huber", "Expectile", "MAPE"), "identity"),
    **dict.fromkeys(("Poisson", "Tweedie"), "exp"),
}


def read(model: Any) -> Ensemble:
    """The trees of a fitted CatBoostClassifier or CatBoostRegressor. Raises BoosterRefusedError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        saved = json.loads(path.read_text(encoding="utf-8"))
    if saved["features_info"].get("categorical_features"):
        raise BoosterRefusedError("has cat_features. Required: codes as plain numbers.")
    params = saved["model_info"]["params"]
    params = json.loads(params) if isinstance(params, str) else params
    link = link_of("CatBoost", params["loss_function"]["type"], LINKS)
    scale, base = saved["scale_and_bias"]
    columns = {one["feature_index"]: one for one in saved["features_info"]["float_features"]}
    reader = _Reader(columns, float(scale))
    trees = [reader.symmetric(one["splits"], one["leaf_values"]) for one in saved.get("oblivious_trees", [])]
    trees += [reader.nested(one) for one in saved.get("trees", [])]
    outputs = len(model.classes_) if link == "softmax" else 1
    return Ensemble(trees, tuple(base) if base else (0.0,) * outputs, link)


class _Reader:
    """Turns CatBoost's two forms of trees into branches. `columns`: CatBoost's entry for each column by its number."""

    def __init__(self, columns: dict[int, dict[str, Any]], scale: float) -> None:
        self._columns = columns
        self._scale = scale

    def symmetric(self, splits: Sequence[dict[str, Any]], leaves: Sequence[float]) -> Tree:
        """A tree with one split for each level; bit i of a leaf's number is its side of split i."""
        each = len(leaves) >> len(splits)

        def below(level: int, number: int) -> Tree:
            if level < 0:
                return self._leaf(leaves[number * each : (number + 1) * each])
            return self._branch(splits[level], below(level - 1, number), below(level - 1, number | 1 << level))

        return below(len(splits) - 1, 0)

    def nested(self, node: dict[str, Any]) -> Tree:
        """A tree of nodes in nodes."""
        if "split" not in node:
            value = node["value"]
            return self._leaf(value if isinstance(value, list) else [value])
        return self._branch(node["split"], self.nested(node["left"]), self.nested(node["right"]))

    def _leaf(self, values: Sequence[float]) -> Leaf:
        return Leaf(tuple((place, value * self._scale) for place, value in enumerate(values)))

    def _branch(self, split: dict[str, Any], left: Tree, right: Tree) -> Branch:
        if split["split_type"] != "FloatFeature":
            raise BoosterRefusedError(f"splits by {split['split_type']}. Required: codes as plain numbers.")
        column = self._columns[split["float_feature_index"]]
        is_left = column["nan_value_treatment"] != "AsTrue"
        return Branch(column["flat_feature_index"], split["border"], is_left, left, right)
