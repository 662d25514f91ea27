"""What docs/own-table.md shows of functions and keys is what is taken: its blocks are run as they stand."""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from contracts.features import Feature
from contracts.pipeline_toml.keys import Config, Features, Training
from training.dataset.sources import read_source
from training.fitting.candidates import find_candidates
from training.keyed.past import with_past

PAGE = Path("docs/own-table.md").read_text(encoding="utf-8")
FEATURES = [Feature(name="amount", kind="numeric"), Feature(name="weekday", kind="categorical", categories=("Friday",))]


def blocks(language: str, part: str) -> list[str]:
    """The page's blocks of this language that hold `part`."""
    return [one for one in re.findall(rf"```{language}\n(.+?)```", PAGE, re.S) if part in one]


def table() -> pd.DataFrame:
    at = pd.date_range("2026-01-01", periods=60, freq="D")
    return pd.DataFrame({"at": at, "amount": range(60), "demand": range(60), "shop": "a"})


@pytest.fixture
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks("python", "def load")
    (tmp_path / "own.py").write_text(code, encoding="utf-8")
    table().to_parquet(tmp_path / "orders.parquet")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own", raising=False)


@pytest.mark.usefixtures("_own")
def test_the_pages_functions_are_taken_with_the_pages_space() -> None:
    (keys,) = blocks("toml", "spaces")
    training = Training.model_validate(tomllib.loads(keys)["training"])
    found = find_candidates(training.candidates, FEATURES, "binary", 7, training.trials, training.spaces)
    assert [len(one.settings) for one in found] == [4, 6]
    assert found[1].settings[0] == {"learning_rate": 0.1, "max_leaf_nodes": 31}
    assert read_source("own:load", "").table["weekday"].iloc[0] == "Thursday"


def test_the_pages_weights_are_keys() -> None:
    (keys,) = blocks("toml", "class_weight")
    asked = tomllib.loads(keys)["training"] | {"candidates": ["logistic"], "metric": "roc_auc"}
    assert Training.model_validate(asked).weights == "households"


def test_the_pages_columns_of_the_past_are_made() -> None:
    (keys,) = blocks("toml", "features.past")
    past = Features.model_validate(tomllib.loads(keys)["features"]).past
    keys_of: dict[str, Any] = {
        "project": {"name": "toy"},
        "data": {"source": "t", "target": "amount", "task": "regression", "time": "at", "as_of": "2026-02-15"},
        "features": {"past": {name: one.model_dump() for name, one in (past or {}).items()}},
        "training": {"candidates": ["ridge"], "metric": "rmse"},
        "gate": {"metric": "rmse", "margin": 0.01},
    }
    made = with_past(table(), Config.model_validate(keys_of, strict=False))
    assert made["demand_yesterday"].tolist()[1:] == list(range(59))
    assert made["demand_lately"].iloc[20] == pytest.approx(sum(range(12, 19)) / 7)
