"""Effective rows: copies, retries and a bot's row add nothing; rows that are equal by nature all count."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reports.drift.effective_rows import distinct_window, effective_count
from reports.drift.log_reader import Answers, RequestWindow
from tests.reports.logged_requests import rows


def window(table: pd.DataFrame, sources: list[int] | None = None, labelled: tuple[int, ...] = ()) -> RequestWindow:
    count = len(table)
    actual = np.array(["true" if row in labelled else None for row in range(count)], dtype=object)
    answers = Answers(np.zeros((count, 2)), actual, np.arange(count))
    known = np.array([-1] * count if sources is None else sources)
    return RequestWindow(table.reset_index(drop=True), answers, count, "", "", 0, 0, 0, 0, known)


def effective_rows(table: pd.DataFrame, reference: pd.DataFrame) -> int:
    return len(distinct_window(window(table), reference).rows)


def ties(count: int, seed: int) -> pd.DataFrame:
    """Rows of three categories and a small whole number: 240 combinations, some of them frequent."""
    random = np.random.default_rng(seed)
    table = {name: random.choice(list("abcd"), count, p=[0.7, 0.2, 0.08, 0.02]) for name in ("one", "two")}
    return pd.DataFrame(table | {"flag": random.random(count) < 0.1, "size": random.poisson(1.0, count).astype(float)})


def test_a_table_that_is_replayed_many_times_has_its_rows_once() -> None:
    few = rows(26, seed=3)
    assert effective_rows(pd.concat([few] * 170), rows(100, seed=1)) == 26


def test_every_request_that_is_sent_twice_counts_once() -> None:
    once = rows(800, seed=3)
    assert effective_rows(pd.concat([once, once]), rows(2000, seed=1)) == pytest.approx(800, abs=10)


def test_a_bots_row_in_a_third_of_the_requests_counts_once() -> None:
    once = rows(800, seed=3)
    bot = pd.concat([once.iloc[[5]]] * 400)
    seen = distinct_window(window(pd.concat([once, bot])), rows(2000, seed=1))
    assert len(seen.rows) == pytest.approx(800, abs=10)
    assert seen.repeated == 1200 - len(seen.rows)


@pytest.mark.parametrize("size", [200, 1000, 8000])
def test_rows_that_are_equal_by_nature_all_count(size: int) -> None:
    assert effective_rows(ties(size, 3), ties(1000, 1)) == size


def test_a_bots_row_among_many_equal_ones_does_not_count() -> None:
    once = rows(800, seed=3).round({"temp": -1, "wind": -1})
    reference = rows(2000, seed=1).round({"temp": -1, "wind": -1})
    bot = once.iloc[np.zeros(1600, dtype=int)]
    assert effective_rows(once, reference) == 800
    assert effective_rows(pd.concat([once, bot]), reference) < 1600


@pytest.mark.parametrize("seed", range(20))
def test_clean_windows_lose_no_row(seed: int) -> None:
    for make in (rows, ties):
        assert effective_rows(make(500, seed=100 + seed), make(300, seed=seed)) == 500


def test_a_column_that_went_missing_makes_no_copies() -> None:
    table = rows(800, seed=2)
    assert effective_rows(table.assign(temp=np.nan), rows(2000, seed=1)) == 800
    assert effective_rows(table.assign(temp=table["temp"].mask(table.index < 300)), rows(2000, seed=1)) == 800


def test_copies_of_a_source_row_count_once_even_if_other_rows_are_equal() -> None:
    table = ties(200, 3)
    seen = distinct_window(window(pd.concat([table] * 20), list(range(200)) * 20), ties(1000, 1))
    assert (len(seen.rows), seen.replayed, seen.repeated) == (200, 3800, 0)


def test_the_copy_that_has_a_label_is_kept() -> None:
    few = rows(300, seed=3)
    twice = window(pd.concat([few, few]), labelled=(305,))
    for seen in (
        distinct_window(twice, rows(2000, seed=1)),
        distinct_window(replace(twice, sources=np.r_[0:300, 0:300]), few),
    ):
        assert list(np.flatnonzero(seen.answers.actual == "true")) == [len(seen.rows) - 1]


def test_beyond_the_reference_the_number_of_distinct_rows_is_extrapolated() -> None:
    every = ties(20_000, 5)
    codes = every.groupby(list(every)).ngroup().to_numpy()
    part = np.bincount(codes[:500])
    assert effective_count(part, len(np.unique(codes[500:8500])), 8000) == 8000
    assert effective_count(part, len(np.unique(codes[500:540])), 8000) < 200
