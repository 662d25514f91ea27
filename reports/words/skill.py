"""What a model does, how good and how fast it is: one sentence each, by a rule for every metric of every task.

A rule turns a figure and its interval into everyday words: 74 times in 100, not an AUC of 0.74. If a metric has no
everyday meaning, the sentence says what it measures. A metric without a rule is named, with the better direction.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from contracts.decision import Interval
from contracts.model_figures import ModelFigures
from contracts.model_folder import ModelCard
from reports.words.numerals import between, out_of, spoken

# Class names that only mean yes: the target's name says more.
YES = frozenset({"1", "1.0", "t", "true", "y", "yes"})
LONGEST_NAME = 60


@dataclass(frozen=True)
class Question:
    """What a model predicts. `positive`: the positive class of a binary task; `classes`: how many there are."""

    task: str
    target: str
    positive: str = ""
    classes: int = 0

    @property
    def positives(self) -> str:
        """What a row of the positive class is called, in quotes: its names come from the table."""
        name = self.target if self.positive.lower() in YES else f"{self.target} = {self.positive}"
        return f"“{_cut(name)}”"

    @property
    def value(self) -> str:
        """The target of a regression."""
        return f"“{_cut(self.target)}”"


Rule = Callable[[Question, Interval], str]


def question_of(card: ModelCard) -> Question:
    """What this model was trained to predict."""
    return Question(card.task, card.target, card.positive, len(card.classes))


def purpose(asked: Question) -> str:
    """What the model is for, as a title says it."""
    if asked.task == "regression":
        return f"estimates {asked.value}"
    if asked.task == "multiclass":
        return f"tells which of {asked.classes} classes of {asked.value} a row is"
    return f"tells rows that are {asked.positives} from those that are not"


def skill(asked: Question, metric: str, title: str, seen: Interval, *, higher_is_better: bool) -> str:
    """What `metric`, with this value and interval, says about the model."""
    rule = RULES.get((asked.task, metric))
    if rule is None:
        way = "more" if higher_is_better else "less"
        return f"Its {_cut(title)} is {spoken(seen)}; {way} is better."
    return rule(asked, seen)


def speed(p50_ms: float, p95_ms: float) -> str:
    """How long a client waits."""
    return f"Half of all requests are answered within {p50_ms:.1f} ms, 95 in 100 within {p95_ms:.1f} ms."


def found_and_missed(asked: Question, figures: ModelFigures) -> str:
    """A binary model's hits, misses and false alarms; empty for other tasks."""
    names = [one.name for one in figures.classes]
    if asked.task != "binary" or asked.positive not in names:
        return ""
    own = names.index(asked.positive)
    found, missed = figures.confusion[own][own], figures.confusion[own][1 - own]
    alarms, name = figures.confusion[1 - own][own], asked.positives
    return (
        f"Of {found + missed:,} rows that are {name} it finds {found:,} and misses {missed:,}; "
        f"{alarms:,} of {sum(figures.confusion[1 - own]):,} others it calls {name} as well."
    )


def _times(seen: Interval, unit: str) -> str:
    scale, form = out_of(seen)
    return f"{form(seen.value)} {unit} in {scale:,}{between(seen, form)}"


def _share(seen: Interval) -> str:
    scale, form = out_of(seen)
    return f"{form(seen.value)} in {scale:,}{between(seen, form)}"


def _of_scale(seen: Interval, before: str, after: str) -> str:
    scale, form = out_of(seen)
    return f"{before} {scale:,} {after} {form(seen.value)}{between(seen, form)}"


def _roc_auc(asked: Question, seen: Interval) -> str:
    name = asked.positives
    return f"Of one row that is {name} and one that is not, it ranks the {name} one higher {_times(seen, 'times')}."


def _roc_auc_of_classes(asked: Question, seen: Interval) -> str:
    return (
        f"Of one row of a class and one of another, it ranks the right one higher for that class "
        f"{_times(seen, 'times')}, on average over {asked.classes} classes."
    )


