"""The rules: which distance is drift, and what three answers make of one window."""

import pandas as pd
import pytest

from contracts.config import ColumnDrift, Drift
from contracts.exits import Exit, UsageError
from contracts.features import Feature
from contracts.verdict import DriftVerdict
from reports.drift_rules import ColumnRule, check_columns, missing_rules, prediction_rule, value_rules
from reports.drift_verdict import Measured, exit_code, headline, judge
from reports.request_log import RequestWindow

NUMBERS = ("temp", "wind", "distance", "seats")
FEATURES = (
    *(Feature(name=name, kind="numeric") for name in NUMBERS),
    Feature(name="carrier", kind="categorical", categories=("AA", "DL")),
)
DRIFT = Drift(numeric_threshold=0.25, categorical_threshold=0.1, prediction_threshold=0.2, max_drifted_share=0.3)
STILL = dict.fromkeys([*NUMBERS, "carrier", "prediction"], 0.01)


def window(
    requests: int = 4000, torn: int = 0, unreadable: int = 0, repeated: int = 0, others: int = 0
) -> RequestWindow:
    rows = pd.DataFrame({"prediction": [0.5] * min(requests, 3000)})
    return RequestWindow(rows, requests, "2013-10-01", "2013-10-30", torn, unreadable, repeated, others)


def measured(drift: Drift = DRIFT, **distances: float) -> Measured:
    rules = (*value_rules(drift, FEATURES), prediction_rule(drift, "binary"))
    return Measured(5000, rules, STILL | distances)


def verdict(drift: Drift = DRIFT, requests: int = 4000, **distances: float) -> DriftVerdict:
    return judge(drift, window(requests), measured(drift, **distances), "sha256:1", "production")


def test_small_distances_are_stable() -> None:
    seen = verdict()
    assert (seen.state, seen.inputs, seen.predictions, seen.performance) == ("stable", "stable", "stable", None)


def test_one_drifted_column_within_the_allowed_share_is_stable_and_named() -> None:
    seen = verdict(temp=0.8)
    assert seen.inputs == "stable"
    assert seen.reasons[0] == (
        "Inputs are stable: 1 of 5 columns over their threshold (temp 0.8 > 0.25); "
        "30% may be (drift.max_drifted_share)."
    )


def test_inputs_drift_when_more_than_the_allowed_share_of_columns_has() -> None:
    seen = verdict(temp=0.8, carrier=0.2)
    assert (seen.state, seen.inputs, seen.predictions) == ("drift", "drift", "stable")
    assert seen.reasons[0].startswith(
        "Inputs drifted: 2 of 5 columns over their threshold (temp 0.8 > 0.25, carrier 0.2 > 0.1)"
    )
    assert any(reason.startswith("To do:") for reason in seen.reasons)


def test_a_share_of_zero_calls_the_first_column() -> None:
    assert verdict(Drift(max_drifted_share=0.0), temp=0.8).inputs == "drift"


def test_a_distance_at_its_threshold_is_not_drift() -> None:
    assert verdict(DRIFT.model_copy(update={"max_drifted_share": 0.0}), temp=0.25).inputs == "stable"


def test_predictions_that_moved_are_drift_while_inputs_are_stable() -> None:
    seen = verdict(prediction=0.21)
    assert (seen.state, seen.inputs, seen.predictions) == ("drift", "stable", "drift")
    assert "Predictions drifted: prediction 0.21 > 0.2, wasserstein (drift.prediction_threshold)." in seen.reasons


def test_too_few_requests_answer_nothing_even_when_distances_are_large() -> None:
    seen = verdict(requests=999, temp=9.0, wind=9.0, prediction=9.0)
    assert (seen.state, seen.inputs, seen.predictions) == ("insufficient",) * 3
    assert "999 requests of this model are in the log, at least 1,000 are required (drift.min_rows" in seen.reasons[0]


def test_exactly_the_required_requests_are_enough() -> None:
    assert verdict(requests=1000).state == "stable"


def test_no_requests_at_all_are_insufficient() -> None:
    seen = judge(DRIFT, window(0), Measured(5000, (), {}), "sha256:1", "production")
    assert (seen.state, seen.columns) == ("insufficient", ())
    assert "0 requests" in headline(DRIFT, Measured(5000, (), {}), seen)


