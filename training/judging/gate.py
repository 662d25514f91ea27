"""The rules of the gate, free of files and models: from comparisons, slices and checks to promote or reject, and why.

**Outcomes.** `low` and `high` are the ends of the interval of challenger minus champion, negated where less is better:

    better        low > 0                     significantly better
    equivalent    -margin <= low <= 0         not worse than the margin allows, whether or not it is a little worse
    worse         low < -margin, high < 0     significantly worse, and perhaps by more than the margin
    inconclusive  low < -margin, high >= 0    these rows cannot tell

The four exclude each other and leave nothing out. Only the first two are promoted, so a promotion always rests on
low >= -margin: the rule of a non-inferiority test, whose error rate is that of the bound. Only gate.metric decides. The
other metrics are shown with a margin of 0: better, worse, or inconclusive, and equivalent if there is no difference.

**Slices** are a guard, not a second exam: with dozens of them, asking each to prove itself would keep every model out.
A slice speaks up only when it is significantly worse than its margin: high < -slice_margin.

**Reject** is the answer wherever a check failed, a slice is worse, or the figure that decides is not there.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from contracts.decision import PROMOTED, Check, Comparison, Interval, Outcome, SliceComparison
from training.judging.formatting import bounds, decimals_of, figure

NO_FIGURE = "no figure of the champion to compare with"


class GateRuling(NamedTuple):
    """The verdict, and why: complete sentences, the first of which can stand alone. `reason_codes`: one for each."""

    decision: Literal["promote", "reject"]
    reasons: tuple[str, ...]
    reason_codes: tuple[str, ...]


class Complaint(NamedTuple):
    """One ground for rejection: a check, a slice, or no subject where the metric speaks for itself."""

    code: str
    subject: str
    text: str

    def as_verdict(self) -> str:
        by = f" ({self.subject})" if self.subject else ""
        return f"Challenger rejected{by}: {self.text}"

    def as_further_reason(self) -> str:
        return f"{self.subject[0].upper()}{self.subject[1:]}: {self.text}" if self.subject else self.text


def outcome_of(difference: Interval, margin: float, *, higher_is_better: bool) -> Outcome:
    """The outcome of challenger minus champion, in the metric's own unit. Figures that are not numbers never pass."""
    low, high = _oriented(difference, higher_is_better)
    if low > 0:
        return "better"
    if low >= -margin:
        return "equivalent"
    return "worse" if high < 0 else "inconclusive"


def slice_outcome_of(difference: Interval, margin: float, *, higher_is_better: bool) -> Outcome:
    """As `outcome_of`, but worse is only what is significantly worse than the margin."""
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
    """Promote or reject. Complaints in order: what makes the figures worthless, then the figures, then the limits."""
    deciding = next((one for one in comparisons if one.decides and one.metric == metric), None)
    complaints = _failed(validity) + _of_metric(metric, deciding, rows)
    if deciding is not None:
        complaints += [_of_slice(one, deciding, slice_margin) for one in slices if one.outcome == "worse"]
    complaints += _failed(limits)
    if complaints or deciding is None:
        first, *others = complaints
        reasons = (first.as_verdict(), *(other.as_further_reason() for other in others))
        return GateRuling("reject", reasons, tuple(one.code for one in complaints))
    return GateRuling("promote", (f"Challenger promoted: {_sentence(deciding, rows)}",), (deciding.outcome,))


def _oriented(difference: Interval, higher_is_better: bool) -> tuple[float, float]:
    return (difference.low, difference.high) if higher_is_better else (-difference.high, -difference.low)


def _failed(checks: Sequence[Check]) -> list[Complaint]:
    return [
        Complaint(check.name, check.name, f"{check.seen}; required: {check.required}. {check.remedy}".rstrip())
        for check in checks
        if not check.passed
    ]


def _of_metric(metric: str, deciding: Comparison | None, rows: int) -> list[Complaint]:
    if deciding is None:
        sentence = f"{metric}, which decides (gate.metric in pipeline.toml), could not be computed."
        return [Complaint("no figure", "", sentence)]
    return [] if deciding.outcome in PROMOTED else [Complaint(deciding.outcome, "", _sentence(deciding, rows))]


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


def _of_slice(one: SliceComparison, deciding: Comparison, margin: float) -> Complaint:
    if one.champion is None or one.difference is None:
        raise ValueError(f"the slice {one.column} = {one.value} cannot be worse than a champion that is not there")
    decimals = decimals_of(deciding)
    return Complaint(
        "slice",
        "slice",
        f"where {one.column} is {one.value} ({one.rows:,} rows), {deciding.metric} is "
        f"{figure(one.challenger, decimals)}, champion {figure(one.champion, decimals)}; the difference, "
        f"{figure(one.difference.value, decimals)} {bounds(one.difference, decimals)}, is worse than the margin of "
        f"{figure(margin, decimals)} (gate.slice_margin in pipeline.toml).",
    )
