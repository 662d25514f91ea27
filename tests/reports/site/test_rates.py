"""The rates as pictures: every measured table is drawn that has shares, true to its cells."""

from pathlib import Path

import pytest

from contracts.decision import Interval
from reports.site.history.drill_tables import RateTable, read_drill_tables
from reports.site.rates import rate_pictures, share_of

RATES = Path(__file__).parents[3] / "drills" / "rates"


@pytest.mark.parametrize(("cell", "of", "share"), [
    ("4.6% [2.5%, 8.3%]", None, Interval(value=0.046, low=0.025, high=0.083)),
    ("0.0%", None, Interval(value=0, low=0, high=0)),
    ("1 of 17", None, Interval(value=1 / 17, low=1 / 17, high=1 / 17)),
    (201, 400.0, Interval(value=0.5025, low=0.5025, high=0.5025)),
    (201, None, None),
    (0.5, 400.0, None),
    ("inconclusive", 400.0, None),
    ("0 of 0", None, None),
])  # fmt: skip
def test_a_cell_is_a_share_only_where_it_says_so(cell: object, of: float | None, share: Interval | None) -> None:
    seen = share_of(cell, of)
    assert (seen is None) == (share is None)
    if seen and share:
        assert (seen.value, seen.low, seen.high) == pytest.approx((share.value, share.low, share.high))


def test_every_measured_rate_has_a_sentence_and_most_a_picture() -> None:
    shown = rate_pictures(read_drill_tables(Path("nowhere"), RATES).rates)
    assert [one.table.title for one in shown if not one.sentence] == []
    # These windows are listed one by one; their shares are in the tables beside.
    assert [one.table.title for one in shown if not one.shares] == ["Rates measured, drift: 30 days from"]


def test_a_counted_column_is_of_the_total_with_the_same_words_before_it() -> None:
    columns = ("size", "known: trials", "known: called", "known: moved", "known: found", "asked", "refused")
    (seen,) = rate_pictures((RateTable(title="x", columns=columns, rows=(("a", 60, 3, 20, 12, 240, 6),)),))
    assert [one.written for one in seen.shares] == [
        "5\N{NO-BREAK SPACE}%",
        "60\N{NO-BREAK SPACE}%",
        "2.5\N{NO-BREAK SPACE}%",
    ]


def test_a_table_without_a_share_has_no_picture_and_a_hostile_one_no_markup() -> None:
    plain = RateTable(title="Rates measured, x: y", columns=("a",), rows=(("b",),))
    hostile = RateTable(title="</svg><script>", columns=("<b>",), rows=(("5%",),))
    first, second = rate_pictures((plain, hostile))
    assert first.shares == ()
    assert "<script" not in second.shares[0].picture
    assert "<b>" not in second.shares[0].picture
