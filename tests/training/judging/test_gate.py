"""The gate's rules alone: exactly one of four outcomes applies, and promotion rests on the lower bound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.decision import PROMOTED, Check, Comparison, Interval, Outcome, SliceComparison
from contracts.pipeline_toml.keys import Gate
from training.judging.comparisons import PairedPredictions, compare
from training.judging.evaluations import confidence_of_evaluation
from training.judging.gate import NO_FIGURE, GateRuling, judge, outcome_of, slice_outcome_of
from training.judging.scored_models import Predictions

ENDS = st.floats(-10, 10).map(lambda value: round(value, 3))
MARGINS = st.floats(0, 5).map(lambda value: round(value, 3))
PASSED = Check(name="parity", passed=True, seen="0 flips", required="0 flips")
FAILED = Check(name="size", passed=False, seen="60 MB", required="at most 50 MB", remedy="Train fewer trees.")


def interval(low: float, high: float) -> Interval:
    return Interval(value=(low + high) / 2, low=low, high=high)


def comparison(
    low: float, high: float, margin: float = 0.01, *, higher: bool = True, outcome: Outcome | None = None
) -> Comparison:
    difference = interval(low, high)
    return Comparison(
        metric="roc_auc",
        title="ROC AUC",
        higher_is_better=higher,
        challenger=interval(0.7, 0.8),
        champion=interval(0.7, 0.8),
        difference=difference,
        margin=margin,
        outcome=outcome or outcome_of(difference, margin, higher_is_better=higher),
        decides=True,
        method="by hand",
    )


def verdict(
    *comparisons: Comparison,
    validity: tuple[Check, ...] = (PASSED,),
    slices: tuple[SliceComparison, ...] = (),
    limits: tuple[Check, ...] = (PASSED,),
) -> GateRuling:
    return judge(
        "roc_auc",
        26_871,
        validity=validity,
        comparisons=comparisons,
        slices=slices,
        slice_margin=0.05,
        limits=limits,
    )


def slice_of(outcome: Outcome, difference: Interval | None) -> SliceComparison:
    return SliceComparison(
        column="carrier", value="HA", rows=1204, challenger=0.6, champion=0.7, difference=difference, outcome=outcome
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.001, 0.02, "better"),
        (0.0, 0.0, "equivalent"),
        (0.0, 0.02, "equivalent"),
        (-0.01, 0.02, "equivalent"),
        (-0.01, -0.001, "equivalent"),
        (-0.0101, -0.001, "worse"),
        (-0.03, -0.02, "worse"),
        (-0.0101, 0.0, "inconclusive"),
        (-0.05, 0.05, "inconclusive"),
    ],
)
def test_an_interval_has_the_outcome_that_its_ends_say(low: float, high: float, expected: Outcome) -> None:
    assert outcome_of(interval(low, high), 0.01, higher_is_better=True) == expected
    assert outcome_of(interval(-high, -low), 0.01, higher_is_better=False) == expected


@given(ENDS, ENDS, MARGINS)
def test_the_four_outcomes_exclude_each_other_and_leave_nothing_out(one: float, other: float, margin: float) -> None:
    low, high = min(one, other), max(one, other)
    holds: dict[Outcome, bool] = {
        "better": low > 0,
        "equivalent": -margin <= low <= 0,
        "worse": low < -margin and high < 0,
        "inconclusive": low < -margin and high >= 0,
    }
    assert [outcome for outcome, is_so in holds.items() if is_so] == [
        outcome_of(interval(low, high), margin, higher_is_better=True)
    ]


@given(ENDS, ENDS, MARGINS)
def test_less_of_a_loss_is_judged_as_more_of_a_gain(one: float, other: float, margin: float) -> None:
    low, high = min(one, other), max(one, other)
    gain = outcome_of(interval(low, high), margin, higher_is_better=True)
    assert outcome_of(interval(-high, -low), margin, higher_is_better=False) == gain


@given(ENDS, ENDS, MARGINS, st.booleans())
def test_a_promotion_rests_on_a_lower_bound_within_the_margin(
    one: float, other: float, margin: float, higher: bool
) -> None:
    low, high = min(one, other), max(one, other)
    judged = comparison(low, high, margin, higher=higher)
    if verdict(judged).decision == "promote":
        assert (low if higher else -high) >= -margin


def test_nan_is_never_promoted() -> None:
    nowhere = Interval.model_construct(value=float("nan"), low=float("nan"), high=float("nan"))
    assert outcome_of(nowhere, 0.01, higher_is_better=True) not in PROMOTED
    assert outcome_of(nowhere, 0.01, higher_is_better=False) not in PROMOTED


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 40), MARGINS)
def test_more_tries_never_make_a_promotion_easier(seed: int, one: int, other: int, margin: float) -> None:
    random = np.random.default_rng(seed)
    truth = random.normal(size=40)
    challenger, champion = (Predictions(truth + random.normal(size=40), None) for _ in range(2))
    paired = PairedPredictions(truth, random.integers(0, 8, 40), challenger, champion)
    gate = Gate(metric="rmse", margin=margin)

    def outcome(evaluations: int) -> Outcome:
        return compare(paired, "rmse", gate, confidence_of_evaluation(0.95, evaluations), has_champion=True).outcome

    few, many = min(one, other), max(one, other)
    assert outcome(few) in PROMOTED or outcome(many) not in PROMOTED


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.2, -0.051, "worse"),
        (-0.2, -0.05, "inconclusive"),
        (-0.2, 0.2, "inconclusive"),
        (-0.05, -0.01, "equivalent"),
        (0.01, 0.2, "better"),
    ],
)
def test_a_slice_is_worse_only_where_it_significantly_is(low: float, high: float, expected: Outcome) -> None:
    assert slice_outcome_of(interval(low, high), 0.05, higher_is_better=True) == expected
    assert slice_outcome_of(interval(-high, -low), 0.05, higher_is_better=False) == expected


def test_a_rejection_reads_as_the_house_style_has_it() -> None:
    judged = comparison(-0.017, -0.009, 0.005).model_copy(
        update={"challenger": interval(0.861, 0.881), "champion": interval(0.874, 0.894)}
    )
    decision, (reason,), codes = verdict(judged)
    assert (decision, codes) == ("reject", ("worse",))
    for shown in ("roc_auc 0.871", "26,871 rows", "champion 0.884", "-0.013 [-0.017, -0.009]", "0.005 (gate.margin"):
        assert shown in reason


def test_a_promotion_says_whether_it_is_a_gain_or_within_the_margin() -> None:
    assert verdict(comparison(0.001, 0.02)).reason_codes == ("better",)
    within = verdict(comparison(-0.005, 0.02))
    assert within.reason_codes == ("equivalent",)
    assert "margin of 0.010" in within.reasons[0]


def test_a_loss_that_may_be_within_the_margin_is_not_called_worse_than_it() -> None:
    maybe = verdict(comparison(-0.012, -0.004))
    surely = verdict(comparison(-0.022, -0.014))
    assert maybe.reason_codes == surely.reason_codes == ("worse",)
    assert "may exceed" in maybe.reasons[0]
    assert "may exceed" not in surely.reasons[0]


def test_an_inconclusive_outcome_says_what_would_help() -> None:
    judged = verdict(comparison(-0.05, 0.05))
    assert judged.decision == "reject"
    assert judged.reason_codes == ("inconclusive",)
    assert "data.holdout_days or data.holdout_share" in judged.reasons[0]


def test_no_figure_to_decide_on_rejects() -> None:
    other = comparison(0.1, 0.2).model_copy(update={"metric": "brier", "decides": False})
    for judged in (verdict(), verdict(other)):
        assert judged.decision == "reject"
        assert judged.reason_codes == ("no figure",)
        assert "gate.metric" in judged.reasons[0]


def test_a_champion_without_a_figure_rejects() -> None:
    alone = comparison(0, 0, outcome="inconclusive").model_copy(update={"champion": None, "difference": None})
    judged = verdict(alone)
    assert judged.decision == "reject"
    assert judged.reason_codes == ("inconclusive",)
    assert NO_FIGURE in judged.reasons[0]


def test_any_failed_check_rejects_whatever_the_comparison_says() -> None:
    better = comparison(0.1, 0.2)
    for judged in (verdict(better, validity=(FAILED,)), verdict(better, limits=(PASSED, FAILED))):
        assert judged.decision == "reject"
        assert judged.reason_codes == (FAILED.name,)
        for shown in (FAILED.name, FAILED.seen, FAILED.required, FAILED.remedy):
            assert shown in judged.reasons[0]


def test_a_slice_that_is_worse_rejects_and_one_that_is_inconclusive_does_not() -> None:
    better = comparison(0.1, 0.2)
    worse = verdict(better, slices=(slice_of("worse", interval(-0.15, -0.06)),))
    assert worse.decision == "reject"
    assert worse.reason_codes == ("slice",)
    for shown in ("carrier is HA", "1,204 rows", "0.600", "gate.slice_margin"):
        assert shown in worse.reasons[0]
    assert verdict(better, slices=(slice_of("inconclusive", None),)).decision == "promote"


def test_validity_comes_before_figures_and_figures_before_limits() -> None:
    judged = verdict(
        comparison(-0.05, -0.04),
        validity=(FAILED.model_copy(update={"name": "leak"}),),
        slices=(slice_of("worse", interval(-0.15, -0.06)),),
        limits=(FAILED,),
    )
    starts = ("Challenger rejected (leak): ", "roc_auc ", "Slice: where ", "Size: ")
    assert [reason.startswith(start) for reason, start in zip(judged.reasons, starts, strict=True)] == [True] * 4
