"""What docs/own-table.md shows of functions and keys is what is taken: its blocks are run as they stand."""

import re
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from contracts.features import Feature
from contracts.pipeline_toml.keys import Training
from training.dataset.sources import read_source
from training.fitting.candidates import find_candidates

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
