"""Settings of the gate that ask less than they did of the champion are named, each in a sentence of its own."""

from pathlib import Path

import pytest

from contracts.model_folder import GateSetting
from contracts.pipeline_toml.keys import Config
from contracts.pipeline_toml.reader import load_config
from contracts.stage import Build
from testbed.model_folders import write_model
from tests.training.evaluating import decided, evaluate, fresh_build, pipeline_toml
from training.judging.relaxed_thresholds import recorded, relaxed

FLOORS = "[gate.floors]\nroc_auc = 0.6\n[gate.limits]\nbrier = 0.25"


def configured(folder: Path, gate: str = FLOORS, slices: str = '["shop"]', **keys: str) -> Config:
    return load_config(pipeline_toml(folder, "binary", gate, slices=slices, **keys))


def settings(folder: Path, **keys: str) -> dict[str, GateSetting]:
    return recorded(configured(folder, **keys))


def against(folder: Path, was: dict[str, GateSetting], gate: str = FLOORS, **keys: str) -> tuple[str, ...]:
    return relaxed(configured(folder, gate, **keys), was)


def test_the_same_settings_are_not_loosened(tmp_path: Path) -> None:
    assert against(tmp_path, settings(tmp_path)) == ()


def test_settings_that_ask_more_are_not_named(tmp_path: Path) -> None:
    stricter = FLOORS.replace("0.6", "0.7").replace("0.25", "0.2")
    keys = {"margin": "0.005", "confidence": "0.99", "max_row_us": "10.0", "slices": '["shop", "is_new"]'}
    assert against(tmp_path, settings(tmp_path), stricter, **keys) == ()


@pytest.mark.parametrize(
    ("gate", "keys", "said"),
    [
        (FLOORS, {"margin": "0.02"}, "gate.margin is 0.02; it was 0.01 when the champion was judged, which asks more."),
        (FLOORS, {"confidence": "0.9"}, "gate.confidence is 0.9; it was 0.95"),
        (FLOORS, {"slice_margin": "0.1"}, "gate.slice_margin is 0.1; it was 0.05"),
        (FLOORS, {"slice_min_rows": "9000"}, "gate.slice_min_rows is 9000; it was 300"),
        (FLOORS, {"max_model_mb": "60.0"}, "gate.max_model_mb is 60; it was 50"),
        (FLOORS, {"slices": '["is_new"]'}, "gate.slices.shop is gone; it was judged"),
        (FLOORS, {"metric": '"brier"'}, "gate.metric is brier; it was roc_auc"),
        (FLOORS.replace("0.6", "0.5"), {}, "gate.floors.roc_auc is 0.5; it was 0.6"),
        (FLOORS.replace("0.25", "0.3"), {}, "gate.limits.brier is 0.3; it was 0.25"),
        ("", {}, "gate.floors.roc_auc is gone; it was 0.6"),
    ],
)
def test_a_setting_that_asks_less_is_named_with_both_values(
    tmp_path: Path, gate: str, keys: dict[str, str], said: str
) -> None:
    assert said in against(tmp_path, settings(tmp_path), gate, **keys)[0]


def test_a_check_that_is_no_longer_asked_is_named(tmp_path: Path) -> None:
    was = settings(tmp_path, max_calibration_error="0.08")
    assert against(tmp_path, was) == ("gate.max_calibration_error is gone; it was 0.08 when the champion was judged.",)


def test_a_champion_whose_card_says_nothing_is_compared_with_nothing(tmp_path: Path) -> None:
    assert against(tmp_path, {}) == ()


def test_a_loosened_gate_has_its_own_line_in_decision_document_and_headline(tmp_path: Path) -> None:
    build: Build = fresh_build(tmp_path)
    write_model(build.champion, build, gate={"gate.margin": 0.001, "gate.slice_margin": 0.05})
    decision = decided(build)
    assert decision.decision == "promote"
    line = "gate.margin is 0.01; it was 0.001 when the champion was judged, which asks more."
    assert decision.relaxed == (line,)
    assert f"The gate asks less than before: {line}" in (build.stage("evaluate") / "diff.md").read_text()
    assert f"The gate asks less than before: {line}" in evaluate(build)[1]


def test_a_gate_that_asks_the_same_has_no_such_line(tmp_path: Path) -> None:
    build = fresh_build(tmp_path)
    write_model(build.champion, build, gate={"gate.margin": 0.01})
    assert decided(build).relaxed == ()
    assert "asks less" not in (build.stage("evaluate") / "diff.md").read_text()
