"""Windows without drift alarm at the stated false-alarm rate."""

import numpy as np
import pandas as pd
import pytest

from contracts.features import Feature
from contracts.pipeline_toml.keys import Drift
from reports.drift.comparison import baseline_of
from reports.drift.thresholds import by_chance
from scoring.distances import Counted, counted
from tests.reports.logged_requests import card, rows

NO_EFFECT_SIZES = Drift(numeric_effect=1e-9, categorical_effect=1e-9, prediction_effect=1e-9, missing_effect=1e-9)


def alarms(drift: Drift, size: int, shift: float = 0.0) -> float:
    """The share of windows that alarm, over references and windows of one distribution."""
    drifted = []
    for number in range(4):
        baseline = baseline_of(drift, card("binary"), rows(600, seed=1000 + number), card("binary").features)
        for turn in range(20):
            window = rows(size, seed=50_000 + 100 * number + turn)
            window["temp"] += shift * 15
            drifted.append(any(one.drifted for _, one in baseline.compared(window, 0, has_labels=False, seed=number)))
    return float(np.mean(drifted))


@pytest.mark.parametrize("size", [100, 600])
def test_a_window_without_drift_alarms_as_often_as_stated(size: int) -> None:
    assert 0.0 < alarms(NO_EFFECT_SIZES, size) <= 0.11


def test_another_rate_is_kept_as_well() -> None:
    assert 0.11 <= alarms(NO_EFFECT_SIZES.model_copy(update={"false_alarm_rate": 0.2}), 200) <= 0.30


def test_a_shift_of_a_third_of_a_standard_deviation_is_found() -> None:
    assert alarms(NO_EFFECT_SIZES, 500, shift=0.33) > 0.95


def test_a_significant_distance_below_the_effect_size_is_no_drift() -> None:
    coarse = Drift(numeric_effect=0.5, prediction_effect=0.5, categorical_effect=0.5, missing_effect=0.5)
    assert alarms(coarse, 500, shift=0.3) == 0


def test_thresholds_shrink_with_the_window_and_grow_with_the_number_of_columns() -> None:
    random = np.random.default_rng(1)
    table = random.normal(size=(3000, 8))

    def columns(window: int) -> list[Counted]:
        return [counted("wasserstein", table[:1000, place], table[1000 : 1000 + window, place]) for place in range(8)]

    small, large = (by_chance(columns(size), 0.05, 1) for size in (100, 2000))
    assert (small > large).all()
    assert by_chance(columns(100)[:1], 0.05, 1)[0] < small[0]


def test_the_same_seed_gives_the_same_thresholds() -> None:
    columns = [counted("wasserstein", np.arange(100.0), np.arange(50.0))]
    assert by_chance(columns, 0.05, 3) == by_chance(columns, 0.05, 3)
    assert by_chance(columns, 0.05, 3) != by_chance(columns, 0.05, 4)


def test_a_column_that_never_changes_does_not_disturb_the_others() -> None:
    varies, still = np.random.default_rng(1).normal(size=300), np.ones(300)
    columns = [counted("wasserstein", one, one[:100]) for one in (varies, still)]
    assert by_chance(columns, 0.05, 1)[1] == 0


def test_a_reference_without_gaps_still_allows_a_window_a_few() -> None:
    one, few = (counted("difference", np.zeros(5000), np.r_[np.ones(gaps), np.zeros(200 - gaps)]) for gaps in (1, 9))
    assert one.distance() <= by_chance([one], 0.005, 1)[0]
    assert few.distance() > by_chance([few], 0.005, 1)[0]


def test_a_category_that_only_the_window_has_may_be_chance() -> None:
    """In a long tail one new category is chance; in a tenth of the rows it is not."""
    before = np.array(["a"] * 450 + ["b"] * 50)
    windows = (np.array(["a"] * 90 + ["b"] * (10 - new) + ["new"] * new) for new in (1, 9))
    few, many = (counted("jensenshannon", before, window) for window in windows)
    assert few.distance() <= by_chance([few], 0.05, 1)[0]
    assert many.distance() > by_chance([many], 0.05, 1)[0]


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match="0 rows of the window"):
        by_chance([counted("wasserstein", np.arange(9.0), np.empty(0))], 0.05, 1)


@pytest.mark.parametrize("columns", [5, 60])
def test_columns_of_pure_noise_do_not_drift_given_the_others(columns: int) -> None:
    """In-sample against out-of-sample, all of them did."""
    features = tuple(Feature(name=f"c{place}", kind="numeric") for place in range(columns))
    random = np.random.default_rng(5)
    alarms = 0
    for number in range(15):
        noise = [
            pd.DataFrame(random.normal(size=(150, columns)), columns=[one.name for one in features]).assign(
                prediction=random.random(150)
            )
            for _ in range(2)
        ]
        baseline = baseline_of(NO_EFFECT_SIZES, card("binary", features=features), noise[0], features)
        alarms += any(one.drifted for _, one in baseline.compared(noise[1], 0, has_labels=False, seed=number))
    assert alarms <= 3


@pytest.mark.parametrize(("shift", "drifted"), [(0.0, False), (15.0, True)])
def test_one_request_with_a_huge_number_neither_hides_drift_nor_is_drift(shift: float, drifted: bool) -> None:
    baseline = baseline_of(Drift(), card("binary"), rows(2000, seed=1), card("binary").features)
    window = rows(800, seed=2)
    window["temp"] += shift
    window.loc[0, "temp"] = 3e38
    found = baseline.compared(window, 0, has_labels=False, seed=1)
    assert [one.drifted for _, one in found if one.column == "temp"] == [drifted]


def test_more_missing_values_are_found_by_their_own_test() -> None:
    baseline = baseline_of(Drift(), card("binary"), rows(2000, seed=1), card("binary").features)
    window = rows(400, seed=2)
    window.loc[window.sample(frac=0.1, random_state=3).index, "temp"] = np.nan
    found = baseline.compared(window, 0, has_labels=False, seed=1)
    assert [one.column for _, one in found if one.drifted] == ["temp is missing"]


def test_history_allows_what_windows_of_that_length_have_reached() -> None:
    history = ({"column": "temp", "method": "wasserstein", "largest": {1: 2.0, 7: 0.6}},)
    moved = rows(800, seed=2)
    moved["temp"] += 9.0
    known = type(card("binary")).model_validate(card("binary").model_dump() | {"history": history})
    baseline = baseline_of(Drift(), known, rows(2000, seed=1), known.features)

    def temp(days: int) -> tuple[float, bool]:
        found = baseline.compared(moved, days, has_labels=False, seed=1)
        one = next(one for _, one in found if one.column == "temp")
        return one.threshold, one.drifted

    assert temp(7)[0] == pytest.approx(0.75)
    assert not temp(7)[1]
    assert temp(6)[0] == pytest.approx(2.5)  # of a length in between, the next shorter one
    assert temp(0)[0] == pytest.approx(2.5)
