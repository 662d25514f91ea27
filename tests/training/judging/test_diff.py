"""diff.md shows every figure of the decision, and nothing from outside as markup."""

import pytest

from contracts.decision import Check, Comparison, Decision, Interval, SliceComparison
from training.judging.diff import MOST_SLICES, render
from training.judging.formatting import decimals_of, decimals_to_tell_apart, figure, percent, rounded, signed

COMPARISON = Comparison(
    metric="roc_auc",
    title="ROC AUC",
    higher_is_better=True,
    challenger=Interval(value=0.871, low=0.861, high=0.881),
    champion=Interval(value=0.884, low=0.874, high=0.894),
    difference=Interval(value=-0.013, low=-0.017, high=-0.009),
    baseline=0.5,
    margin=0.005,
    outcome="worse",
    decides=True,
    method="by hand",
)
LOSS = COMPARISON.model_copy(
    update={"metric": "brier", "title": "Brier score", "higher_is_better": False, "margin": None, "decides": False}
)
SLICE = SliceComparison(
    column="carrier",
    value="HA",
    rows=1204,
    challenger=0.6,
    champion=0.7,
    difference=Interval(value=-0.1, low=-0.14, high=-0.06),
    outcome="worse",
)
DECISION = Decision(
    decision="reject",
    reasons=("Challenger rejected: it is worse.", "Size: too large."),
    metric="roc_auc",
    challenger="sha256:a",
    champion="sha256:b",
    data_digest="sha256:d",
    settings="sha256:5",
    commit="c",
    holdout_rows=26_871,
    holdout_first="2013-09-01 05:16:00",
    holdout_last="2013-09-30 23:59:00",
    clusters=30,
    evaluation=2,
    confidence=0.975,
    detectable_difference=0.00876,
    comparisons=(COMPARISON, LOSS),
    checks=(Check(name="model size", passed=False, seen="60 MB", required="at most 50 MB", remedy="Less."),),
    slices=(SLICE,),
)


def test_the_parts_are_in_their_order() -> None:
    text = render(DECISION)
    parts = [
        "**Challenger rejected: it is worse.**",
        "| metric |",
        "Holdout: ",
        "### Slices",
        "### Checks",
        "### Reasons",
    ]
    assert sorted(parts, key=text.index) == parts
    assert text.rstrip().endswith(DECISION.reasons[-1])


def row(text: str, first: str) -> list[str]:
    """The cells of the row whose first cell begins with this."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {first}")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_metric_that_decides_is_marked_with_its_margin() -> None:
    title, *figures = row(render(DECISION), "**ROC AUC**")
    assert "0.005" in title
    assert figures == ["0.500", "0.884", "0.871", "-0.013", "[-0.017, -0.009]", "**worse**"]
    assert row(render(DECISION), "Brier score")[1:3] == ["0.500", "0.884"]


def test_it_shows_the_rows_and_the_confidence_behind_the_figures() -> None:
    text = render(DECISION)
    for shown in ("26,871 rows", "30 clusters", "2013-09-01 05:16:00", "2013-09-30 23:59:00"):
        assert shown in text
    for shown in ("Evaluation 2 ", "97.5 %", "0.0088 in roc_auc", "80 %"):
        assert shown in text


def test_a_decision_without_figures_shows_its_checks_and_reasons() -> None:
    bare = DECISION.model_copy(update={"comparisons": (), "slices": (), "detectable_difference": None})
    text = render(bare)
    assert "| metric |" not in text
    assert "### Slices" not in text
    assert row(text, "model size")[1:3] == ["**failed**", "60 MB"]


def test_without_a_champion_the_challenger_s_own_bounds_are_shown() -> None:
    alone = COMPARISON.model_copy(update={"champion": None, "difference": None, "outcome": "no champion"})
    text = render(DECISION.model_copy(update={"comparisons": (alone,)}))
    assert row(text, "**ROC AUC**")[2:] == ["–", "0.871 [0.861, 0.881]", "–", "–", "**no champion**"]


def test_of_many_slices_the_worse_ones_are_shown_first_and_the_rest_counted() -> None:
    fine = SLICE.model_copy(update={"outcome": "equivalent", "value": "AA"})
    text = render(DECISION.model_copy(update={"slices": (*[fine] * (MOST_SLICES + 9), SLICE)}))
    assert text.index("carrier: HA") < text.index("carrier: AA")
    assert "10 more slices" in text


def test_a_slice_that_was_not_judged_says_so() -> None:
    shown = SLICE.model_copy(update={"difference": None, "outcome": "inconclusive"})
    text = render(DECISION.model_copy(update={"slices": (shown,)}))
    assert row(text, "carrier: HA")[1:] == ["1,204", "0.700", "0.600", "–", "–", "shown only"]


def test_the_same_decision_gives_the_same_text() -> None:
    assert render(DECISION) == render(Decision.model_validate_json(DECISION.model_dump_json()))


def test_hostile_names_leave_the_tables_whole() -> None:
    hostile = "x|y\n| z | <b>@all</b>"
    text = render(
        DECISION.model_copy(
            update={
                "slices": (SLICE.model_copy(update={"column": hostile, "value": hostile}),),
                "checks": (DECISION.checks[0].model_copy(update={"seen": hostile}),),
                "reasons": (hostile,),
            }
        )
    )
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert [line.count("|") for line in rows] == [8] * 4 + [8] * 3 + [5] * 3
    assert "<b>" not in text
    assert "@all" not in text


def test_figures_are_rounded_to_six_digits_and_zero_has_no_sign() -> None:
    assert rounded(0.12345678) == 0.123457
    assert rounded(1234567.8) == 1234570
    assert str(rounded(-0.0)) == "0.0"
    assert figure(-0.0001) == "0.000"
    assert signed(-0.0001) == "0.000"
    assert signed(0.0131) == "+0.013"


def test_shares_are_shown_in_per_cent_and_a_small_one_is_not_0() -> None:
    assert [percent(share) for share in (0, 0.0001, 0.042, 1)] == ["0.0 %", "under 0.1 %", "4.2 %", "100.0 %"]


def test_there_are_enough_decimals_to_see_on_which_side_of_a_bound_a_figure_lies() -> None:
    assert figure(0.08004, decimals_to_tell_apart(0.08004, 0.08)) == "0.08004"
    near = COMPARISON.model_copy(update={"difference": Interval(value=-0.001, low=-0.00502, high=0.003)})
    assert figure(-0.00502, decimals_of(near)) == "-0.00502"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.871, "0.871"), (0.0, "0.000"), (0.0754, "0.075"), (0.000412, "0.000412"), (55.12, "55.12"), (5321.4, "5,321")],
)
def test_large_and_tiny_figures_keep_their_first_digits(value: float, shown: str) -> None:
    same = Interval(value=value, low=value, high=value)
    alone = {"challenger": same, "champion": same, "difference": None, "margin": None}
    assert figure(value, decimals_of(COMPARISON.model_copy(update=alone))) == shown
