"""Small tables with their pipeline.toml, and the data stage run on them, for tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from contracts.data_manifest import DataManifest, TableName
from contracts.exits import CodedError, FindingError, UsageError
from contracts.pipeline_toml.reader import load_config
from contracts.schema import read_json
from contracts.stage import Build, Context
from training.data import work

METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
TOML_DATES = ("as_of",)
BY_TIME: dict[str, object] = {"time": "at", "as_of": "2026-03-12", "holdout_days": 20, "replay_days": 20}


def breast_cancer() -> pd.DataFrame:
    """569 rows, 30 numbers, two classes named 0 and 1."""
    return load_breast_cancer(as_frame=True).frame  # type: ignore[no-any-return]  # scikit-learn has no types


def wine() -> pd.DataFrame:
    """178 rows, 13 numbers, three classes."""
    return load_wine(as_frame=True).frame  # type: ignore[no-any-return]  # scikit-learn has no types


def diabetes() -> pd.DataFrame:
    """442 rows, 10 numbers, a number to predict."""
    return load_diabetes(as_frame=True).frame  # type: ignore[no-any-return]  # scikit-learn has no types


def machines(rows: int = 400, **columns: Any) -> pd.DataFrame:
    """A table with some of everything, over the first 100 days of 2026, and columns added or replaced by name."""
    luck = np.random.default_rng(1)
    heat = luck.normal(size=rows)
    table = pd.DataFrame(
        {
            "heat": np.where(luck.random(rows) < 0.1, np.nan, heat),
            "plant": luck.choice(["north", "south", "west"], rows),
            "is_new": luck.random(rows) < 0.4,
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows) * 2400 // rows, unit="h"),
            "machine": luck.choice([f"m{number}" for number in range(40)], rows),
            "failed": np.where(heat + luck.normal(size=rows) > 0.5, "yes", "no"),
        }
    )
    return table.assign(**columns)


def write_config(
    folder: Path, source: str, data: Mapping[str, object] | None = None, features: Mapping[str, object] | None = None
) -> Path:
    """A pipeline.toml in `folder`. Unless `data` says otherwise: a small table, binary, the target is `failed`."""
    of_data = {"source": source, "target": "failed", "task": "binary", "min_train_rows": 40, "min_holdout_rows": 20}
    of_data |= data or {}
    metric = METRICS[str(of_data["task"])]
    tables: dict[str, dict[str, object]] = {
        "project": {"name": "toy"},
        "data": of_data,
        "features": dict(features or {}),
        "training": {"candidates": ["ridge"], "metric": metric},
        "gate": {"metric": metric, "margin": 0.05},
    }
    lines = []
    for table, keys in tables.items():
        lines += [f"[{table}]\n", *(f"{key} = {_toml(key, value)}\n" for key, value in keys.items())]
    path = folder / "pipeline.toml"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def run(
    folder: Path, source: pd.DataFrame | str, data: Mapping[str, object] | None = None, **features: object
) -> DataManifest:
    """The data stage on a table or a source, writing to folder/build/data. Raises what the stage raises."""
    if isinstance(source, pd.DataFrame):
        source.to_parquet(folder / "table.parquet")
        source = str(folder / "table.parquet")
    build = Build(folder / "build")
    build.stage("data").mkdir(parents=True, exist_ok=True)
    config = load_config(write_config(folder, source, data, features))
    work(Context(config, build, build.stage("data")))
    return read_json(build.stage("data") / "data.json", DataManifest, "make data")


def table_of(folder: Path, name: TableName) -> pd.DataFrame:
    return pd.read_parquet(folder / "build" / "data" / f"{name}.parquet")


class Refusal(str):
    """What the stage said, and the code that it gave."""

    code = ""

    @classmethod
    def of(cls, error: CodedError) -> "Refusal":
        made = cls(error)
        made.code = error.code
        return made


def misuse(
    folder: Path, source: pd.DataFrame | str, data: Mapping[str, object] | None = None, **features: object
) -> Refusal:
    """What the stage says where pipeline.toml has to change: exit 2."""
    with pytest.raises(UsageError) as raised:
        run(folder, source, data, **features)
    return Refusal.of(raised.value)


def finding(
    folder: Path, source: pd.DataFrame | str, data: Mapping[str, object] | None = None, **features: object
) -> Refusal:
    """What the stage says where the table is at fault: exit 3."""
    with pytest.raises(FindingError) as raised:
        run(folder, source, data, **features)
    return Refusal.of(raised.value)


def _toml(key: str, value: object) -> str:
    if isinstance(value, str):
        return value if key in TOML_DATES else f"'{value}'"
    if isinstance(value, list):
        return f"[{', '.join(_toml('', one) for one in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"'{name}' = {_toml('', one)}" for name, one in value.items()) + "}"
    return str(value)
