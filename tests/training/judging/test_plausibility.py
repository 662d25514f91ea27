"""Figures far from the out-of-fold figures or the champion's are refused; clean ones pass."""

from pathlib import Path

import numpy as np
import pytest

from contracts.model_folder import Metric
from contracts.stage import Build
from testbed.model_folders import GOOD, Frames, draw_tables, replace_table, write_data, write_model
from tests.training.evaluating import NOISY, check, decided, failed, fresh_build

# Names of checks.
CHALLENGER, CHAMPION = "out of fold", "champion out of fold"
PROMISED = {"roc_auc": Metric(value=0.82, low=0.80, high=0.84, confidence=0.95)}


@pytest.fixture
def build(tmp_path: Path) -> Build:
    build = fresh_build(tmp_path)
    write_model(build.champion, build, metrics=PROMISED)
    return build


def turn(frames: Frames, build: Build, share: float) -> None:
    holdout = frames["holdout"].copy()
    is_turned = np.random.default_rng(1).random(len(holdout)) < share
    other = holdout["answer"].map({"yes": "no", "no": "yes"})
    holdout["answer"] = holdout["answer"].where(~is_turned, other)
    replace_table(build, "holdout", holdout)


def test_clean_models_pass_every_plausibility_check(build: Build) -> None:
    decision = decided(build)
    assert decision.decision == "promote"
    names = {one.name for one in decision.checks}
    assert {CHALLENGER, CHAMPION, "plausible gain"} <= names


def test_flipped_labels_hit_both_models_and_are_found_by_out_of_fold_figures(build: Build) -> None:
    turn(draw_tables(), build, 0.25)
    decision = decided(build)
    assert decision.comparisons[0].outcome == "equivalent"
    assert {CHALLENGER, CHAMPION} <= set(failed(decision))


def test_a_figure_below_out_of_fold_can_be_signed_off(build: Build) -> None:
    turn(draw_tables(), build, 0.25)
    words = [one.remedy.split('"')[1] for one in decided(build).checks if one.name.endswith("out of fold")]
    assert all("roc_auc 0." in one for one in words)
    signed = decided(build, signed_off=str(words).replace("'", '"'))
    assert not {CHALLENGER, CHAMPION} & set(failed(signed))


def test_a_worse_champion_does_not_reject_a_better_challenger(build: Build) -> None:
    promised = PROMISED["roc_auc"].model_copy(update={"value": 0.95})
    write_model(build.champion, build, NOISY, metrics={"roc_auc": promised})
    decision = decided(build, max_error_reduction="0.9")
    assert decision.comparisons[0].outcome == "better"
    assert check(decision, CHAMPION).passed


def test_a_week_with_missing_labels_is_named_by_its_first_day(tmp_path: Path) -> None:
    frames = draw_tables(days=60)
    build = Build(tmp_path / "build")
    write_data(build, frames)
    write_model(build.challenger, build)
    assert "labels by week" not in failed(decided(build))
    holdout = frames["holdout"].copy()
    first = holdout["at"].min().floor("D")
    is_late = (holdout["at"] - first).dt.days.between(14, 20)
    holdout.loc[is_late, "answer"] = "no"
    replace_table(build, "holdout", holdout)
    decision = decided(build)
    assert "labels by week" in failed(decision)
    assert f"{first + np.timedelta64(14, 'D'):%Y-%m-%d}" in check(decision, "labels by week").seen


def test_a_gain_that_removes_most_error_names_the_column_and_can_be_signed_off(
    tmp_path: Path,
) -> None:
    frames = {name: frame.copy() for name, frame in draw_tables().items()}
    random = np.random.default_rng(3)
    for frame in frames.values():
        frame["leak"] = np.where(frame["answer"] == "yes", 1, -1) * random.exponential(1, len(frame)) + 0.6
        frame["leak"] = frame["leak"].astype(np.float32)
    build = Build(tmp_path / "build")
    manifest = write_data(build, frames)
    known = tuple(one for one in manifest.features if one.name in ("signal", "noise", "shop"))
    write_model(build.champion, build, GOOD, features=known)
    write_model(build.challenger, build, {"signal": 1.5, "leak": 4.0})
    decision = decided(build)
    assert "plausible gain" in failed(decision)
    seen = check(decision, "plausible gain")
    assert "without leak" in seen.seen
    words = seen.remedy.split('"')[1]
    assert "plausible gain" not in failed(decided(build, signed_off=f'["{words}"]'))


def test_a_plausible_gain_passes(build: Build) -> None:
    write_model(build.champion, build, {"signal": 1.5, "noise": 0.4})
    decision = decided(build)
    assert decision.comparisons[0].outcome == "better"
    assert decision.decision == "promote"


def test_a_holdout_far_above_the_models_own_out_of_fold_figure_is_named(build: Build) -> None:
    low = {"roc_auc": Metric(value=0.6, low=0.57, high=0.63, confidence=0.95)}
    write_model(build.challenger, build, metrics=low)
    assert "plausible gain" in failed(decided(build))
