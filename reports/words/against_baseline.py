"""A model against the baseline, the best constant answer: in the deciding metric, or in the cost of decisions."""

from contracts.decision import Comparison, Decision, Interval
from reports.words.numerals import form_of, out_of, percent

COST = "cost_per_1000"
# Metrics that are written as shares out of a hundred.
COUNTED = frozenset({"roc_auc", "accuracy", "precision", "recall", "average_precision"})


def against_baseline(decision: Decision) -> str:
    """One sentence, on costs if they are known, else on the deciding metric; empty without a baseline."""
    known = {one.metric: one for one in decision.comparisons if one.baseline is not None}
    deciding = next((one for one in known.values() if one.decides), None)
    if chosen := known.get(COST, deciding):
        return f"{_against(chosen, chosen.baseline or 0.0)}{_caveat(chosen)}."
    return ""


def _against(one: Comparison, baseline: float) -> str:
    form = form_of(one.challenger)
    if one.metric in COUNTED:
        scale, counted = out_of(Interval(value=baseline, low=baseline, high=baseline))
        return f"Without a model it would be {counted(baseline)} in {scale:,}"
    if one.higher_is_better or baseline <= 0:
        return f"Without a model its {one.title} would be {form(baseline)}"
    saved = 1 - one.challenger.value / baseline
    subject = "Its decisions cost" if one.metric == COST else f"Its {one.title} is"
    unit = " per 1,000 rows" if one.metric == COST else ""
    figures = f"{form(one.challenger.value)} against {form(baseline)}{unit}"
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
