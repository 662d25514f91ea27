"""Dates as features: the parts that features.dates names, as numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.training.toy_tables import BY_TIME, machines, misuse, run, table_of

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
