"""The gate refuses tables that make figures invalid, and models that were fitted on the holdout."""

import numpy as np
import pandas as pd
import pytest

from contracts.stage import Build
from testbed.model_folders import Frames, replace_table, write_data, write_model
from tests.training.evaluating import NOISY, check, decided, failed

DESCRIPTION = "description of the data"  # the name of a check


def test_a_feature_that_tells_the_target_is_rejected_by_name(build: Build, frames: Frames) -> None:
    random = np.random.default_rng(1)
    leaking = {
        name: frame.assign(hint=((frame["answer"] == "yes") + random.normal(0, 0.2, len(frame))).astype(np.float32))
        for name, frame in frames.items()
    }
    write_data(build, leaking)
    write_model(build.challenger, build, {"hint": 5.0}, -2.5)
    decision = decided(build)
    assert failed(decision) == ["single feature"]
    assert "hint" in decision.reasons[0]
    assert "features.exclude" in decision.reasons[0]


def test_train_rows_in_the_holdout_are_rejected(build: Build, frames: Frames) -> None:
    mixed = pd.concat([frames["holdout"], frames["train"].iloc[:100].assign(at=frames["holdout"]["at"].iloc[-1])])
    replace_table(build, "holdout", mixed.reset_index(drop=True))
    write_model(build.challenger, build)
    decision = decided(build)
    assert failed(decision) == ["shared rows", "near duplicates"]
    assert decision.reason_codes[0] == "shared rows"
    assert "3.2 %" in decision.reasons[0]
    assert decided(build, max_shared_rows="0.05").decision == "promote"


def test_a_model_trained_up_to_the_holdout_is_rejected(build: Build) -> None:
    write_model(build.challenger, build, train_last="2024-03-30 00:00:00")
    assert failed(decided(build)) == ["training period", DESCRIPTION]


def test_a_model_that_does_not_say_how_far_it_was_trained_is_rejected(build: Build) -> None:
    write_model(build.challenger, build, train_last="")
    assert failed(decided(build)) == ["training period", DESCRIPTION]


def test_a_model_whose_reference_has_holdout_rows_is_rejected(build: Build, frames: Frames) -> None:
    seen = frames["holdout"].drop(columns="cluster").iloc[::5].assign(prediction=np.float32(0.5))
    write_model(build.challenger, build, reference=seen)
    assert failed(decided(build))[0] == "fitted rows"


def test_a_model_trained_on_other_data_is_sent_back_to_train(build: Build) -> None:
    write_model(build.challenger, build, data_digest="sha256:" + "e" * 64)
    decision = decided(build)
    assert failed(decision) == ["training data"]
    assert "run `make train`" in decision.reasons[0]


def test_nan_predictions_are_rejected(build: Build, frames: Frames) -> None:
    noisy = frames["holdout"].copy()
    noisy.loc[3, "signal"] = np.nan
    replace_table(build, "holdout", noisy)
    decision = decided(build, gate="[gate.floors]\nroc_auc = 0.6")
    assert failed(decision) == ["varied predictions", "metrics", "floor of roc_auc", "fitted again"]
    assert "1 of 3000" in check(decision, "metrics").seen
    assert decision.comparisons == ()


def test_an_empty_holdout_is_rejected(build: Build, frames: Frames) -> None:
    replace_table(build, "holdout", frames["holdout"].iloc[:0])
    decision = decided(build)
    assert decision.reason_codes[0] == "holdout table"
    assert "0 rows" in decision.reasons[0]


def test_a_holdout_of_one_class_is_rejected(build: Build, frames: Frames) -> None:
    write_model(build.champion, build, NOISY)
    replace_table(build, "holdout", frames["holdout"].assign(answer="no"))
    decision = decided(build, metric='"brier"')
    assert failed(decision) == ["metrics", "out of fold"]
    assert "none of 3000" in decision.reasons[0]


def test_an_unknown_class_is_rejected(build: Build, frames: Frames) -> None:
    strange = frames["holdout"].copy()
    strange.loc[7, "answer"] = "maybe"
    replace_table(build, "holdout", strange)
    assert "'maybe'" in check(decided(build), "holdout table").seen


@pytest.mark.parametrize("column", ["answer", "cluster"])
def test_a_holdout_without_its_answers_or_days_is_rejected(build: Build, frames: Frames, column: str) -> None:
    replace_table(build, "holdout", frames["holdout"].drop(columns=column))
    assert f"no column '{column}'" in check(decided(build), "holdout table").seen


def test_one_day_alone_is_no_holdout(build: Build, frames: Frames) -> None:
    replace_table(build, "holdout", frames["holdout"].assign(cluster="2024-03-01"))
    decision = decided(build)
    assert decision.decision == "reject"
    assert "1 cluster" in check(decision, "metrics").seen


def test_rows_that_data_json_does_not_describe_are_rejected(build: Build, frames: Frames) -> None:
    path = build.stage("data") / "holdout.parquet"
    frames["holdout"].assign(noise=np.float32(0)).to_parquet(path, index=False)
    assert "data.json" in check(decided(build), "holdout table").seen


def test_a_column_that_is_gone_is_the_first_reason(build: Build, frames: Frames) -> None:
    replace_table(build, "holdout", frames["holdout"].drop(columns="noise"))
    decision = decided(build)
    assert decision.reason_codes[0] == "table contract"
    assert "noise is gone" in decision.reasons[0]
    assert decision.comparisons == ()


def test_units_that_changed_are_rejected(build: Build, frames: Frames) -> None:
    changed = frames["holdout"].assign(noise=(frames["holdout"]["noise"] / 2 + 3).astype(np.float32))
    replace_table(build, "holdout", changed)
    decision = decided(build)
    assert decision.reason_codes[0] == "table contract"
    assert "noise moved from" in decision.reasons[0]
    assert "on 2024-03-01, " in decision.reasons[0]
    assert 'features.exclude = ["noise"]' in decision.reasons[0]


def test_units_that_changed_in_the_last_week_only_are_rejected(build: Build, frames: Frames) -> None:
    holdout = frames["holdout"]
    is_last_week = holdout["at"] > holdout["at"].max() - pd.Timedelta(days=7)
    changed = holdout["noise"].where(~is_last_week, holdout["noise"] / 2 + 5).astype(np.float32)
    replace_table(build, "holdout", holdout.assign(noise=changed))
    decision = decided(build)
    assert decision.reason_codes[0] == "table contract"
    assert "noise moved from" in decision.reasons[0]
    words = '["noise moved on 2024-03-24"]'
    assert f"gate.signed_off = {words}" in decision.reasons[0]
    assert "table contract" not in failed(decided(build, signed_off=words))


def test_one_extreme_day_is_no_change_of_units(build: Build, frames: Frames) -> None:
    holdout = frames["holdout"]
    is_last_day = holdout["at"] > holdout["at"].max() - pd.Timedelta(days=1)
    changed = holdout["noise"].where(~is_last_day, holdout["noise"] + 5).astype(np.float32)
    replace_table(build, "holdout", holdout.assign(noise=changed))
    assert failed(decided(build)) == []
