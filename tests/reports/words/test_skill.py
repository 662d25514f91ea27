"""The sentence of each metric: what a reader can imagine, with the interval, for every task."""

import pytest

from contracts.decision import Interval
from contracts.pipeline_toml.keys import METRICS_OF_TASK
from contracts.schema import Task
from reports.words.numerals import form_of, number, out_of, percent, spoken
from reports.words.skill import RULES, Question, purpose, skill

LATE = Question("binary", "late", "true", 2)
PLAN = Question("binary", "plan", "cancelled", 2)
IRIS = Question("multiclass", "species", "", 3)
SUGAR = Question("regression", "progression")


def seen(value: float, low: float, high: float) -> Interval:
    return Interval(value=value, low=low, high=high)


@pytest.mark.parametrize(
    ("asked", "metric", "figure", "said"),
    [
        (LATE, "roc_auc", seen(0.743, 0.67, 0.82),
         "Of one row that is “late” and one that is not, it ranks the “late” one higher 74 times in 100 (67 to 82)."),
        (PLAN, "roc_auc", seen(0.9931, 0.99, 0.996),
         "Of one row that is “plan = cancelled” and one that is not, it ranks the “plan = cancelled” one higher "
         "993 times in 1,000 (990 to 996)."),
        (LATE, "average_precision", seen(0.31, 0.11, 0.51),
         "Of the rows that it ranks at or above a “late” one, 31 in 100 (11 to 51) are “late”, on average."),
        (LATE, "precision", seen(0.28, 0.14, 0.41),
         "Of 100 rows that it calls “late”, it is right about 28 (14 to 41)."),
        (LATE, "recall", seen(0.45, 0.28, 0.62), "Of 100 rows that are “late”, it finds 45 (28 to 62)."),
        (LATE, "accuracy", seen(0.848, 0.836, 0.86), "It decides 85 rows in 100 (84 to 86) right."),
        (LATE, "brier", seen(0.09, 0.0841, 0.0961),
         "Its probabilities are off by 0.300 (0.290 to 0.310), as a root mean square."),
        (LATE, "log_loss", seen(0.278, 0.245, 0.311),
         "To what really happened it gave a probability of 0.757 (0.733 to 0.783), as a geometric mean."),
        (IRIS, "accuracy", seen(0.96, 0.94, 0.98),
         "It names the right one of 3 classes for 96 rows in 100 (94 to 98)."),
        (IRIS, "brier", seen(0.31, 0.28, 0.34),
         "Its probabilities have a Brier score of 0.310 (0.280 to 0.340); 0 is perfect, 2 the worst."),
        (SUGAR, "rmse", seen(53.2, 50.1, 56.3),
         "It misses “progression” by 53.2 (50.1 to 56.3), as a root mean square."),
        (SUGAR, "mae", seen(41.3, 38.7, 43.9), "It misses “progression” by 41.3 (38.7 to 43.9) on average."),
        (SUGAR, "mape", seen(0.354, 0.31, 0.398),
         "It misses “progression” by 35.4 (31.0 to 39.8) percent of its size on average."),
        (IRIS, "average_precision", seen(0.95, 0.92, 0.98),
         "Of the rows that it ranks for a class at or above one of it, 95 in 100 (92 to 98) are of that class, on "
         "average over 3 classes."),
        (SUGAR, "r2", seen(0.523, 0.47, 0.57), "It explains 52 % (47 to 57) of how “progression” varies."),
        (SUGAR, "r2", seen(-0.02, -0.06, 0.02),
         "It estimates “progression” no better than its mean would: R² −0.020 (−0.060 to 0.020)."),
    ],
)  # fmt: skip
def test_a_metric_in_words(asked: Question, metric: str, figure: Interval, said: str) -> None:
    assert skill(asked, metric, metric, figure, higher_is_better=True) == said


@pytest.mark.parametrize("task", METRICS_OF_TASK)
def test_every_metric_of_every_task_has_a_rule(task: Task) -> None:
    assert [metric for metric in METRICS_OF_TASK[task] if (task, metric) not in RULES] == []


def test_a_metric_without_a_rule_is_named_with_its_better_side() -> None:
    said = skill(SUGAR, "pinball", "Pinball loss", seen(3.1, 2.9, 3.3), higher_is_better=False)
    assert said == "Its Pinball loss is 3.10 (2.90 to 3.30); less is better."


@pytest.mark.parametrize(("asked", "said"), [
    (LATE, "tells rows that are “late” from those that are not"),
    (IRIS, "tells which of 3 classes of “species” a row is"),
    (SUGAR, "estimates “progression”"),
])  # fmt: skip
def test_what_a_model_is_for(asked: Question, said: str) -> None:
    assert purpose(asked) == said


def test_a_name_without_an_end_is_cut() -> None:
    assert len(Question("regression", "x" * 900).value) < 70


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (12_340.4, "12,340"), (53.24, "53.2"), (0.07123, "0.0712"), (-0.002, "−0.00200")]
)
def test_a_number_has_three_digits_that_say_something(value: float, text: str) -> None:
    assert number(value) == text


def test_an_interval_has_as_many_digits_as_tell_its_ends_apart() -> None:
    assert spoken(seen(-0.002, -0.025, 0.021), with_sign=True) == "−0.002 (−0.025 to +0.021)"
    assert spoken(seen(0.5, 0.5, 0.5)) == "0.500 (0.500 to 0.500)"
    assert form_of(seen(0.0, 0.0, 0.0), with_sign=True)(0.0) == "0"


@pytest.mark.parametrize(("share", "scale"), [(0.5, 100), (0.03, 100), (0.985, 1000), (0.9995, 10_000)])
def test_a_share_near_its_end_is_counted_out_of_more(share: float, scale: int) -> None:
    assert out_of(seen(share, share, share))[0] == scale


def test_a_percentage_below_one_keeps_a_digit() -> None:
    assert (percent(0.31), percent(-0.058), percent(0.004)) == ("31 %", "6 %", "0.4 %")
