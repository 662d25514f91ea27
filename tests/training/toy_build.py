"""A small build folder as after the data stage: numbers and booleans with gaps, text, and a target."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts.data_manifest import TABLE_NAMES, DataManifest, Table, TableName
from contracts.features import MISSING, Feature
from contracts.schema import Task, write_json
from contracts.stage import Build
from training.dataset.digests import frame_digest

START = pd.Timestamp("2024-01-01")
ROWS_A_DAY = 20
CLASSES: dict[Task, tuple[str, ...]] = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}
FEATURES = (
    Feature(name="size", kind="numeric", minimum=-4, maximum=4, missing_share=0.1, example=0.5),
    Feature(name="age", kind="numeric", minimum=0, maximum=9, example=3.0),
    Feature(name="is_new", kind="boolean", missing_share=0.1, example=True),
    Feature(name="shop", kind="categorical", categories=(MISSING, "east", "north", "west"), missing_share=0.1),
)


def write_build(
    root: Path, task: Task = "binary", rows: int = 300, with_time: bool = True, with_groups: bool = False
) -> Build:
    """A train table of `rows` rows, and a holdout and a replay of a third of that each."""
    build = Build(root / "build")
    folder = build.stage("data")
    folder.mkdir(parents=True)
    every = _table(task, rows * 5 // 3, with_time, with_groups)
    ends: dict[TableName, slice] = {
        "train": slice(0, rows),
        "holdout": slice(rows, rows * 4 // 3),
        "replay": slice(rows * 4 // 3, None),
    }
    tables = {}
    for name in TABLE_NAMES:
        part = every.iloc[ends[name]].reset_index(drop=True)
        part.to_parquet(folder / f"{name}.parquet", index=False)
        tables[name] = Table(
            rows=len(part), digest=frame_digest(pd.read_parquet(folder / f"{name}.parquet")), first="first", last="last"
        )
    manifest = DataManifest(
        source="toy",
        source_sha256="0" * 64,
        task=task,
        target="answer",
        classes=CLASSES[task],
        positive="yes" if task == "binary" else "",
        time="at" if with_time else "",
        cluster="cluster" if with_time or with_groups else "",
        features=FEATURES,
        tables=tables,
        digest="sha256:" + "0" * 64,
    )
    write_json(folder / "data.json", manifest)
    return build


def write_config(root: Path, task: Task = "binary", **changes: str) -> Path:
    """A pipeline.toml for the toy build. `changes` are lines such as training='candidates = ["ridge"]'."""
    metric = "rmse" if task == "regression" else "roc_auc"
    candidate = "ridge" if task == "regression" else "logistic"
    lines: dict[str, dict[str, str]] = {
        "project": {"name": '"toy"'},
        "data": {"source": '"toy"', "target": '"answer"', "task": f'"{task}"', "seed": "7"},
        "training": {"candidates": f'["{candidate}"]', "metric": f'"{metric}"', "trials": "2", "folds": "3"},
        "gate": {"metric": f'"{metric}"', "margin": "0.01"},
        "drift": {"reference_rows": "100"},
        "service": {},
    }
    for key, value in changes.items():
        section, name = key.split("__")
        lines[section][name] = value
    text = "\n".join(
        f"[{section}]\n" + "\n".join(f"{name} = {value}" for name, value in keys.items())
        for section, keys in lines.items()
    )
    path = root / "pipeline.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _table(task: Task, rows: int, with_time: bool, with_groups: bool) -> pd.DataFrame:
    random = np.random.default_rng(3)
    size, age = random.normal(size=rows), random.integers(0, 10, rows)
    is_new, shop = random.integers(0, 2, rows), random.choice(np.array(["east", "north", "west"]), rows)
    strength = size - age / 5 + is_new + (shop == "north") + random.normal(size=rows)
    table = pd.DataFrame(
        {
            "size": np.where(random.random(rows) < 0.1, np.nan, size).astype(np.float32),
            "age": age.astype(np.float32),
            "is_new": np.where(random.random(rows) < 0.1, np.nan, is_new).astype(np.float32),
            "shop": np.where(random.random(rows) < 0.1, MISSING, shop),
            "answer": _answers(task, strength),
        }
    )
    if with_time:
        table["at"] = START + pd.to_timedelta(np.arange(rows) * 24 * 60 // ROWS_A_DAY, unit="min")
        table["cluster"] = table["at"].dt.strftime("%Y-%m-%d")
    if with_groups:
        table["cluster"] = [f"customer {number // 3}" for number in range(rows)]
    return table


def _answers(task: Task, strength: Any) -> Any:
    if task == "regression":
        return 100 + 10 * strength
    ranks = np.searchsorted(np.quantile(strength, [0.5] if task == "binary" else [0.3, 0.7]), strength)
    return np.array(CLASSES[task])[ranks]
