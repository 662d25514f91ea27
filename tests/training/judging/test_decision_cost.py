"""The decision threshold is judged by its place, its out-of-fold rows, and the cost of its decisions."""

from pathlib import Path

import numpy as np
import pytest

from contracts.stage import Build
from testbed.model_folders import write_model
from tests.training.evaluating import check, decided, failed, fresh_build
from training.judging.checks.decision_cost import share_check

BY_CHAMPIONS_COSTS = "expected cost by the champion's costs"
AT_THREE = {"training.cost_of_a_miss": 3.0, "training.cost_of_a_false_alarm": 1.0}
AT_ONE = {"training.cost_of_a_miss": 1.0, "training.cost_of_a_false_alarm": 1.0}


@pytest.fixture
def build(tmp_path: Path) -> Build:
    build = fresh_build(tmp_path)
    write_model(build.champion, build, gate=AT_ONE)
    return build


def test_an_equal_model_with_an_equal_threshold_passes(build: Build) -> None:
    decision = decided(build)
    assert decision.decision == "promote"
    assert "expected cost" in [one.name for one in decision.checks]


@pytest.mark.parametrize("threshold", [0.0, 1.0, 2.0, -0.5])
def test_a_threshold_outside_of_0_and_1_is_refused(build: Build, threshold: float) -> None:
    write_model(build.challenger, build, threshold=threshold)
    assert "decision threshold" in failed(decided(build))


@pytest.mark.parametrize("threshold", [0.999, 0.9, 0.02])
def test_a_threshold_that_is_costly_on_out_of_fold_rows_is_refused(build: Build, threshold: float) -> None:
    write_model(build.challenger, build, threshold=threshold)
    decision = decided(build)
    assert failed(decision) == ["decision threshold", "expected cost"]
    assert decision.reason_codes[0] == "decision threshold"


def test_a_share_of_positives_that_out_of_fold_rows_never_had_is_refused_and_a_season_is_not() -> None:
    out_of_fold = np.arange(5000) % 10 == 0
    assert share_check(np.arange(5000) % 5 == 0, out_of_fold).passed, "twice as many"
    assert not share_check(np.arange(5000) % 2 == 0, out_of_fold).passed
    assert not share_check(np.zeros(5000, dtype=bool), out_of_fold).passed
    assert share_check(np.zeros(20, dtype=bool), out_of_fold).passed, "20 rows cannot tell"


def test_costs_that_make_decisions_costly_by_the_champions_costs_need_a_sign_off(build: Build) -> None:
    write_model(build.champion, build, gate=AT_THREE)
    words = "costs 1:1 instead of 3:1"
    decision = decided(build)
    assert [one.split(" ")[0] for one in decision.changed] == ["training.cost_of_a_miss"]
    write_model(build.champion, build, gate=AT_THREE, threshold=0.25)
    decision = decided(build)
    assert failed(decision) == [BY_CHAMPIONS_COSTS]
    assert f'"{words}"' in decision.reasons[0]
    assert "gate.signed_off" in decision.reasons[0]
    signed = decided(build, signed_off=f'["{words}"]')
    assert signed.decision == "promote"
    assert words in check(signed, BY_CHAMPIONS_COSTS).seen


def test_another_line_signs_nothing_off(build: Build) -> None:
    write_model(build.champion, build, gate=AT_THREE, threshold=0.25)
    other = '["costs 1:1 instead of 2:1"]'
    assert decided(build, signed_off=other).decision == "reject"


def test_a_model_without_a_champion_is_judged_by_its_threshold_alone(tmp_path: Path) -> None:
    alone = fresh_build(tmp_path / "alone")
    write_model(alone.challenger, alone, threshold=0.999)
    assert failed(decided(alone)) == ["decision threshold"]