def _average_precision(asked: Question, seen: Interval) -> str:
    name = asked.positives
    return f"Of the rows that it ranks at or above a {name} one, {_share(seen)} are {name}, on average."


def _average_precision_of_classes(asked: Question, seen: Interval) -> str:
    return (
        f"Of the rows that it ranks for a class at or above one of it, {_share(seen)} are of that class, on average "
        f"over {asked.classes} classes."
    )


def _brier(_: Question, seen: Interval) -> str:
    root = Interval(value=seen.value**0.5, low=max(seen.low, 0.0) ** 0.5, high=max(seen.high, 0.0) ** 0.5)
    return f"Its probabilities are off by {spoken(root)}, as a root mean square."


def _brier_of_classes(_: Question, seen: Interval) -> str:
    said = f"{spoken(seen)}"
    return f"Its probabilities have a Brier score of {said}; 0 is perfect, 2 the worst."


def _log_loss(_: Question, seen: Interval) -> str:
    kept = Interval(value=math.exp(-seen.value), low=math.exp(-seen.high), high=math.exp(-seen.low))
    said = f"{spoken(kept)}"
    return f"To what really happened it gave a probability of {said}, as a geometric mean."


def _accuracy(_: Question, seen: Interval) -> str:
    return f"It decides {_times(seen, 'rows')} right."


def _accuracy_of_classes(asked: Question, seen: Interval) -> str:
    return f"It names the right one of {asked.classes} classes for {_times(seen, 'rows')}."


def _precision(asked: Question, seen: Interval) -> str:
    return _of_scale(seen, "Of", f"rows that it calls {asked.positives}, it is right about") + "."


def _recall(asked: Question, seen: Interval) -> str:
    return _of_scale(seen, "Of", f"rows that are {asked.positives}, it finds") + "."


def _f1(asked: Question, seen: Interval) -> str:
    over = f", on average over {asked.classes} classes" if asked.task == "multiclass" else ""
    return f"Its F1, which is 1 where every row that it calls is right and none is missed, is {spoken(seen)}{over}."


def _rmse(asked: Question, seen: Interval) -> str:
    return f"It misses {asked.value} by {spoken(seen)}, as a root mean square."


def _mae(asked: Question, seen: Interval) -> str:
    return f"It misses {asked.value} by {spoken(seen)} on average."


def _mape(asked: Question, seen: Interval) -> str:
    percent = Interval(value=100 * seen.value, low=100 * seen.low, high=100 * seen.high)
    return f"It misses {asked.value} by {spoken(percent)} percent of its size on average."


def _r2(asked: Question, seen: Interval) -> str:
    if seen.value <= 0:
        said = f"R² {spoken(seen)}"
        return f"It estimates {asked.value} no better than its mean would: {said}."
    said = between(seen, lambda one: f"{100 * one:.0f}")
    return f"It explains {100 * seen.value:.0f} %{said} of how {asked.value} varies."


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


RULES: dict[tuple[str, str], Rule] = {
    ("binary", "roc_auc"): _roc_auc,
    ("binary", "average_precision"): _average_precision,
    ("binary", "brier"): _brier,
    ("binary", "log_loss"): _log_loss,
    ("binary", "accuracy"): _accuracy,
    ("binary", "precision"): _precision,
    ("binary", "recall"): _recall,
    ("binary", "f1"): _f1,
    ("multiclass", "roc_auc"): _roc_auc_of_classes,
    ("multiclass", "average_precision"): _average_precision_of_classes,
    ("multiclass", "brier"): _brier_of_classes,
    ("multiclass", "log_loss"): _log_loss,
    ("multiclass", "accuracy"): _accuracy_of_classes,
    ("multiclass", "f1"): _f1,
    ("regression", "rmse"): _rmse,
    ("regression", "mae"): _mae,
    ("regression", "mape"): _mape,
    ("regression", "r2"): _r2,
}
