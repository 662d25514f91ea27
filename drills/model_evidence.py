"""Faults of a model folder's evidence: reference, golden rows, metrics, order of columns. Each is signed again."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd
from onnx import helper, numpy_helper

from contracts.dates.inputs import DateInput
from contracts.model_folder import Golden, GoldenRow, read_card
from contracts.schema import write_json
from drills.models import Graph, answered
from drills.scene import Change, PlantError, Scene
from scoring.scorer import INPUT_NAME, Scorer, load_scorer
from testbed.cards import sign
from training.tables import Table, load_manifest

DatesChange = Callable[[Sequence[DateInput]], Sequence[DateInput]]
GoldenChange = Callable[[tuple[GoldenRow, ...]], Sequence[GoldenRow]]


def replace_reference(scene: Scene, change: Change) -> None:
    """Change reference.parquet."""
    path = scene.challenger / "reference.parquet"
    before = pd.read_parquet(path)
    after = change(before.copy()).reset_index(drop=True)
    if after.equals(before):
        raise PlantError("the reference has not changed")
    after.to_parquet(path, index=False)
    sign(scene.challenger)


def predicted_by_model(scene: Scene, rows: pd.DataFrame) -> npt.NDArray[Any]:
    """[rows]: the challenger's probability of the positive class."""
    scorer = load_scorer(scene.challenger)
    table = Table("train", rows.reset_index(drop=True), load_manifest(scene.build))
    return scorer.predict(table.matrix(scorer.card.features))[:, 1]


def replace_golden(scene: Scene, change: GoldenChange) -> None:
    """Change the golden rows; each must still be what the model answers."""
    path = scene.challenger / "golden.json"
    golden = Golden.model_validate_json(path.read_bytes())
    write_json(path, golden.model_copy(update={"rows": tuple(change(golden.rows))}))
    sign(scene.challenger)


def train_with_dates(scene: Scene) -> None:
    """Train a challenger that reads two parts of the scheduled departure; the champion reads none."""
    scene.prepare("features.dates.scheduled_at", ["weekday", "hour"])
    scene.run("data", "train")


def replace_dates(scene: Scene, change: DatesChange) -> None:
    """Change what the card says of dates."""
    before = read_card(scene.challenger).dates
    after = tuple(change(before))
    if after == before:
        raise PlantError("the card's dates have not changed")
    sign(scene.challenger, dates=after)


def answer_golden(scene: Scene) -> None:
    """Give the golden rows the answers of the changed model folder."""
    scorer = Scorer(read_card(scene.challenger), "", (scene.challenger / "model.onnx").read_bytes())
    replace_golden(scene, lambda rows: [answered(scorer, row) for row in rows])


def add_to_metric(scene: Scene, metric: str, **added: float) -> None:
    """Add to value, low or high of one of the card's metrics."""
    metrics = read_card(scene.challenger).metrics
    before = metrics[metric]
    changed = before.model_copy(update={name: getattr(before, name) + by for name, by in added.items()})
    sign(scene.challenger, metrics=metrics | {metric: changed})


def swap_columns(folder: Path, one: str, other: str) -> Graph:
    """Let a graph read each of two columns as the other one; for `drills.models.edit`."""
    names = [feature.name for feature in read_card(folder).features]
    order = np.arange(len(names))
    order[[names.index(one), names.index(other)]] = names.index(other), names.index(one)

    def change(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            node.input[:] = ["drill_read" if name == INPUT_NAME else name for name in node.input]
        model.graph.initializer.append(numpy_helper.from_array(order, "drill_columns"))
        model.graph.node.insert(0, helper.make_node("Gather", [INPUT_NAME, "drill_columns"], ["drill_read"], axis=1))

    return change


def swap_columns_in_card(folder: Path, one: str, other: str) -> None:
    """Swap two features on the card, with all that it says of them; golden rows get the new answers."""
    features = list(read_card(folder).features)
    names = [feature.name for feature in features]
    at, to = names.index(one), names.index(other)
    features[at], features[to] = features[to], features[at]
    card = read_card(folder).model_copy(update={"features": tuple(features)})
    scorer = Scorer(card, "", (folder / "model.onnx").read_bytes())
    golden = Golden.model_validate_json((folder / "golden.json").read_bytes())
    rows = tuple(answered(scorer, row) for row in golden.rows)
    write_json(folder / "golden.json", golden.model_copy(update={"rows": rows}))
    sign(folder, features=tuple(features))
