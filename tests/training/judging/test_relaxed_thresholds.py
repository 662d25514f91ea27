"""Settings that ask less than they did of the champion are named, each in its own sentence."""

from pathlib import Path

import pytest

from contracts.model_folder import GateSetting
from contracts.pipeline_toml.keys import LESS_IS_BETTER, METRICS_OF_TASK, METRICS_ON_REQUEST, Config
from contracts.pipeline_toml.reader import ConfigError, load_config
from contracts.stage import Build
from testbed.model_folders import write_model
from tests.training.evaluating import decided, evaluate, fresh_build, pipeline_toml
from training.judging.relaxed_thresholds import EXEMPT, changed, recorded, relaxed
from training.statistics.metrics import METRICS

FLOORS = "[gate.floors]\nroc_auc = 0.6\n[gate.limits]\nbrier = 0.25"


def configured(folder: Path, gate: str = FLOORS, slices: str = '["shop"]', **keys: str) -> Config:
    return load_config(pipeline_toml(folder, "binary", gate, slices=slices, **keys))


def settings(folder: Path, **keys: str) -> dict[str, GateSetting]:
    return recorded(configured(folder, **keys))


def against(folder: Path, was: dict[str, GateSetting], gate: str = FLOORS, **keys: str) -> tuple[str, ...]:
    return relaxed(configured(folder, gate, **keys), was)


def test_the_same_settings_are_not_relaxed(tmp_path: Path) -> None:
    assert against(tmp_path, settings(tmp_path)) == ()


def test_settings_that_ask_more_are_not_named(tmp_path: Path) -> None:
    stricter = FLOORS.replace("0.6", "0.7").replace("0.25", "0.2")
    keys = {"margin": "0.005", "confidence": "0.99", "max_row_us": "10.0", "slices": '["shop", "is_new"]'}
    assert against(tmp_path, settings(tmp_path), stricter, **keys) == ()


@pytest.mark.parametrize(
    ("gate", "keys", "said"),
    [
        (FLOORS, {"margin": "0.02"}, "gate.margin is 0.02; it was 0.01"),
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


def test_a_check_that_is_no_longer_set_is_named(tmp_path: Path) -> None:
    was = settings(tmp_path, max_calibration_error="0.08")
    (line,) = against(tmp_path, was)
    assert line.startswith("gate.max_calibration_error is gone")
    assert "0.08" in line


def test_a_champion_whose_card_says_nothing_is_compared_with_nothing(tmp_path: Path) -> None:
    assert against(tmp_path, {}) == ()


def test_a_relaxed_gate_has_its_own_line_in_decision_document_and_headline(tmp_path: Path) -> None:
    build: Build = fresh_build(tmp_path)
    write_model(build.champion, build, gate={"gate.margin": 0.001, "gate.slice_margin": 0.05})
    decision = decided(build)
    assert decision.decision == "promote"
    (line,) = decision.relaxed
    assert line.startswith("gate.margin is 0.01;")
    assert "was 0.001" in line
    assert line in (build.stage("evaluate") / "diff.md").read_text()
    assert line in evaluate(build)[1]


def test_a_gate_that_asks_the_same_has_no_such_line(tmp_path: Path) -> None:
    build = fresh_build(tmp_path)
    write_model(build.champion, build, gate={"gate.margin": 0.01})
    assert decided(build).relaxed == ()
    assert "asks less" not in (build.stage("evaluate") / "diff.md").read_text()


def test_every_setting_is_recorded_or_exempt_with_a_reason(tmp_path: Path) -> None:
    config, seen = configured(tmp_path), settings(tmp_path)
    assert all(EXEMPT.values())
    for section, model in config:
        for name, value in model:
            key, if_set = f"{section}.{name}", type(model).model_fields[name].exclude_if
            is_unset = value is None or (isinstance(value, tuple | dict) and not value) or (if_set and if_set(value))
            assert is_unset or key in EXEMPT or any(one == key or one.startswith(f"{key}.") for one in seen), key


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "[load]\nmax_p99_ms = 900.0",
            "load.max_p99_ms is 900; it was 100",
        ),
        ("[drift]\nnumeric_effect = 0.5", "drift.numeric_effect is 0.5; it was 0.1"),
        ("[drift]\nfalse_alarm_rate = 0.001", "drift.false_alarm_rate is 0.001; it was 0.05"),
        ("[deploy]\ncanary_percent = [10]", "deploy.canary_percent.50 is gone; it was listed"),
        ("[deploy]\nwatch_seconds = 1.0", "deploy.watch_seconds is 1; it was 60"),
    ],
)
def test_settings_beyond_the_gate_are_named_as_well(tmp_path: Path, line: str, said: str) -> None:
    assert said in against(tmp_path, settings(tmp_path), f"{FLOORS}\n{line}")[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[service]\nlogged_features = ['signal']", "service.logged_features.signal is listed; it was not set"),
        ("[features]\ninclude = ['signal']", "features.include.signal is listed; it was not set"),
        ("[features.kinds]\nshop = 'numeric'", "features.kinds.shop is numeric; it was not set"),
        ("[features]\nmin_category_rows = 20", "features.min_category_rows is 20; it was not set"),
        ("[features.normalise]\nshop = ['trim']", "features.normalise.shop.trim is listed; it was not set"),
        ("[features.dates]\nat = ['month']", "features.dates.at.month is listed; it was not set"),
        ("[drift.columns.signal]\nmethod = 'psi'\neffect = 9.0", "drift.columns.signal.effect is 9; it was not set"),
    ],
)
def test_a_setting_without_a_direction_is_reported_for_any_change(tmp_path: Path, line: str, said: str) -> None:
    now = configured(tmp_path, f"{FLOORS}\n{line}")
    assert any(one.startswith(said) for one in changed(now, settings(tmp_path)))


def test_an_older_card_that_records_the_gate_alone_brings_no_flood(tmp_path: Path) -> None:
    assert changed(configured(tmp_path), {"gate.margin": 0.01, "gate.slices.shop": "judged"}) == ()


@pytest.mark.parametrize("bound", ["[gate.floors]\nbrier = 0.1", "[gate.limits]\nroc_auc = 0.9"])
def test_a_floor_where_less_is_better_and_a_limit_where_more_is_are_refused(tmp_path: Path, bound: str) -> None:
    with pytest.raises(ConfigError, match="it belongs under"):
        configured(tmp_path, bound)


def test_which_metrics_are_better_the_less_they_are_is_known_alike_in_both_places() -> None:
    every = (*METRICS_OF_TASK.values(), *METRICS_ON_REQUEST.values())
    asked = {name for names in every for name in names}
    assert {name for name in asked if not METRICS[name].higher_is_better} == LESS_IS_BETTER
