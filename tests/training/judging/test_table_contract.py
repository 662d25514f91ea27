"""Breaches of the table's contract and their names, and changes that a season may bring."""

import numpy as np
import pandas as pd
import pytest

from contracts.features import MISSING, Feature
from training.judging.checks.table_contract import breaches, is_monotone, jumps

FEATURES = (
    Feature(name="temp", kind="numeric", minimum=10.0, maximum=100.0, missing_share=0.05),
    Feature(name="is_new", kind="boolean"),
    Feature(name="carrier", kind="categorical", categories=("AA", "DL", "UA")),
)


def never(_name: str) -> bool:
    return False


@pytest.fixture
def table() -> pd.DataFrame:
    random = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "temp": random.normal(60, 10, 1000).clip(10, 100).astype(np.float32),
            "is_new": random.integers(0, 2, 1000).astype(np.float32),
            "carrier": random.choice(np.array(["AA", "DL", "UA"]), 1000),
        }
    )


def share(table: pd.DataFrame, column: str, rows: int, value: object) -> pd.DataFrame:
    """The first `rows` rows of a column made `value`."""
    values = table[column].astype(object)
    values.iloc[:rows] = value
    return table.assign(**{column: values if isinstance(value, str) else values.astype(np.float32)})


def test_rows_as_in_training_break_nothing(table: pd.DataFrame) -> None:
    assert breaches(FEATURES, table) == ()
    assert jumps(FEATURES, table.iloc[500:], table.iloc[:500], never) == ()


def test_no_rows_break_nothing_here() -> None:
    assert breaches(FEATURES, pd.DataFrame({"temp": [], "is_new": [], "carrier": []})) == ()


@pytest.mark.parametrize("column", ["temp", "is_new", "carrier"])
def test_a_column_that_is_gone_is_named(table: pd.DataFrame, column: str) -> None:
    (found,) = breaches(FEATURES, table.drop(columns=column))
    assert found.startswith(f"{column} is gone")


def test_a_renamed_column_is_a_column_that_is_gone(table: pd.DataFrame) -> None:
    assert breaches(FEATURES, table.rename(columns={"temp": "temperature"}))[0].startswith("temp is gone")


def test_text_in_the_place_of_numbers_is_named_and_the_reverse(table: pd.DataFrame) -> None:
    retyped = table.assign(temp=table["temp"].astype(str), carrier=np.float32(1))
    temp, carrier = breaches(FEATURES, retyped)
    assert temp.startswith("temp holds text")
    assert carrier.startswith("carrier holds numbers")


def test_a_boolean_that_is_neither_is_named(table: pd.DataFrame) -> None:
    assert breaches(FEATURES, share(table, "is_new", 1, 2.0))[0].startswith("is_new ")


def test_thirty_per_cent_missing_is_named_and_ten_more_than_usual_is_not(table: pd.DataFrame) -> None:
    (found,) = breaches(FEATURES, share(table, "temp", 300, np.nan))
    assert found.startswith("temp is missing")
    assert "30.0 %" in found
    assert "5.0 %" in found
    assert breaches(FEATURES, share(table, "temp", 140, np.nan)) == ()
    assert breaches(FEATURES, share(table, "is_new", 150, np.nan)) != ()


def test_a_small_holdout_may_miss_more_by_chance(table: pd.DataFrame) -> None:
    few = table.iloc[:40]
    assert breaches(FEATURES, share(few, "temp", 8, np.nan)) == ()
    assert breaches(FEATURES, share(few, "carrier", 7, "B6")) == ()
    assert breaches(FEATURES, share(few, "temp", 4, -9999.0)) == ()
    assert len(breaches(FEATURES, share(share(few, "temp", 20, np.nan), "carrier", 20, "B6"))) == 2


def test_missing_text_counts_as_missing_and_not_as_unknown(table: pd.DataFrame) -> None:
    (found,) = breaches(FEATURES, share(table, "carrier", 200, MISSING))
    assert found.startswith("carrier is missing")
    assert "20.0 %" in found


def test_categories_that_training_never_saw_are_named(table: pd.DataFrame) -> None:
    assert breaches(FEATURES, share(table, "carrier", 90, "B6")) == ()
    (found,) = breaches(FEATURES, share(table, "carrier", 200, "B6"))
    assert found.startswith("carrier ")
    assert "20.0 %" in found
    assert found.endswith("B6")


def test_values_far_beyond_the_range_of_training_are_named(table: pd.DataFrame) -> None:
    assert breaches(FEATURES, share(table, "temp", 100, -9999.0))[0].startswith("temp runs from")
    assert breaches(FEATURES, share(table, "temp", 40, -9999.0)) == ()
    assert breaches(FEATURES, share(table, "temp", 60, 120.0)) == ()


def test_units_that_changed_are_seen_in_rows_that_stay_within_the_range(table: pd.DataFrame) -> None:
    celsius = table.assign(temp=((table["temp"] - 32) * 5 / 9).astype(np.float32))
    assert breaches(FEATURES, celsius) == ()
    found = jumps(FEATURES, celsius, table, never)
    assert len(found) == 1
    assert found[0].startswith("temp is outside ")
    assert found[0].endswith("units changed?")


def test_a_season_is_no_change_of_units(table: pd.DataFrame) -> None:
    spring = table.assign(temp=table["temp"] + 15)
    assert jumps(FEATURES, spring, table, never) == ()


def test_a_feature_that_runs_with_time_may_leave_its_range(table: pd.DataFrame) -> None:
    later = table.assign(temp=table["temp"] + 80)
    assert jumps(FEATURES, later, table, lambda name: name == "temp") == ()
    assert jumps(FEATURES, later, table, never) != ()


def test_jumps_ask_nothing_of_columns_that_are_not_there_or_not_numbers(table: pd.DataFrame) -> None:
    assert jumps(FEATURES, table.drop(columns="temp"), table, never) == ()
    assert jumps(FEATURES, table.assign(temp="warm"), table, never) == ()
    assert jumps(FEATURES, table.iloc[:0], table, never) == ()


def test_monotone_values_never_turn_back() -> None:
    assert is_monotone(np.array([1.0, 1.0, np.nan, 2.0, 5.0]))
    assert is_monotone(np.array([3.0, 2.0, 2.0]))
    assert not is_monotone(np.array([1.0, 2.0, 1.0]))
    assert not is_monotone(np.array([np.nan]))