def test_a_log_without_any_feature_never_passes_as_stable() -> None:
    bare = Measured(5000, (prediction_rule(DRIFT, "binary"),), {"prediction": 0.01}, ("temp", "wind"))
    seen = judge(DRIFT, window(), bare, "sha256:1", "production")
    assert (seen.state, seen.inputs, seen.predictions) == ("insufficient", "insufficient", "stable")
    assert "Not in the log, so not compared: temp, wind (service.logged_features)." in seen.reasons


def test_a_feature_whose_missing_values_moved_has_drifted_once() -> None:
    rules = (*value_rules(DRIFT, FEATURES), *missing_rules(DRIFT, ["temp"]), prediction_rule(DRIFT, "binary"))
    both = Measured(5000, rules, STILL | {"temp": 0.3, "temp is missing": 0.5})
    assert [rule.column for rule in both.drifted] == ["temp is missing"]
    assert len(both.features) == 5


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
    seen = verdict(drift, requests, prediction=distance)
    assert (seen.state, exit_code(drift, seen)) == (state, code)
    assert any("stops the deploy" in reason for reason in seen.reasons) == (code is Exit.FINDING)


def test_the_headline_has_the_figures_to_remember() -> None:
    compared = measured(temp=0.81, carrier=0.2)
    seen = judge(DRIFT, window(), compared, "sha256:1", "production")
    assert headline(DRIFT, compared, seen) == (
        "inputs drift: 2 of 5 columns, most temp 0.81 > 0.25; predictions stable 0.01; "
        "4,000 requests against 5,000 reference rows"
    )


def test_what_was_left_out_of_the_log_is_said() -> None:
    seen = judge(DRIFT, window(4000, torn=1, unreadable=2, repeated=3, others=4), measured(), "sha256:1", "production")
    assert (seen.torn_lines, seen.repeated_ids, seen.other_models) == (1, 3, 4)
    text = " ".join(seen.reasons)
    for note in ("1 torn last line skipped", "2 unreadable lines", "3 repeated ids", "4 records of other models"):
        assert note in text
    assert "Compared on 3,000 of 4,000 requests, drawn by data.seed." in text


def test_long_lists_of_drifted_columns_are_cut() -> None:
    features = [Feature(name=f"f{number}", kind="numeric") for number in range(20)]
    rules = (*value_rules(DRIFT, features), prediction_rule(DRIFT, "binary"))
    seen = judge(DRIFT, window(), Measured(5000, rules, {rule.column: 1.0 for rule in rules}), "sha256:1", "production")
    assert seen.reasons[0].endswith("f5 1 > 0.25, 14 more); 30% may be (drift.max_drifted_share).")


def test_methods_and_thresholds_come_from_pipeline_toml() -> None:
    drift = DRIFT.model_copy(update={"columns": {"temp": ColumnDrift(method="psi", threshold=0.7)}})
    own, general = value_rules(drift, FEATURES)[:2]
    assert own == ColumnRule("temp", "temp", "number", "psi", 0.7)
    assert general == ColumnRule("wind", "wind", "number", "wasserstein", 0.25)
    assert prediction_rule(drift, "regression") == ColumnRule("prediction", "prediction", "number", "wasserstein", 0.2)
    assert prediction_rule(drift, "multiclass").method == "jensenshannon"


def test_a_column_that_the_model_does_not_have_is_refused_with_the_nearest() -> None:
    drift = Drift(columns={"carier": ColumnDrift(method="psi", threshold=0.7)})
    with pytest.raises(
        UsageError, match=r"drift\.columns\.carier: the model has no such feature\. Did you mean carrier"
    ):
        check_columns(drift, FEATURES)


def test_a_distance_of_numbers_is_refused_for_categories() -> None:
    drift = Drift(columns={"carrier": ColumnDrift(method="wasserstein", threshold=0.7)})
    with pytest.raises(UsageError, match=r"drift\.columns\.carrier\.method is wasserstein.*Required: jensenshannon or"):
        check_columns(drift, FEATURES)
