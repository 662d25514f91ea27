"""The stated rate of false alarms is the one that a window without drift has."""

import numpy as np
import pandas as pd
import pytest

from contracts.pipeline_toml.keys import Drift
from reports.drift.comparison import baseline_of
from reports.drift.thresholds import by_chance, missing_by_chance
from scoring.distances import counted
from tests.reports.logged_requests import card, rows

FAINT = Drift(numeric_effect=1e-9, categorical_effect=1e-9, prediction_effect=1e-9, missing_effect=1e-9)


def alarms(drift: Drift, size: int, shift: float = 0.0) -> float:
    """The share of windows that are called, over references and windows of one distribution."""
    called = []
    for number in range(6):
        baseline = baseline_of(drift, card("binary"), rows(1000, seed=1000 + number), card("binary").features)
        limits = baseline.by_chance(size, has_labels=False, seed=number)
        for turn in range(25):
            window = rows(size, seed=50_000 + 100 * number + turn)
            window["temp"] += shift * 15
            called.append(any(one.drifted for _, one in baseline.compared(window, limits, 0)))
    return float(np.mean(called))


@pytest.mark.parametrize("size", [100, 1000])
def test_a_window_without_drift_alarms_as_often_as_stated(size: int) -> None:
    assert 0.01 <= alarms(FAINT, size) <= 0.09


def test_another_rate_is_kept_as_well() -> None:
    assert 0.12 <= alarms(FAINT.model_copy(update={"false_alarm_rate": 0.2}), 200) <= 0.28


def test_a_shift_of_a_third_of_a_standard_deviation_is_found() -> None:
    assert alarms(FAINT, 500, shift=0.33) > 0.95


def test_what_is_sure_but_does_not_matter_is_not_called() -> None:
    assert alarms(Drift(numeric_effect=0.5, prediction_effect=0.5, categorical_effect=0.5), 1000, shift=0.3) == 0


def test_thresholds_shrink_with_the_window_and_grow_with_the_number_of_columns() -> None:
    random = np.random.default_rng(1)
    table = random.normal(size=(1000, 8))
    columns = [counted("wasserstein", table[:, place], table[:, place]) for place in range(8)]
    small, large = (by_chance(columns, size, 0.05, 1) for size in (100, 2000))
    assert (small > large).all()
    assert by_chance(columns[:1], 100, 0.05, 1)[0] < small[0]


def test_the_same_seed_gives_the_same_thresholds() -> None:
    columns = [counted("wasserstein", np.arange(100.0), np.arange(100.0))]
    assert by_chance(columns, 50, 0.05, 3) == by_chance(columns, 50, 0.05, 3)
    assert by_chance(columns, 50, 0.05, 3) != by_chance(columns, 50, 0.05, 4)


def test_a_column_that_never_changes_does_not_disturb_the_others() -> None:
    varies, still = np.random.default_rng(1).normal(size=300), np.ones(300)
    columns = [counted("wasserstein", one, one) for one in (varies, still)]
    assert by_chance(columns, 100, 0.05, 1)[1] == 0


def test_a_reference_without_gaps_still_allows_a_window_a_few() -> None:
    limit = missing_by_chance([0], 5000, 200, 0.005, 1)[0]
    assert 0 < limit < 0.03


def test_more_gaps_in_the_reference_allow_more_of_a_difference() -> None:
    few, many = missing_by_chance([10, 2500], 5000, 200, 0.005, 1)
    assert few < many


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        by_chance([counted("wasserstein", np.arange(9.0), np.arange(9.0))], 0, 0.05, 1)


def test_missing_values_that_become_more_are_called_by_their_own_test() -> None:
    baseline = baseline_of(Drift(), card("binary"), rows(2000, seed=1), card("binary").features)
    window = rows(400, seed=2)
    window.loc[window.sample(frac=0.1, random_state=3).index, "temp"] = np.nan
    found = baseline.compared(window, baseline.by_chance(400, has_labels=False, seed=1), 0)
    assert [one.column for _, one in found if one.drifted] == ["temp is missing"]


def test_history_allows_what_windows_of_that_length_have_reached() -> None:
    history = ({"column": "temp", "method": "wasserstein", "largest": {1: 2.0, 7: 0.6}},)
    moved = rows(800, seed=2)
    moved["temp"] += 9.0
    known = type(card("binary")).model_validate(card("binary").model_dump() | {"history": history})
    baseline = baseline_of(Drift(), known, rows(2000, seed=1), known.features)
    limits = baseline.by_chance(800, has_labels=False, seed=1)

    def temp(days: int) -> tuple[float, bool]:
        one = next(one for _, one in baseline.compared(pd.DataFrame(moved), limits, days) if one.column == "temp")
        return one.threshold, one.drifted

    assert temp(7)[0] == pytest.approx(0.75)
    assert not temp(7)[1]
    assert temp(6)[0] == pytest.approx(2.5)  # of a length in between, the next shorter one
    assert temp(0)[0] == pytest.approx(2.5)
