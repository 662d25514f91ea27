"""The rates of drift on made tables: what is drawn, what is moved, and how it is told."""

import numpy as np
import pytest

from drills.rates.drift_tables import KINDS, Sides, made, table_text, window_of
from reports.drift.effective_rows import distinct_window


def sides(kind: str, rows: int = 400) -> Sides:
    return made(kind, rows, 6, np.random.default_rng(1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_is_fifteen_percent_of_the_table_and_its_rows_count(kind: str) -> None:
    one = sides(kind)
    assert (len(one.reference), len(one.window.rows)) == (240, 60)
    assert len(distinct_window(one.window, one.reference).rows) == 60


def test_equal_rows_are_there_twice_and_one_percent_is_positive() -> None:
    assert sides("equal rows").reference.drop(columns=["prediction", "target"]).duplicated().sum() > 10
    assert 0 < (sides("1 % positives", 4000).reference["target"] == "yes").mean() < 0.03


def test_one_column_that_moved_far_is_called() -> None:
    one = sides("plain", 2000)
    rows = one.window.rows
    far = rows.assign(c5=rows["c5"] + 3)
    assert Sides(one.card, one.reference, window_of(far, one.window.answers.actual)).is_called


def test_the_tables_say_how_many_of_how_many() -> None:
    cell = {"trials": 20, "called": 1, "moved": 10, "found": 9, **{f"{kind}: trials": 4 for kind in KINDS}}
    text = table_text({"grid": {"500 × 5": cell}})
    assert "| 500 × 5 | 75 | 5.0 % [" in text
    assert "| heavy ties | 0.0 % [" in text
