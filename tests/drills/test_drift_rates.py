"""The rates of drift: counts that add up, windows, and planted faults."""

import numpy as np
import pandas as pd

from drills.rates.drift import FAULTS, THINNED, WEATHER, _stale, _windows, merged, share_of


def test_runs_with_other_seeds_add_up() -> None:
    one = {"clean": share_of(3, 100), "columns": {"temp": share_of(1, 10)}}
    other = {"clean": share_of(7, 100), "columns": {"temp": share_of(9, 10)}}
    assert merged(one, other) == {"clean": share_of(10, 200), "columns": {"temp": share_of(10, 20)}}


def flights(days: int) -> pd.DataFrame:
    """One flight each noon from each of two airports; each has its own weather every day."""
    moments = pd.date_range("2013-09-01 12:00", periods=days, freq="D")
    table = pd.DataFrame({"scheduled_at": np.repeat(moments, 2), "origin": ["EWR", "JFK"] * days})
    told = np.repeat(np.arange(days), 2) + np.tile([0, 0.5], days)
    own = {"carrier": "UA", "distance": 1000.0 + told, "seats": 100.0 + told, "minute_of_day": 720.0 + told}
    return table.assign(**own, **dict.fromkeys(WEATHER, told.astype(float)))


def test_stale_weather_is_that_of_the_day_before_at_the_same_airport() -> None:
    table = flights(4)
    old = _stale(table)
    assert list(old["temp"][2:]) == list(table["temp"][:-2])
    assert old["temp"][:2].isna().all()
    assert list(old["origin"]) == list(table["origin"])


def test_windows_are_whole_and_in_order() -> None:
    assert [first for first, _ in _windows(flights(20), 7)] == ["2013-09-01", "2013-09-08"]


def test_every_fault_but_clean_changes_the_table_and_keeps_its_columns() -> None:
    table = pd.concat([flights(3), flights(3).assign(carrier="MQ")], ignore_index=True)
    for name, fault in FAULTS.items():
        changed = fault(table)
        assert list(changed.columns) == list(table.columns)
        assert changed.equals(table) == (name == "clean"), name


def test_the_thinned_weeks_have_faults_that_the_whole_ones_have() -> None:
    assert set(THINNED) < set(FAULTS)
