"""Distances of past windows of each length from the reference, for the model card."""

import numpy as np
import pandas as pd
import pytest

from contracts.data_manifest import DataManifest
from contracts.features import Feature
from contracts.model_folder import ColumnHistory
from contracts.pipeline_toml.keys import Drift
from scoring.distances import counted
from training.fitting import window_distances as history
from training.fitting.window_distances import history_of
from training.tables import Table

FEATURES = (Feature(name="temp", kind="numeric"), Feature(name="carrier", kind="categorical", categories=("AA", "DL")))


def table(days: int, time: str = "at") -> Table:
    """Fifty rows a day; temperature rises over the days."""
    random = np.random.default_rng(1)
    count = 50 * days
    moments = pd.Timestamp("2013-01-01") + pd.to_timedelta(np.repeat(np.arange(days), 50), unit="D")
    frame = pd.DataFrame(
        {
            "temp": (np.repeat(np.arange(days), 50) / 4 + random.normal(size=count)).astype(np.float32),
            "carrier": random.choice(["AA", "DL"], count),
            "late": random.choice(["false", "true"], count),
            "at": moments.to_numpy(dtype="datetime64[us]"),
        }
    )
    manifest = DataManifest(
        source="x", source_sha256="0", task="binary", target="late", classes=("false", "true"), positive="true",
        time=time, features=FEATURES, tables={}, digest="d",
    )  # fmt: skip
    return Table("train", frame, manifest)


def found(made: Table) -> dict[str, ColumnHistory]:
    predicted = np.random.default_rng(2).dirichlet((2, 1), len(made.frame)).astype(np.float32)
    reference = made.frame.iloc[::7].assign(prediction=predicted[::7, 1])
    return {one.column: one for one in history_of(Drift(), FEATURES, made, made, predicted, reference)}


def test_the_largest_distance_of_each_length_is_kept() -> None:
    made = table(30)
    seen = found(made)["temp"].largest
    reference = made.frame["temp"].to_numpy()[::7]
    windows = [made.frame["temp"].to_numpy()[begin : begin + 350] for begin in range(100, 1500, 350)]
    assert set(seen) == {1, 7}
    expected = max(counted("wasserstein", reference, window).distance() for window in windows)
    assert seen[7] == pytest.approx(expected, rel=1e-6)
    assert seen[1] > seen[7]


def test_features_repeated_and_missing_values_the_target_and_predictions_have_one() -> None:
    names = {"temp", "carrier", "temp at one value", "temp is missing", "late", "prediction"}
    assert set(found(table(30))) == names


def test_a_length_of_which_there_are_few_windows_says_nothing() -> None:
    assert set(found(table(27))["temp"].largest) == {1}
    assert found(table(3)) == {}


def test_a_table_without_time_has_no_history() -> None:
    assert found(table(30, time="")) == {}


def test_distinct_numbers_are_put_together_without_moving_the_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = found(table(60))["temp"].largest
    monkeypatch.setattr(history, "MOST_CELLS", 500)
    coarse = found(table(60))["temp"].largest
    assert coarse != exact
    assert coarse == pytest.approx(exact, rel=5e-3)


def test_the_same_rows_give_the_same_history() -> None:
    assert found(table(30)) == found(table(30))
