"""The rules of the gate: from comparisons, slices and checks to promote or reject, with the reasons. Pure functions.

**Outcomes.** `low` and `high` are the ends of the interval of challenger minus champion, negated where less is better:

    better        low > 0                     significantly better
    equivalent    -margin <= low <= 0         not worse than the margin allows
    worse         low < -margin, high < 0     significantly worse, and perhaps by more than the margin
    inconclusive  low < -margin, high >= 0    these rows cannot tell

Exactly one of the four applies. Only the first two are promoted, so every promotion has low >= -margin. That is the
rule of a non-inferiority test, whose error rate is that of the bound. Only gate.metric decides. The other metrics are
shown with a margin of 0: better, worse or inconclusive, and equivalent where there is no difference.

**Slices** are judged less strictly. If each of dozens of slices had to prove itself, no model would pass. So a slice
rejects only where it is significantly worse than its margin: high < -slice_margin.

**Reject** is the decision where a check failed, a slice is worse, or the figure that decides is missing.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from contracts.decision import PROMOTED, Check, Comparison, Interval, Outcome, SliceComparison
from training.judging.formatting import bounds, decimals_of, figure

NO_FIGURE = "no figure of the champion to compare with"


class GateRuling(NamedTuple):
    """The decision. `reasons`: sentences, the first of which can stand alone. `reason_codes`: one for each reason."""

    decision: Literal["promote", "reject"]
    reasons: tuple[str, ...]
    reason_codes: tuple[str, ...]


class Objection(NamedTuple):
    """One ground for rejection. `subject`: the check or slice; "" for the metric that decides."""

    code: str
    subject: str
    text: str

    def as_verdict(self) -> str:
        by = f" ({self.subject})" if self.subject else ""
        return f"Challenger rejected{by}: {self.text}"

    def as_further_reason(self) -> str:
        return f"{self.subject[0].upper()}{self.subject[1:]}: {self.text}" if self.subject else self.text


def outcome_of(difference: Interval, margin: float, *, higher_is_better: bool) -> Outcome:
    """The outcome of challenger minus champion, in the metric's own unit. NaN is never promoted."""
    low, high = _oriented(difference, higher_is_better)
    if low > 0:
        return "better"
    if low >= -margin:
        return "equivalent"
    return "worse" if high < 0 else "inconclusive"


def slice_outcome_of(difference: Interval, margin: float, *, higher_is_better: bool) -> Outcome:
    """As `outcome_of`, except that "worse" means significantly worse than the margin."""
    low, high = _oriented(difference, higher_is_better)
    if high < -margin:
        return "worse"
    if low > 0:
        return "better"
    return "equivalent" if low >= -margin else "inconclusive"


def judge(
    metric: str,
    rows: int,
    *,
    validity: Sequence[Check],
    comparisons: Sequence[Comparison],
    slices: Sequence[SliceComparison],
    slice_margin: float,
    limits: Sequence[Check],
) -> GateRuling:
    """Promote or reject. Objections in order: what makes the figures invalid, then the figures, then the limits."""
    deciding = next((one for one in comparisons if one.decides and one.metric == metric), None)
    objections = _failed(validity) + _of_metric(metric, deciding, rows)
    if deciding is not None:
        objections += [_of_slice(one, deciding, slice_margin) for one in slices if one.outcome == "worse"]
    objections += _failed(limits)
    if objections or deciding is None:
        first, *others = objections
        reasons = (first.as_verdict(), *(other.as_further_reason() for other in others))
        return GateRuling("reject", reasons, tuple(one.code for one in objections))
    return GateRuling("promote", (f"Challenger promoted: {_sentence(deciding, rows)}",), (deciding.outcome,))


def _oriented(difference: Interval, higher_is_better: bool) -> tuple[float, float]:
    return (difference.low, difference.high) if higher_is_better else (-difference.high, -difference.low)


def _failed(checks: Sequence[Check]) -> list[Objection]:
    return [
        Objection(check.name, check.name, f"{check.seen}; required: {check.required}. {check.remedy}".rstrip())
        for check in checks
        if not check.passed
    ]


def _of_metric(metric: str, deciding: Comparison | None, rows: int) -> list[Objection]:
    if deciding is None:
        sentence = f"{metric}, which decides (gate.metric in pipeline.toml), could not be computed."
        return [Objection("no figure", "", sentence)]
    return [] if deciding.outcome in PROMOTED else [Objection(deciding.outcome, "", _sentence(deciding, rows))]


def _sentence(deciding: Comparison, rows: int) -> str:
    decimals = decimals_of(deciding)
    seen = f"{deciding.metric} {figure(deciding.challenger.value, decimals)} on {rows:,} rows"
    if deciding.champion is None or deciding.difference is None:
        alone = deciding.outcome == "no champion"
        return f"{seen}; there is {'no champion, and every floor and limit is kept' if alone else NO_FIGURE}."
    return (
        f"{seen}, champion {figure(deciding.champion.value, decimals)}; the difference, "
        f"{figure(deciding.difference.value, decimals)} {bounds(deciding.difference, decimals)}, "
        f"{_against_margin(deciding, deciding.difference, decimals)}"
    )


def _against_margin(deciding: Comparison, difference: Interval, decimals: int) -> str:
    margin = deciding.margin or 0.0
    named = f"the margin of {figure(margin, decimals)} (gate.margin in pipeline.toml)"
    gain = difference.value if deciding.higher_is_better else -difference.value
    match deciding.outcome:
        case "better":
            return "is an improvement."
        case "equivalent":
            return f"is within {named}."
        case "worse" if gain < -margin:
            return f"is worse than {named}."
        case "worse":
            return f"is a loss that may exceed {named}."
        case _:
            return (
                f"is inconclusive: these rows cannot rule out a loss beyond {named}. "
                "A longer holdout (data.holdout_days or data.holdout_share) sees more."
            )


def _of_slice(one: SliceComparison, deciding: Comparison, margin: float) -> Objection:
    if one.champion is None or one.difference is None:
        raise ValueError(f"the slice {one.column} = {one.value} cannot be worse than a champion that is not there")
    decimals = decimals_of(deciding)
    return Objection(
        "slice",
        "slice",
        f"where {one.column} is {one.value} ({one.rows:,} rows), {deciding.metric} is "
        f"{figure(one.challenger, decimals)}, champion {figure(one.champion, decimals)}; the difference, "
        f"{figure(one.difference.value, decimals)} {bounds(one.difference, decimals)}, is worse than the margin of "
        f"{figure(margin, decimals)} (gate.slice_margin in pipeline.toml).",
    )
