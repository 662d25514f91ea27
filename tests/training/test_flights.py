"""The default table: real flights, with what was known before departure, in a fixed order."""

import numpy as np
import pandas as pd
import pytest

from training import flights
from training.dataset.digests import frame_digest

KNOWN_ONLY_AFTERWARDS = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return flights.load()


def test_the_table_has_every_flight_that_arrived(table: pd.DataFrame) -> None:
    assert len(table) == 327_346
    assert table["late"].mean() == pytest.approx(0.161, abs=0.0005)


def test_no_column_is_known_only_after_departure(table: pd.DataFrame) -> None:
    assert not KNOWN_ONLY_AFTERWARDS & set(table.columns)
    assert list(table.columns) == [*flights.FEATURES, "late", "scheduled_at"]


def test_rows_are_in_one_order_which_is_that_of_time(table: pd.DataFrame) -> None:
    assert table["scheduled_at"].is_monotonic_increasing
    assert frame_digest(table) == frame_digest(flights.load())


def test_sched_dep_time_is_read_as_hours_and_minutes_not_as_a_number(table: pd.DataFrame) -> None:
    at = table["scheduled_at"].dt
    assert (table["minute_of_day"] == at.hour * 60 + at.minute).all()
    assert table["minute_of_day"].between(0, 24 * 60 - 1).all()
    assert (table["month"] == at.month).all()
    assert (table["weekday"] == at.day_name().str[:3]).all()


def test_weather_is_that_of_the_scheduled_hour_in_utc(table: pd.DataFrame) -> None:
    weather = pd.read_csv(flights.package_file("weather.csv"))
    morning = table[(table["origin"] == "JFK") & (table["scheduled_at"] == "2013-07-01 08:00")]
    expected = weather[(weather["origin"] == "JFK") & (weather["time_hour"] == "2013-07-01T12:00:00Z")]
    assert len(morning) > 1
    assert set(morning["temp"]) == set(expected["temp"])


def test_joins_lose_and_repeat_no_flight(table: pd.DataFrame) -> None:
    raw = pd.read_csv(flights.package_file("flights.csv.zip"), usecols=["arr_delay", "distance"])
    arrived = raw[raw["arr_delay"].notna()]
    assert len(arrived) == len(table)
    assert arrived["distance"].sum() == table["distance"].sum()
    assert table["temp"].isna().mean() < 0.01
    assert np.isfinite(table["seats"]).mean() > 0.8
