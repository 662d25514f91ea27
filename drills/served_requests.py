"""Writes request logs as production would: rows of a table with the challenger's answers, and labels."""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.data_manifest import DataManifest, TableName
from contracts.features import MISSING, Feature
from contracts.request_log import LabelRecord, PredictionRecord
from drills.scene import PlantError, Scene
from scoring.scorer import Scorer, load_scorer
from training.tables import Table, load_table

NAME = "20131101T000000.000000Z-1.jsonl"
Probabilities = npt.NDArray[np.float64]
WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]


def rows_like_training(scene: Scene, count: int, seed: int = 1) -> pd.DataFrame:
    """`count` train rows, drawn at random from the time of the model's reference."""
    train = load_table(scene.build, "train").frame
    reference = pd.read_parquet(scene.challenger / "reference.parquet")
    time = scene.manifest.time
    like = train[(train[time] >= reference[time].min()) & (train[time] <= reference[time].max())]
    drawn: pd.DataFrame = like.sample(count, random_state=seed).sort_values(time, ignore_index=True)
    return drawn


def rows_of(scene: Scene, name: TableName, count: int, seed: int = 1) -> pd.DataFrame:
    """`count` rows of one table, drawn at random, in order of time."""
    table = load_table(scene.build, name).frame
    drawn: pd.DataFrame = table.sample(count, random_state=seed).sort_values(scene.manifest.time, ignore_index=True)
    return drawn


def with_weather_of_other_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows, each with the weather columns of another row that is drawn at random."""
    others = np.random.default_rng(1).permutation(len(rows))
    return rows.assign(**{name: rows[name].to_numpy()[others] for name in WEATHER})


def serve(
    scene: Scene,
    rows: pd.DataFrame,
    *,
    labels: bool,
    scored: pd.DataFrame | None = None,
    logged: Callable[[Probabilities], Probabilities] = lambda said: said,
) -> None:
    """Replace the load test's log by one of these rows, if asked for with their true labels.

    scored: the rows that the model is asked, if not those that are logged; logged: what the log has of the model's
    probabilities, [rows, 2]. drift.blocks_deploy is set, so that the
    stage's exit code tells whether it found drift.
    """
    folder = scene.build.stage("load-test") / "requests"
    for path in folder.glob("*.jsonl"):
        path.unlink()
    manifest, scorer = scene.manifest, load_scorer(scene.challenger)
    if not len(rows):
        raise PlantError("there are no rows to serve")
    asked = rows if scored is None else scored
    _write(folder / f"predictions-{NAME}", _predictions(rows, asked, manifest, scorer, logged))
    if labels:
        _write(folder / f"labels-{NAME}", _labels(rows, manifest))
    scene.set("drift.blocks_deploy", True)


def _predictions(
    rows: pd.DataFrame,
    scored: pd.DataFrame,
    manifest: DataManifest,
    scorer: Scorer,
    logged: Callable[[Probabilities], Probabilities],
) -> Iterator[PredictionRecord]:
    card = scorer.card
    given = logged(scorer.predict(Table("replay", scored, manifest).matrix(card.features)).astype(np.float64))
    moments = _microseconds(rows, manifest)
    columns = [[_value(feature, value) for value in rows[feature.name]] for feature in card.features]
    names = [feature.name for feature in card.features]
    for number, values in enumerate(zip(*columns, strict=True)):
        is_positive = given[number, 1] >= (card.threshold or 0.5)
        yield PredictionRecord(
            id=f"row-{number}",
            at_us=moments[number],
            model=scorer.digest,
            features=dict(zip(names, values, strict=True)),
            prediction=card.classes[int(is_positive)],
            probabilities=tuple(given[number].tolist()),
        )


def _labels(rows: pd.DataFrame, manifest: DataManifest) -> Iterator[LabelRecord]:
    moments = _microseconds(rows, manifest)
    for number, actual in enumerate(rows[manifest.target]):
        yield LabelRecord(id=f"row-{number}", at_us=moments[number], actual=str(actual), observed_us=moments[number])


def _microseconds(rows: pd.DataFrame, manifest: DataManifest) -> list[int]:
    epoch = pd.Timestamp(dt.datetime(1970, 1, 1))
    found: list[int] = ((rows[manifest.time] - epoch) // pd.Timedelta(microseconds=1)).tolist()
    return found


def _value(feature: Feature, value: Any) -> float | bool | str | None:
    if feature.kind == "categorical":
        return None if value == MISSING else str(value)
    if np.isnan(value):
        return None
    return bool(value) if feature.kind == "boolean" else float(value)


def _write(path: Path, records: Iterator[PredictionRecord] | Iterator[LabelRecord]) -> None:
    lines = (json.dumps(record.model_dump(mode="json")) for record in records)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
