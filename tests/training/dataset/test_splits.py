"""The cut of rows: by time without looking ahead, or by shares with each block in one table."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.data_manifest import TABLE_NAMES
from contracts.exits import FindingError, UsageError
from contracts.pipeline_toml.keys import Data
from tests.refusals import refuses
from training.dataset.splits import cut_by_share, cut_by_time, groups_of, read_times, strata_of, units_of

DAY = np.timedelta64(1, "D")
DATES = st.dates(dt.date(2020, 1, 1), dt.date(2020, 12, 31))


def by_time(as_of: dt.date, holdout_days: int = 30, replay_days: int = 30) -> Data:
    return Data(
        source="t.csv", target="y", task="binary", time="at",
        as_of=as_of, holdout_days=holdout_days, replay_days=replay_days,
    )  # fmt: skip


AT = by_time(dt.date(2026, 1, 1))


def by_share(seed: int = 0, holdout: float = 0.25, replay: float = 0.15) -> Data:
    return Data(source="t.csv", target="y", task="binary", seed=seed, holdout_share=holdout, replay_share=replay)


@given(
    minutes=st.lists(st.integers(0, 366 * 24 * 60), min_size=2, max_size=200),
    as_of=DATES,
    holdout_days=st.integers(1, 400),
    replay_days=st.integers(1, 400),
)
def test_no_row_of_train_is_later_than_holdout_and_none_of_holdout_later_than_replay(
    minutes: list[int], as_of: dt.date, holdout_days: int, replay_days: int
) -> None:
    times = np.datetime64("2020-01-01", "us") + np.array(minutes) * np.timedelta64(1, "m")
    today = np.datetime64(as_of, "us")
    assume(times.min() < today <= times.max())
    cut = cut_by_time(times, by_time(as_of, holdout_days, replay_days))
    train, holdout, replay = (times[cut.rows[name]] for name in TABLE_NAMES)
    assert all(train < today - holdout_days * DAY)
    assert all((holdout >= today - holdout_days * DAY) & (holdout < today))
    assert all((replay >= today) & (replay < today + replay_days * DAY))
    assert len(train) + len(holdout) + len(replay) + cut.unused == len(times)
    for table in (train, holdout, replay):
        assert all(np.diff(table) >= np.timedelta64(0, "us"))


def test_rows_of_one_instant_keep_the_order_of_the_source() -> None:
    times = np.array(["2020-01-05", "2020-01-01", "2020-01-01", "2020-01-01"], dtype="datetime64[us]")
    cut = cut_by_time(times, by_time(dt.date(2020, 1, 4), holdout_days=1))
    assert cut.rows["train"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "as_of", [dt.date(2019, 12, 31), dt.date(2020, 1, 1), dt.date(2020, 2, 1), dt.date(2031, 1, 1)]
)
def test_as_of_outside_the_table_is_refused_with_its_span(as_of: dt.date) -> None:
    times = np.arange("2020-01-01", "2020-02-01", dtype="datetime64[D]").astype("datetime64[us]")
    with refuses(UsageError, "as-of-outside", "2020-01-01 to 2020-01-31"):
        cut_by_time(times, by_time(as_of))


def test_as_of_on_the_last_day_leaves_that_day_to_replay() -> None:
    times = np.arange("2020-01-01", "2020-02-01", dtype="datetime64[D]").astype("datetime64[us]")
    cut = cut_by_time(times, by_time(dt.date(2020, 1, 31), holdout_days=10))
    assert [len(cut.rows[name]) for name in TABLE_NAMES] == [20, 10, 1]


@given(
    pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), min_size=1, max_size=300),
    seed=st.integers(0, 1000),
)
def test_each_row_is_on_one_side_and_what_belongs_together_stays_together(
    pairs: list[tuple[int, int]], seed: int
) -> None:
    strata, units = np.array(pairs, dtype=np.int64).T
    cut = cut_by_share(strata, units, by_share(seed))
    everything = np.concatenate([cut.rows[name] for name in TABLE_NAMES])
    assert sorted(everything.tolist()) == list(range(len(pairs)))
    sides = [set(units[cut.rows[name]].tolist()) for name in TABLE_NAMES]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]


def test_classes_keep_their_proportion_on_every_side() -> None:
    strata = np.repeat([0, 1, 2], [1000, 100, 60])
    cut = cut_by_share(strata, np.arange(1160), by_share())
    shares = [np.bincount(strata[cut.rows[name]]).tolist() for name in TABLE_NAMES]
    assert shares == [[600, 60, 36], [250, 25, 15], [150, 15, 9]]


def equal_rows(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As on the Titanic: a tenth of 1,300 rows are equal to others, whatever their class, and these lack an age."""
    sizes = np.array([22, 16, 12, 9, 8, 7, 6, 5, 5, 4, 4, 3, 3, 3] + [2] * 46 + [1] * 1109)
    units = np.repeat(np.arange(len(sizes)), sizes)
    return (rng.random(len(units)) < 0.38).astype(np.int64), units, sizes[units] > 4


def test_classes_keep_their_proportion_where_equal_rows_of_both_classes_stay_together() -> None:
    strata, units, _ = equal_rows(np.random.default_rng(0))
    cuts = [cut_by_share(strata, units, by_share(seed)) for seed in range(100)]
    for name, share in zip(TABLE_NAMES, (0.6, 0.25, 0.15), strict=True):
        for cut in cuts:
            counts = np.bincount(strata[cut.rows[name]], minlength=2)
            assert np.abs(counts - share * np.bincount(strata)).max() <= 1.5, name


