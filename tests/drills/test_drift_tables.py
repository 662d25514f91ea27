"""The rates of drift on made tables: drawn tables, moved columns, and the text."""

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


def test_one_column_that_moved_far_raises_an_alarm() -> None:
    one = sides("plain", 2000)
    rows = one.window.rows
    far = rows.assign(c5=rows["c5"] + 3)
    assert Sides(one.card, one.reference, window_of(far, one.window.answers.actual)).has_alarm


def test_the_tables_say_how_many_of_how_many() -> None:
    cell = {"trials": 20, "called": 1, "moved": 10, "found": 9, **{f"{kind}: trials": 4 for kind in KINDS}}
    text = table_text({"grid": {"500 × 5": cell}})
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert any(row[:2] == ["500 × 5", "75"] and row[2].startswith("5.0 %") for row in rows if len(row) > 2)
    assert any(row[0] == "heavy ties" and row[1].startswith("0.0 %") for row in rows if len(row) > 1)
