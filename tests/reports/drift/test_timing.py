"""Inputs that are a day late, in days made by hand."""

import datetime as dt
import itertools
from collections.abc import Callable

import numpy as np
import pytest

from contracts.schema import Task
from contracts.verdict import LabelledDay, Timing
from reports.drift.log_reader import Answers
from reports.drift.timing import LEAST_DAYS, labelled_days, timing_of
from tests.reports.logged_requests import card

FIRST = dt.date(2013, 10, 1)


def days(count: int, late: bool, seed: int = 1, outputs: int = 1, right: float = 1.0) -> tuple[LabelledDay, ...]:
    """Days whose labels follow what is true of them by `right`; predictions know that, or only of the day before."""
    random = np.random.default_rng(seed)
    true = random.uniform(0.1, 0.4, (count + 1, outputs))
    labels = 0.25 + right * (true[1:] - 0.25) + random.normal(0, 0.02, (count, outputs))
    predicted = true[:-1] if late else true[1:]
    return tuple(
        LabelledDay(day=FIRST + dt.timedelta(days=place), labels=900, predicted=tuple(one), actual=tuple(two))
        for place, (one, two) in enumerate(zip(predicted.tolist(), labels.tolist(), strict=True))
    )


def answer(seen: tuple[LabelledDay, ...], earlier: tuple[LabelledDay, ...] = ()) -> Timing:
    found = timing_of(seen, earlier, 0.95)
    assert found
    return found


@pytest.mark.parametrize("outputs", [1, 3])
def test_predictions_of_their_own_day_are_in_time(outputs: int) -> None:
    seen = answer(days(30, late=False, outputs=outputs))
    assert (seen.days, seen.is_late) == (29, False)
    assert [seen.own, seen.following] == pytest.approx([1, 0], abs=0.15)


@pytest.mark.parametrize("outputs", [1, 3])
def test_predictions_of_yesterday_are_late(outputs: int) -> None:
    seen = answer(days(30, late=True, outputs=outputs))
    assert seen.is_late
    assert [seen.own, seen.following] == pytest.approx([0, 1], abs=0.15)
    assert -1.3 < seen.own - seen.following < seen.high < 0


def test_the_slopes_and_their_bound_are_those_of_a_regression_with_a_jackknife() -> None:
    made = days(30, late=True, seed=4)
    pairs = np.array([[1, one.predicted[0], after.predicted[0]] for one, after in itertools.pairwise(made)])
    labels = np.array([one.actual[0] for one in made[:-1]])
    _, own, following = np.linalg.inv(pairs.T @ pairs) @ pairs.T @ labels
    seen = answer(made)
    assert [seen.own, seen.following] == pytest.approx([own, following])
    differences = []
    for place in range(29):
        kept = np.arange(29) != place
        _, one, other = np.linalg.lstsq(pairs[kept], labels[kept], rcond=None)[0]
        differences.append(one - other)
    error = np.sqrt(28 / 29 * ((np.array(differences) - np.mean(differences)) ** 2).sum())
    assert seen.high == pytest.approx(own - following + 1.7056 * error, rel=1e-3)


def test_a_model_that_does_not_tell_days_apart_is_not_late() -> None:
    """If both coefficients are noise, `following` is larger half of the time; both are significantly below 1."""
    for right in (0.0, 0.3):
        late = [answer(days(30, late=False, seed=seed, right=right)).is_late for seed in range(40)]
        assert not any(late)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made[:LEAST_DAYS],
        lambda made: made[::2],
        lambda made: tuple(one.model_copy(update={"predicted": (0.2,)}) for one in made),
        lambda made: made[:0],
    ],
)
def test_too_few_consecutive_days_or_equal_predictions_give_no_timing(
    spoil: Callable[[tuple[LabelledDay, ...]], tuple[LabelledDay, ...]],
) -> None:
    assert timing_of(spoil(days(30, late=True)), (), 0.95) is None


def test_earlier_windows_add_the_days_that_one_window_lacks() -> None:
    made = days(35, late=True)
    assert timing_of(made[28:], (), 0.95) is None
    assert answer(made[28:], made[:28]) == answer(made[5:], made[:5]) == answer(made)
    wrong = tuple(one.model_copy(update={"actual": (0.9,)}) for one in made[28:])
    assert answer(made[28:], (*made[:28], *wrong)) == answer(made), "the window's own labels are the later ones"


def test_only_the_last_thirty_days_count() -> None:
    late, in_time = days(40, late=True), days(40, late=False)
    seen = answer(in_time[9:], late[:9])
    assert (seen.days, seen.is_late) == (30, False)


def test_a_time_that_is_no_date_is_ignored() -> None:
    answers = Answers(np.full((3, 2), 0.5), np.array(["true"] * 3, dtype=object), np.array([5, 10**9, -(10**9)]))
    assert [one.day for one in labelled_days(card("binary"), answers)] == [dt.date(1970, 1, 6)]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_days_have_the_mean_predictions_and_labels(task: Task) -> None:
    model = card(task)
    classes = {"binary": 2, "multiclass": len(model.classes), "regression": 1}[task]
    scores = np.full((4, classes), 1.0 / classes)
    scores[0] = np.arange(classes) == classes - 1 if task != "regression" else 3.0
    names = list(model.classes) or ["2.0"]
    truth = np.array([names[-1], names[-1], None, names[0]], dtype=object)
    first, second = labelled_days(model, Answers(scores, truth, np.array([5, 5, 5, 7])))
    assert (first.day, first.labels, second.day, second.labels) == (dt.date(1970, 1, 6), 2, dt.date(1970, 1, 8), 1)
    assert first.predicted == pytest.approx(tuple(scores[:2].mean(axis=0)[-1 if task == "binary" else 0 :]))
    if task != "regression":
        assert len(first.actual) == (1 if task == "binary" else classes)
        assert first.actual[-1] == 1.0
    else:
        assert first.actual == (2.0,)
