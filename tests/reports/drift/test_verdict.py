"""The rules of the verdict: the state that follows from inputs, predictions, labels and performance."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from contracts.decision import Interval
from contracts.exits import Exit
from contracts.pipeline_toml.keys import Drift
from contracts.verdict import (
    ColumnComparison,
    DriftVerdict,
    EstimatedPerformance,
    LabelComparison,
    PerformanceComparison,
    PerformanceOutcome,
    ScoredAgain,
    SliceComparison,
    Timing,
)
from reports.drift.comparison import Compared
from reports.drift.log_reader import Answers, RequestWindow
from reports.drift.verdict import Findings, Subject, exit_code, headline, judge
from scoring.drift_statistics import DriftStatistic

DRIFT = Drift(min_rows=1000)
SUBJECT = Subject("sha256:1", "sha256:d", "sha256:5")
STILL = {"temp": 0.01, "wind": 0.01, "carrier": 0.01, "prediction": 0.01}


def window(
    requests: int = 4000, torn: int = 0, unreadable: int = 0, repeated: int = 0, others: int = 0
) -> RequestWindow:
    count = min(requests, 3000)
    answers = Answers(np.empty((count, 2)), np.array([None] * count, dtype=object), np.zeros(count, dtype=np.int64))
    table = pd.DataFrame({"prediction": [0.5] * count})
    sources = np.full(count, -1)
    return RequestWindow(
        table, answers, requests, "2013-10-01", "2013-10-30", torn, unreadable, repeated, others, sources
    )


def comparison(name: str, distance: float) -> ColumnComparison:
    kind: Literal["feature", "prediction"] = "prediction" if name == "prediction" else "feature"
    return ColumnComparison(
        column=name, kind=kind, method="wasserstein", distance=distance, threshold=0.25, drifted=distance > 0.25
    )


def statistic(name: str, source: str) -> DriftStatistic:
    return DriftStatistic(name, source, "prediction" if name == "prediction" else "value", "wasserstein", 0.1)


def compared(distances: Mapping[str, float], labels: LabelComparison | None = None) -> Compared:
    every = {**STILL, **distances}
    columns = tuple(comparison(name, distance) for name, distance in every.items())
    return Compared(columns, tuple(statistic(name, name.removesuffix(" is missing")) for name in every), labels)


def performance(outcome: PerformanceOutcome) -> PerformanceComparison:
    return PerformanceComparison(
        metric="roc_auc", labels=900, reference=0.73, current=0.68, days=30, outcome=outcome,
        difference=Interval(value=-0.05, low=-0.08, high=-0.02), method="clustered by day, 30 days",
    )  # fmt: skip


def moved_labels(moved: bool = True) -> LabelComparison:
    return LabelComparison(labels=900, method="jensenshannon", distance=0.1, threshold=0.06, moved=moved)


def verdict(
    drift: Drift = DRIFT,
    requests: int = 4000,
    outcome: PerformanceOutcome | None = None,
    labels: LabelComparison | None = None,
    distances: Mapping[str, float] = STILL,
) -> DriftVerdict:
    seen = performance(outcome) if outcome else None
    findings = Findings(5000, 30, compared(distances, labels), seen)
    return judge(drift, window(requests), findings, SUBJECT, "production")


def test_small_distances_are_stable() -> None:
    seen = verdict()
    assert (seen.state, seen.inputs, seen.predictions, seen.performance) == ("stable", "stable", "stable", None)


def test_one_column_over_its_threshold_is_drift_and_named() -> None:
    seen = verdict(distances={"temp": 0.8})
    assert (seen.state, seen.inputs, seen.predictions) == ("drift", "drift", "stable")
    assert "temp 0.8 > 0.25" in seen.reasons[0]
    assert any("POST /feedback" in reason for reason in seen.reasons)


@pytest.mark.parametrize(
    ("outcome", "distances", "state"),
    [
        (None, {"temp": 0.8}, "drift"),
        (None, {"prediction": 0.8}, "drift"),
        ("inconclusive", {"temp": 0.8}, "stable"),
        ("inconclusive", {"prediction": 0.8}, "drift"),
        ("insufficient", {"temp": 0.8}, "drift"),
        ("held", {"temp": 0.8, "prediction": 0.8}, "stable"),
        ("worse", {}, "drift"),
        ("held", {}, "stable"),
    ],
)
def test_the_state_follows_from_all_three_questions(
    outcome: PerformanceOutcome | None, distances: dict[str, float], state: str
) -> None:
    assert verdict(outcome=outcome, distances=distances).state == state


@pytest.mark.parametrize("outcome", ["held", "inconclusive", None])
def test_inputs_that_are_late_are_drift_whatever_else_holds(outcome: PerformanceOutcome | None) -> None:
    timing = Timing(days=29, own=0.22, following=0.52, high=0.41, is_late=True)
    findings = Findings(5000, 30, compared(STILL), performance(outcome) if outcome else None, timing=timing)
    seen = judge(DRIFT, window(), findings, SUBJECT, "production")
    assert (seen.state, seen.inputs, seen.predictions, seen.timing) == ("drift", "stable", "stable", timing)
    assert any("0.22" in one and "0.52" in one for one in seen.reasons)
    assert [one for one in seen.reasons if one.startswith("To do:")]
    in_time = judge(
        DRIFT,
        window(),
        replace(findings, timing=timing.model_copy(update={"is_late": False})),
        SUBJECT,
        "production",
    )
    assert in_time.state == "stable"
    assert not [one for one in in_time.reasons if one.startswith("To do:")]


def test_inputs_that_moved_while_performance_held_are_stable_and_still_reported() -> None:
    seen = verdict(outcome="held", distances={"temp": 0.8})
    assert (seen.state, seen.inputs) == ("stable", "drift")
    assert any(one.startswith("Nothing to do:") for one in seen.reasons)


def test_labels_that_moved_while_inputs_did_not_are_drift() -> None:
    seen = verdict(outcome="held", labels=moved_labels())
    assert (seen.state, seen.inputs, seen.predictions) == ("drift", "stable", "stable")
    assert any("decision threshold" in reason for reason in seen.reasons)


def test_labels_as_in_training_are_no_drift() -> None:
    assert verdict(outcome="held", labels=moved_labels(moved=False)).state == "stable"


def test_a_distance_at_its_threshold_is_not_drift() -> None:
    assert verdict(distances={"temp": 0.25}).inputs == "stable"


def test_too_few_requests_answer_nothing_even_when_distances_are_large() -> None:
    seen = verdict(requests=999, distances={"temp": 9.0, "prediction": 9.0})
    assert (seen.state, seen.inputs, seen.predictions) == ("insufficient",) * 3
    assert all(value in seen.reasons[0] for value in ("999", "1,000", "drift.min_rows"))


def test_a_measured_loss_is_drift_even_with_too_few_requests_to_compare() -> None:
    assert verdict(requests=999, outcome="worse").state == "drift"


def test_exactly_the_required_requests_are_enough() -> None:
    assert verdict(requests=1000).state == "stable"


def test_no_requests_at_all_are_insufficient() -> None:
    findings = Findings(5000, 30, Compared())
    seen = judge(DRIFT, window(0), findings, SUBJECT, "production")
    assert (seen.state, seen.columns) == ("insufficient", ())
    assert "0 requests" in headline(DRIFT, findings, seen)


def test_a_log_without_any_feature_never_passes_as_stable() -> None:
    bare = Compared((comparison("prediction", 0.01),), (statistic("prediction", "prediction"),), None, ("temp", "wind"))
    seen = judge(DRIFT, window(), Findings(5000, 30, bare), SUBJECT, "production")
    assert (seen.state, seen.inputs, seen.predictions) == ("insufficient", "insufficient", "stable")
    assert any("temp, wind (service.logged_features)" in reason for reason in seen.reasons)


def test_a_feature_whose_missing_values_moved_has_drifted_once() -> None:
    both = compared({"temp": 0.3, "temp is missing": 0.5})
    assert [one.column for one in both.drifted] == ["temp is missing"]
    assert len(both.features) == 3


@pytest.mark.parametrize(
    ("state", "requests", "distance", "blocks", "code"),
    [
        ("stable", 4000, 0.0, True, Exit.PASS),
        ("drift", 4000, 9.0, False, Exit.PASS),
        ("drift", 4000, 9.0, True, Exit.FINDING),
        ("insufficient", 10, 0.0, False, Exit.PASS),
        ("insufficient", 10, 0.0, True, Exit.FINDING),
    ],
)
def test_only_blocks_deploy_makes_a_finding(
    state: str, requests: int, distance: float, blocks: bool, code: int
) -> None:
    drift = DRIFT.model_copy(update={"blocks_deploy": blocks})
    seen = verdict(drift, requests, distances={"prediction": distance})
    assert (seen.state, exit_code(drift, seen)) == (state, code)
    assert any("stops the deploy" in reason for reason in seen.reasons) == (code is Exit.FINDING)


def test_the_headline_has_the_figures_to_remember() -> None:
    findings = Findings(5000, 30, compared({"temp": 0.81, "carrier": 0.2}), performance("worse"))
    seen = judge(DRIFT, window(), findings, SUBJECT, "production")
    line = headline(DRIFT, findings, seen)
    for figure in ("1 of 3", "temp 0.81 > 0.25", "predictions stable 0.01", "worse roc_auc 0.68", "4,000", "5,000"):
        assert figure in line


def test_an_estimate_comes_with_its_interval_and_its_assumption() -> None:
    guess = EstimatedPerformance(
        metric="roc_auc", rows=4000, reference=0.73, estimate=0.71, low=0.69, high=0.73, assumption="If it is so."
    )
    seen = judge(DRIFT, window(), Findings(5000, 30, compared({}), None, guess), SUBJECT, "production")
    assert any("roc_auc 0.710 [0.690, 0.730]" in one and guess.assumption in one for one in seen.reasons)
    assert seen.state == "stable"


def test_what_was_left_out_of_the_log_is_reported() -> None:
    log = window(4000, torn=1, unreadable=2, repeated=3, others=4)
    seen = judge(DRIFT, log, Findings(5000, 30, compared({})), SUBJECT, "production")
    assert (seen.torn_lines, seen.repeated_ids, seen.other_models) == (1, 3, 4)
    text = " ".join(seen.reasons)
    for note in (
        "1 torn last line",
        "2 unreadable lines",
        "3 repeated ids",
        "4 records",
        "3,000 of 4,000",
        "data.seed",
    ):
        assert note in text


def test_long_lists_of_drifted_columns_are_cut() -> None:
    many = compared({f"f{number}": 1.0 for number in range(20)})
    seen = judge(DRIFT, window(), Findings(5000, 30, many), SUBJECT, "production")
    assert seen.reasons[0].endswith("14 more).")


def test_copies_count_as_one_row_and_too_few_rows_are_insufficient() -> None:
    copies = replace(window(400), requests=4400, replayed=4000)
    seen = judge(DRIFT, copies, Findings(5000, 30, compared(STILL)), SUBJECT, "replay")
    assert (seen.state, seen.current_rows, seen.effective_rows) == ("insufficient", 4400, 400)
    assert "4,400 requests" in seen.reasons[0]
    assert "400 effective rows" in seen.reasons[0]


@pytest.mark.parametrize(("repeated", "state"), [(140, "stable"), (200, "drift")])
def test_requests_that_only_repeat_others_are_drift_beyond_the_effect(repeated: int, state: str) -> None:
    twice = replace(window(3000), requests=3000 + repeated, repeated=repeated)
    seen = judge(DRIFT, twice, Findings(5000, 30, compared(STILL)), SUBJECT, "production")
    assert (seen.state, seen.inputs) == (state, state)
    assert ("drift.repeated_effect" in seen.reasons[0]) == (state == "drift")
    assert any(f"{repeated} requests" in one for one in seen.reasons)
    assert not any("data.seed" in one for one in seen.reasons)


def test_predictions_that_do_not_follow_and_wrong_slices_are_drift() -> None:
    again = ScoredAgain(rows=4000, others=200, follows=False)
    wrong = SliceComparison(
        column="carrier", value="WN", labels=300, figure="error", difference=0.4, reach=0.1, moved=True
    )
    for findings, said in (
        (
            replace(Findings(5000, 30, compared(STILL), performance("held")), scored_again=again),
            "200 get",
        ),
        (
            replace(Findings(5000, 30, compared(STILL), performance("held")), slices=(wrong,)),
            "carrier WN (error +0.400",
        ),
    ):
        seen = judge(DRIFT, window(), findings, SUBJECT, "production")
        assert (seen.state, seen.inputs, seen.predictions) == ("drift", "stable", "stable")
        assert any(said in reason for reason in seen.reasons)
        assert any(reason.startswith("To do:") for reason in seen.reasons)
    held = replace(
        Findings(5000, 30, compared(STILL), performance("held")),
        scored_again=again.model_copy(update={"others": 0, "follows": True}),
        slices=(wrong.model_copy(update={"moved": False}),),
    )
    assert judge(DRIFT, window(), held, SUBJECT, "production").state == "stable"
