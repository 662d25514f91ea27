"""Dates as features: the parts that features.dates names, as numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from contracts.data_manifest import REQUESTS_FILE
from contracts.dates.inputs import DateReader, inputs_of
from contracts.features import as_json
from tests.training.toy_tables import BY_TIME, machines, misuse, run, table_of
from training.flights import package_file

AT = pd.Timestamp("2026-01-01 05:30")


def test_parts_of_a_date_are_numeric_features_under_its_name(tmp_path: Path) -> None:
    manifest = run(tmp_path, machines(), dates={"at": ["month", "weekday", "hour"]})
    kinds = {one.name: one.kind for one in manifest.features}
    assert [kinds[f"at_{part}"] for part in ("month", "weekday", "hour")] == ["numeric"] * 3
    assert "features.dates.at" in {one.column: one.reason for one in manifest.left_out}["at"]


def test_each_part_is_what_the_calendar_says(tmp_path: Path) -> None:
    parts = ["year", "quarter", "month", "week", "day", "day_of_year", "weekday", "hour"]
    run(tmp_path, machines(), BY_TIME, dates={"at": parts})
    table = table_of(tmp_path, "train")
    dates = table["at"].dt
    assert (table["at_weekday"] == dates.weekday).all()
    assert (table["at_hour"] == dates.hour).all()
    assert (table["at_week"] == dates.isocalendar().week).all()
    assert (table["at_day_of_year"] == dates.dayofyear).all()
    assert "at_year" not in table


def test_dates_in_text_and_dates_with_gaps_and_zones_are_read(tmp_path: Path) -> None:
    texts = [None if number % 10 == 0 else f"2026-0{number % 9 + 1}-01T23:30:00-02:00" for number in range(400)]
    run(tmp_path, machines(due=texts), dates={"due": ["month", "day"]})
    table = table_of(tmp_path, "train")
    assert 0.05 < table["due_month"].isna().mean() < 0.15
    assert "due_day" not in table or set(table["due_day"].dropna()) == {2.0}


def test_a_listed_column_brings_its_parts(tmp_path: Path) -> None:
    manifest = run(tmp_path, machines(), include=["heat"], dates={"at": ["weekday"]})
    assert [one.name for one in manifest.features] == ["heat", "at_weekday"]


def test_a_part_can_be_excluded_beside_listed_columns(tmp_path: Path) -> None:
    manifest = run(tmp_path, machines(), include=["heat"], exclude=["at_hour"], dates={"at": ["weekday", "hour"]})
    assert [one.name for one in manifest.features] == ["heat", "at_weekday"]


@pytest.mark.parametrize(
    ("column", "values", "code"),
    [
        ("at", ["2026-01-01"] * 399 + ["soon"], "no-dates"),
        ("at", np.arange(400), "no-dates"),
        ("at_month", np.arange(400), "column-twice"),
    ],
)
def test_values_that_are_no_dates_and_names_that_exist_are_refused(
    tmp_path: Path, column: str, values: Any, code: str
) -> None:
    assert misuse(tmp_path, machines(**{column: values}), dates={"at": ["month"]}).code == code


def test_an_unknown_column_and_an_unknown_part_are_refused(tmp_path: Path) -> None:
    assert misuse(tmp_path, machines(), dates={"att": ["month"]}).code == "unknown-column"
    assert misuse(tmp_path, machines(), dates={"at": ["moon"]}).code == "wrong-value"


def test_the_date_is_described_for_clients_with_its_format_and_parts(tmp_path: Path) -> None:
    texts = [None if number % 10 == 0 else f"{number % 28 + 1:02}/03/2026 {number % 24:02}:00" for number in range(400)]
    table = machines(at=[text or "01/04/2026 00:00" for text in texts], due=pd.to_datetime(machines()["at"]).dt.date)
    dates = {"at": ["hour", "day"], "due": ["month", "year"]}
    in_time = BY_TIME | {"time_format": "%d/%m/%Y %H:%M", "as_of": "2026-03-20", "holdout_days": 6, "replay_days": 8}
    manifest = run(tmp_path, table, in_time, dates=dates)
    at, due = manifest.dates
    assert (at.format, at.parts, at.missing_share) == ("%d/%m/%Y %H:%M", {"at_hour": "hour", "at_day": "day"}, 0)
    assert (due.format, due.parts) == ("", {"due_month": "month"})
    assert due.example in set(table["due"].map(str))
    assert [one.name for one in inputs_of(manifest.features, manifest.dates)][-2:] == ["at", "due"]


# How a source may write the same 400 times, the keys of [data], and whether its own values are what a client sends.
WRITTEN: dict[str, tuple[Callable[[pd.Series], Any], dict[str, object]]] = {
    "text": (lambda at: at.dt.strftime("%Y-%m-%d %H:%M:%S"), {}),
    "text with offsets": (lambda at: at.dt.strftime("%Y-%m-%dT%H:%M").add("+02:00"), {}),
    "text of days": (lambda at: at.dt.strftime("%Y-%m-%d"), {}),
    "a strptime format": (lambda at: at.dt.strftime("%d.%m.%Y %H:%M"), {"time_format": "%d.%m.%Y %H:%M"}),
    "a format with offsets": (
        lambda at: at.dt.strftime("%d.%m.%Y %H:%M") + " -0330",
        {"time_format": "%d.%m.%Y %H:%M %z"},
    ),
    "seconds": (lambda at: at.astype("int64") // 10**9, {"time_format": "epoch_s"}),
    "milliseconds in text": (lambda at: (at.astype("int64") // 10**6).astype(str), {"time_format": "epoch_ms"}),
    "seconds with fractions": (lambda at: at.astype("int64") / 10**9 + 0.5, {"time_format": "epoch_s"}),
    "timestamps": (lambda at: at, {}),
    "timestamps with a zone": (lambda at: at.dt.tz_localize("America/St_Johns"), {}),
    "typed days": (lambda at: at.dt.date, {}),
    "categories": (lambda at: at.dt.strftime("%Y-%m-%d %H:%M").astype("category"), {}),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_what_clients_send_gives_the_parts_that_training_has(tmp_path: Path, written: str) -> None:
    write, data = WRITTEN[written]
    at = machines()["at"].astype("datetime64[ns]")
    parts = ["month", "week", "day", "weekday", "hour", "minute"]
    manifest = run(tmp_path, machines(at=write(at)), BY_TIME | data, dates={"at": parts})
    sent = pq.read_table(tmp_path / "build" / "data" / REQUESTS_FILE)
    replay, (date,) = table_of(tmp_path, "replay"), manifest.dates
    assert sent.num_rows == len(replay) > 50
    read = DateReader(manifest.dates)
    for row, (_, required) in zip(sent.select(["at"]).to_pylist(), replay.iterrows(), strict=True):
        made = read({"at": as_json(row["at"], date.kind)})
        assert {name: float(value) for name, value in made.items()} == {name: required[name] for name in date.parts}
        if "at_hour" in date.parts:
            assert made["at_hour"] == required["at"].hour
        assert made.get("at_day", required["at"].day) == required["at"].day


def test_a_public_files_own_dates_are_sent_and_give_the_parts_that_training_has(tmp_path: Path) -> None:
    flights = pd.read_csv(package_file("flights.csv.zip"), usecols=["time_hour", "carrier", "distance", "arr_delay"])
    flights = flights[flights["arr_delay"].notna()].iloc[::200]
    flights.to_csv(tmp_path / "flights.csv", index=False)
    data: dict[str, object] = {"target": "arr_delay", "task": "regression", "time": "time_hour", "as_of": "2013-10-01"}
    manifest = run(tmp_path, str(tmp_path / "flights.csv"), data, dates={"time_hour": ["hour", "weekday", "week"]})
    sent = pq.read_table(tmp_path / "build" / "data" / REQUESTS_FILE)["time_hour"].to_pylist()
    assert set(sent) <= set(flights["time_hour"])
    assert all(one.endswith("Z") for one in sent)
    replay, read = table_of(tmp_path, "replay"), DateReader(manifest.dates)
    made = pd.DataFrame([read({"time_hour": one}) for one in sent])
    np.testing.assert_array_equal(made.to_numpy(), replay[list(made)].to_numpy())
    utc = pd.to_datetime(pd.Series(sent)).dt
    np.testing.assert_array_equal(made["time_hour_hour"], utc.hour)
    np.testing.assert_array_equal(made["time_hour_weekday"], utc.weekday)


def test_texts_are_sent_unchanged_and_missing_ones_as_null(tmp_path: Path) -> None:
    texts = [None if number % 10 == 0 else f" 2026-0{number % 9 + 1}-01T23:30:00-02:00" for number in range(400)]
    manifest = run(tmp_path, machines(due=texts), dates={"due": ["month"]})
    sent = pq.read_table(tmp_path / "build" / "data" / REQUESTS_FILE)["due"].to_pylist()
    assert set(sent) <= set(texts)
    assert 0 < sent.count(None) < len(sent)
    assert manifest.dates[0].may_be_missing
    assert manifest.dates[0].example in texts


def test_a_client_of_before_finds_the_parts_beside_the_date(tmp_path: Path) -> None:
    run(tmp_path, machines(), dates={"at": ["month", "hour"]})
    names = pq.read_table(tmp_path / "build" / "data" / REQUESTS_FILE).column_names
    assert {"at", "at_month", "at_hour"} <= set(names)


def test_a_date_without_parts_among_the_features_is_not_sent(tmp_path: Path) -> None:
    manifest = run(tmp_path, machines(), dates={"at": ["year"]})
    assert manifest.dates == ()
    assert "dates" not in manifest.model_dump(mode="json")
    assert "at" not in pq.read_table(tmp_path / "build" / "data" / REQUESTS_FILE).column_names


@pytest.mark.parametrize("features", [{"include": ["heat", "at"]}, {"kinds": {"at": "numeric"}}])
def test_a_date_of_which_parts_are_made_is_no_feature_itself(tmp_path: Path, features: dict[str, Any]) -> None:
    assert misuse(tmp_path, machines(), dates={"at": ["month"]}, **features).code == "listed-unfit"


def test_texts_of_months_are_dates_and_no_categories_where_parts_are_made_of_them(tmp_path: Path) -> None:
    manifest = run(tmp_path, machines(due=machines()["at"].dt.strftime("%Y-%m")), dates={"due": ["month"]})
    assert [one.name for one in manifest.features if one.name.startswith("due")] == ["due_month"]


def test_names_of_time_zones_are_refused(tmp_path: Path) -> None:
    data = BY_TIME | {"time_format": "%Y-%m-%d %H:%M %Z"}
    table = machines(at=machines()["at"].dt.strftime("%Y-%m-%d %H:%M UTC"))
    assert misuse(tmp_path, table, data, dates={"at": ["month"]}).code == "zone-names"
