"""Columns of earlier rows, as pandas makes them, from rows that are known strictly before."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.exits import FindingError
from contracts.pipeline_toml.keys import Config
from tests.refusals import refuses
from tests.training.toy_tables import BY_TIME, machines, misuse, run, table_of
from training.keyed.past import with_past

HEAT = {"column": "heat", "by": "machine"}
LAST, MEAN = {"heat_before": HEAT | {"lag": 1}}, {"heat_mean": HEAT | {"mean_of": 3}}


def config(past: dict[str, Any]) -> Config:
    keys: dict[str, Any] = {
        "project": {"name": "toy"},
        "data": {"source": "t", "target": "failed", "task": "binary", "time": "at", "as_of": "2026-03-12"},
        "features": {"past": past},
        "training": {"candidates": ["logistic"], "metric": "roc_auc"},
        "gate": {"metric": "roc_auc", "margin": 0.01},
    }
    return Config.model_validate(keys, strict=False)


def made(table: pd.DataFrame, **past: Any) -> "pd.Series[Any]":
    return with_past(table, config({"new": past}))["new"]


def test_a_lag_and_a_mean_are_those_of_pandas_where_no_two_times_are_equal() -> None:
    table = machines().sample(frac=1, random_state=3).reset_index(drop=True)
    table["at"] = table["at"].drop_duplicates().reindex(table.index).fillna(table["at"]) + pd.to_timedelta(
        np.arange(len(table)), unit="s"
    )
    by_time = table.sort_values("at").groupby("machine")["heat"]
    pd.testing.assert_series_equal(
        made(table, **HEAT, lag=2), by_time.shift(2).sort_index(), check_names=False, check_index=False
    )
    means = by_time.transform(lambda one: one.rolling(3, min_periods=1).mean().shift(1)).sort_index()
    pd.testing.assert_series_equal(made(table, **HEAT, mean_of=3), means, check_names=False, check_index=False)


def test_rows_of_one_moment_do_not_see_each_other() -> None:
    at = pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-02", "2026-01-03"])
    table = pd.DataFrame({"at": at, "heat": [1.0, 2.0, 3.0, 4.0], "machine": "m"})
    assert made(table, **HEAT, lag=1).tolist() == pytest.approx([np.nan, 1.0, 1.0, 3.0], nan_ok=True)
    assert made(table, **HEAT, mean_of=9).tolist() == pytest.approx([np.nan, 1.0, 1.0, 2.0], nan_ok=True)


def test_a_value_counts_from_when_it_is_known() -> None:
    at = pd.date_range("2026-01-01", periods=4, freq="h")
    table = pd.DataFrame({"at": at, "heat": [1.0, 2.0, 3.0, 4.0], "machine": "m"})
    said = made(table, **HEAT, lag=1, known_after_hours=1.5)
    assert said.tolist() == pytest.approx([np.nan, np.nan, 1.0, 2.0], nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), moments=st.integers(1, 30),
    past=st.sampled_from([HEAT | {"lag": 1}, HEAT | {"lag": 3}, {"column": "heat", "mean_of": 4},
                          HEAT | {"mean_of": 2, "known_after_hours": 30.0}]),
)  # fmt: skip
def test_no_column_sees_its_own_moment_or_a_later_one(seed: int, moments: int, past: dict[str, Any]) -> None:
    random = np.random.default_rng(seed)
    rows = 40
    at = pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, moments, rows), unit="D")
    heat = np.where(random.random(rows) < 0.2, np.nan, random.normal(size=rows))
    table = pd.DataFrame({"at": at, "heat": heat, "machine": random.choice(["a", "b"], rows)})
    moment = table["at"].iloc[random.integers(0, rows)]
    is_later = table["at"] >= moment
    otherwise = table.assign(heat=table["heat"].where(~is_later, random.normal(size=rows) * 100))
    seen = table["at"] <= moment
    before, after = made(table, **past)[seen], made(otherwise, **past)[seen]
    pd.testing.assert_series_equal(before, after, check_exact=True)
    without = made(table[~is_later | (table["at"] == moment)].reset_index(drop=True), **past)
    np.testing.assert_array_equal(without, made(table, **past)[seen])


def test_the_planted_lag_that_sees_the_future_is_seen_by_the_same_rule() -> None:
    table = machines()
    leaking = table.sort_values("at").groupby("machine")["heat"].shift(-1).sort_index()
    last = table["at"] == table["at"].max()
    changed = table.assign(heat=table["heat"].where(~last, 999.0))
    assert not leaking.equals(changed.sort_values("at").groupby("machine")["heat"].shift(-1).sort_index())
    assert made(table, **HEAT, lag=1)[~last].equals(made(changed, **HEAT, lag=1)[~last])


def test_the_columns_are_features_and_the_holdout_goes_on_where_train_ends(tmp_path: Path) -> None:
    table = machines()
    manifest = run(tmp_path, table, BY_TIME, past=LAST | MEAN, exclude=["heat"])
    assert {"heat_before", "heat_mean"} <= {one.name for one in manifest.features}
    assert "heat" not in {one.name for one in manifest.features}
    expected = with_past(table, config(LAST))
    for name in ("train", "holdout", "replay"):
        written = table_of(tmp_path, name).set_index("at")["heat_before"]
        wanted = expected.set_index("at")["heat_before"].loc[written.index].astype(np.float32)
        pd.testing.assert_series_equal(written, wanted, check_names=False)
    assert table_of(tmp_path, "holdout")["heat_before"].head(5).notna().any()


def test_equal_rows_are_found_though_their_pasts_differ(tmp_path: Path) -> None:
    twice = pd.concat([machines(), machines()], ignore_index=True)
    with refuses(FindingError, "repeated-rows"):
        run(tmp_path, twice, BY_TIME, past={"before": {"column": "heat", "lag": 1}})


def test_a_table_without_the_keys_stays_as_it_is(tmp_path: Path) -> None:
    manifest = run(tmp_path, machines(), BY_TIME)
    assert [one.name for one in manifest.features] == ["heat", "plant", "is_new", "machine"]


@pytest.mark.parametrize(
    ("past", "said"),
    [
        (
            {"column": "heta", "lag": 1},
            "features.past.new.column = 'heta' is no column of the table. Did you mean heat?",
        ),
        ({"column": "heat", "lag": 1, "by": "site"}, "features.past.new.by = 'site' is no column"),
        ({"column": "plant", "lag": 1}, "features.past.new.column = 'plant' holds values such as"),
        ({"column": "heat"}, "one of lag and mean_of is required"),
        ({"column": "heat", "lag": 1, "mean_of": 2}, "one of lag and mean_of is required"),
        ({"column": "heat", "lag": 0}, "features.past.new.lag is 0; required"),
    ],
)
def test_a_past_column_that_cannot_be_made_is_refused_by_its_key(
    tmp_path: Path, past: dict[str, object], said: str
) -> None:
    assert said in misuse(tmp_path, machines(), BY_TIME, past={"new": past})


def test_a_name_that_the_table_has_is_refused(tmp_path: Path) -> None:
    said = misuse(tmp_path, machines(), BY_TIME, past={"plant": {"column": "heat", "lag": 1}})
    assert (said.code, "'plant'" in said) == ("key-twice", True)


def test_without_time_nothing_is_earlier(tmp_path: Path) -> None:
    said = misuse(tmp_path, machines(), past={"new": {"column": "heat", "lag": 1}})
    assert said.code == "contradiction"
    assert "features.past is set" in said
    assert "data.time" in said
