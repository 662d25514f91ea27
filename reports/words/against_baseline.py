"""A model against the baseline, the best constant answer: in the deciding metric, or in the cost of decisions."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from contracts.decision import Comparison, Decision, Interval
from reports.words.numerals import form_of, out_of, percent

COST = "cost_per_1000"
# Metrics that are written as shares out of a hundred.
COUNTED = frozenset({"roc_auc", "accuracy", "precision", "recall", "average_precision"})


class Measured(Protocol):
    """A metric of a model on the holdout, as the decision or the history has it."""

    @property
    def metric(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def higher_is_better(self) -> bool: ...
    @property
    def decides(self) -> bool: ...
    @property
    def baseline(self) -> float | None: ...


One = TypeVar("One", bound=Measured)


def against_baseline(decision: Decision) -> str:
    """One sentence, on costs if they are known, else on the deciding metric; empty without a baseline."""
    chosen = chosen_metric(decision.comparisons)
    return f"{words_against_baseline(chosen, chosen.challenger)}{_caveat(chosen)}." if chosen else ""


def chosen_metric(metrics: Iterable[One]) -> One | None:
    """The cost of decisions if it is known, else the deciding metric; None without a baseline."""
    known = {one.metric: one for one in metrics if one.baseline is not None}
    return known.get(COST, next((one for one in known.values() if one.decides), None))


def words_against_baseline(one: Measured, seen: Interval) -> str:
    """The model's figure, `seen`, against the baseline's; no full stop."""
    form, baseline = form_of(seen), one.baseline or 0.0
    if one.metric in COUNTED:
        scale, counted = out_of(Interval(value=baseline, low=baseline, high=baseline))
        return f"Without a model it would be {counted(baseline)} in {scale:,}"
    if one.higher_is_better or baseline <= 0:
        return f"Without a model its {one.title} would be {form(baseline)}"
    saved = 1 - seen.value / baseline
    subject = "Its decisions cost" if one.metric == COST else f"Its {one.title} is"
    unit = " per 1,000 rows" if one.metric == COST else ""
    figures = f"{form(seen.value)} against {form(baseline)}{unit}"
    return f"{subject} {percent(saved)} {'less' if saved >= 0 else 'more'} than without a model, {figures}"


def _caveat(one: Comparison) -> str:
    """A caveat where the challenger's interval includes the baseline."""
    over = one.over_baseline
    if over is None:
        return ""
    low, high = (over.low, over.high) if one.higher_is_better else (-over.high, -over.low)
    if low > 0:
        return ""
    return "; with it, it is worse" if high < 0 else "; these rows cannot show that it is better with it"