def test_what_equal_rows_have_in_common_spreads_as_it_does_in_a_random_split() -> None:
    strata, units, lacks_age = equal_rows(np.random.default_rng(0))
    rng, rows = np.random.default_rng(1), round(0.15 * len(units))
    ours = [lacks_age[cut_by_share(strata, units, by_share(seed)).rows["replay"]].mean() for seed in range(100)]
    random = [lacks_age[rng.permutation(len(units))[:rows]].mean() for _ in range(100)]
    assert np.std(ours) < 2.5 * np.std(random)
    assert np.mean(ours) == pytest.approx(lacks_age.mean(), abs=0.02)


def huge_blocks() -> tuple[np.ndarray, np.ndarray]:
    """As on the Titanic without names: 283 of 1,313 rows are equal, 26 of them positive; and 110, 54, 45 and 42 are."""
    sizes, positive = [283, 110, 54, 45, 42, 22], [26, 34, 16, 4, 38, 19]
    units = np.repeat(np.arange(len(sizes)), sizes)
    strata = np.concatenate([np.arange(size) < one for size, one in zip(sizes, positive, strict=True)])
    single = np.random.default_rng(0).random(757) < 0.42
    return np.concatenate([strata, single]).astype(np.int64), np.concatenate([units, np.arange(6, 763)])


@pytest.mark.parametrize("seed", range(30))
def test_a_block_larger_than_a_table_goes_where_it_fits_and_classes_keep_their_shares(seed: int) -> None:
    strata, units = huge_blocks()
    cut = cut_by_share(strata, units, by_share(seed))
    for name, share in zip(TABLE_NAMES, (0.6, 0.25, 0.15), strict=True):
        counts = np.bincount(strata[cut.rows[name]], minlength=2)
        assert np.abs(counts - share * np.bincount(strata)).max() <= 1.5, name
    assert np.isin(cut.large_blocks[0], cut.rows["train"]).all()
    assert [len(block) for block in cut.large_blocks] == [283, 110, 54, 45, 42]


@pytest.mark.parametrize("seed", range(20))
def test_groups_of_one_class_each_are_shared_out_to_the_nearest_group(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 12, 150)
    units = np.repeat(np.arange(150), sizes)
    strata = (units % 3 == 0).astype(np.int64)
    cut = cut_by_share(strata, units, by_share(seed))
    for name, share in zip(TABLE_NAMES, (0.6, 0.25, 0.15), strict=True):
        counts = np.bincount(strata[cut.rows[name]], minlength=2)
        assert np.abs(counts - share * np.bincount(strata)).max() <= sizes.max(), name


def test_the_cut_by_shares_is_fixed_by_the_seed_and_keeps_the_order_of_rows() -> None:
    strata, units = np.zeros(500, dtype=np.int64), np.arange(500)
    one, again, other = (cut_by_share(strata, units, by_share(seed)).rows["train"] for seed in (3, 3, 4))
    assert one.tolist() == again.tolist() == sorted(one.tolist())
    assert one.tolist() != other.tolist()


def test_a_regression_is_cut_in_proportion_over_its_range() -> None:
    target = np.random.default_rng(0).lognormal(size=2000)
    cut = cut_by_share(strata_of(target, is_classes=False), np.arange(2000), by_share())
    for lower, upper in ((0, 10), (45, 55), (90, 100)):
        low, high = np.percentile(target, [lower, upper])
        share = np.mean((target[cut.rows["holdout"]] >= low) & (target[cut.rows["holdout"]] <= high))
        assert share == pytest.approx((upper - lower) / 100, abs=0.02)


def test_rows_equal_in_every_column_are_one_unit() -> None:
    numbers = np.array([1, 1, np.nan, np.nan, 2], dtype=np.float32)
    texts = np.array([0, 0, 1, 1, 0])
    assert units_of([numbers, texts]).tolist() == [0, 0, 1, 1, 2]


def test_rows_of_one_group_are_one_unit_and_those_without_one_too() -> None:
    assert groups_of(pd.Series(["a", None, "b", "a", None])).tolist() == [0, 1, 2, 0, 1]


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["2026-01-01", "2026-01-02T10:00", "2026-01-03 11:30:05.25"]),
        pd.Series(pd.date_range("2026-01-01", periods=3)),
        pd.Series([dt.date(2026, 1, 1), dt.date(2026, 1, 2), dt.date(2026, 1, 3)]),
        pd.Series(["2026-01-01", "2026-01-02 10:00", "2026-01-03"], dtype="category"),
    ],
    ids=["text", "timestamps", "dates", "categories"],
)
def test_times_are_read_from_text_timestamps_and_dates(values: "pd.Series[str]") -> None:
    times = read_times(values, AT)
    assert times.dtype == np.dtype("datetime64[us]")
    assert [str(day) for day in times.astype("datetime64[D]")] == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_times_with_zones_become_utc() -> None:
    expected = np.array(["2026-01-01T11:00"], dtype="datetime64[us]")
    assert read_times(pd.Series(["2026-01-01 06:00-05:00"]), AT) == expected
    assert (
        read_times(pd.Series(pd.to_datetime(["2026-01-01 06:00"])).dt.tz_localize("America/New_York"), AT) == expected
    )


def test_a_time_that_does_not_parse_is_refused_with_its_row() -> None:
    with refuses(FindingError, "times-missing", "1 of 3", "row 2", "'31/12/2026'"):
        read_times(pd.Series(["2026-01-01", "31/12/2026", "2026-01-03"]), AT)


def test_a_missing_time_is_refused() -> None:
    with refuses(FindingError, "times-missing", "row 2", "no value"):
        read_times(pd.Series(["2026-01-01", None]), AT)


def test_a_number_is_no_time_since_nobody_knows_its_unit() -> None:
    with refuses(UsageError, "times-are-numbers", "1700000000"):
        read_times(pd.Series([1_700_000_000, 1_700_000_001]), AT)
