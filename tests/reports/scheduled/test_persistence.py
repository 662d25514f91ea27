"""k of the last m windows, before anyone is called."""

import datetime as dt
from pathlib import Path

from contracts.exits import UsageError
from contracts.pipeline_toml.keys import Drift
from contracts.scheduled_drift import DriftWindow, Retrain
from contracts.verdict import DriftState
from reports.scheduled.persistence import (
    persistence_of,
    read_retrains,
    read_windows,
    remember_retrain,
    remember_window,
)
from tests.refusals import refuses

DRIFT = Drift(lasting_windows=2, of_windows=3)


def window(day: int, state: DriftState = "drift", model: str = "sha256:" + "a" * 64, days: int = 7) -> DriftWindow:
    last = dt.datetime(2013, 10, 1) + dt.timedelta(days=day)
    return DriftWindow(
        model=model, first=last - dt.timedelta(days=days), last=last, rows=900, state=state, inputs=state,
        predictions="stable",
    )  # fmt: skip


def is_lasting(this: DriftWindow, *earlier: DriftWindow) -> bool:
    return persistence_of(DRIFT, this, earlier).is_lasting


def test_the_first_window_alone_calls_nobody() -> None:
    assert not is_lasting(window(30))


def test_two_of_three_last() -> None:
    assert is_lasting(window(30), window(23))
    assert is_lasting(window(30), window(23, "stable"), window(16))


def test_one_of_three_does_not_last_and_older_ones_are_forgotten() -> None:
    assert not is_lasting(window(30), window(23, "stable"), window(16, "stable"), window(9))


def test_a_stable_window_ends_it() -> None:
    assert not is_lasting(window(30, "stable"), window(23), window(16))


def test_the_same_window_judged_twice_counts_once() -> None:
    seen = persistence_of(DRIFT, window(30), [window(30), window(30)])
    assert (seen.windows, seen.drifted, seen.is_lasting) == (1, 1, False)


def test_windows_that_share_more_than_half_of_their_time_count_once() -> None:
    assert not is_lasting(window(30), window(29), window(28), window(27))
    assert is_lasting(window(30), window(29), window(26))


def test_another_models_windows_do_not_count() -> None:
    assert not is_lasting(window(30), window(23, model="sha256:" + "b" * 64))


def test_windows_with_too_few_rows_are_passed_over() -> None:
    assert is_lasting(window(30), window(23, "insufficient"), window(16))


def test_later_windows_do_not_count_when_an_old_one_is_judged_again() -> None:
    assert not is_lasting(window(16), window(23), window(30))


def test_what_is_remembered_comes_back_and_a_window_is_written_once(tmp_path: Path) -> None:
    for one in (window(23), window(30, "stable"), window(30)):
        remember_window(tmp_path, one)
    assert read_windows(tmp_path) == (window(23), window(30))


def test_retrains_are_remembered_by_their_moment(tmp_path: Path) -> None:
    asked = Retrain(
        at=dt.datetime(2013, 11, 1, 4, 37), model="m", as_of_before=dt.date(2013, 10, 1), as_of=dt.date(2013, 10, 29)
    )
    remember_retrain(tmp_path, asked)
    assert read_retrains(tmp_path) == (asked,)


def test_an_empty_history_is_no_mistake(tmp_path: Path) -> None:
    assert read_windows(tmp_path / "not yet") == ()


def test_a_damaged_history_is_refused_rather_than_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "drift").mkdir()
    (tmp_path / "drift" / "20131030T235900Z-aaaa.json").write_text("{}")
    with refuses(UsageError, "unreadable", "`make scheduled-drift`"):
        read_windows(tmp_path)
