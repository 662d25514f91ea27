"""A model that is not better than the baseline is refused, and the decision says what the baseline is."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from contracts.data_manifest import DataManifest
from contracts.schema import Task
from contracts.stage import Build
from testbed.cards import CLASSES
from testbed.model_folders import GOOD, draw_tables, write_data, write_model
from tests.training.evaluating import check, decided, deciding, failed, fresh_build
from training.judging.baseline import baseline_of
from training.statistics.scores import score
from training.tables import Table

NOTHING = {"noise": 0.05}
RARE = {"signal": 0.6}
WEIGHTS: dict[Task, Any] = {
    "binary": NOTHING,
    "multiclass": {"noise": (0.05, -0.02, 0.0)},
    "regression": NOTHING,
}
GOOD_OF_TASK: dict[Task, Any] = {
    "binary": GOOD,
    "multiclass": {"signal": (-2.0, 0.0, 2.0)},
    "regression": {"signal": 15.0},
}


def build_of(root: Path, task: Task) -> Build:
    build = Build(root / "build")
    write_data(build, draw_tables(task), task)
    return build


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_useless_model_is_refused_by_the_baseline(tmp_path: Path, task: Task) -> None:
    build = build_of(tmp_path, task)
    write_model(build.challenger, build, WEIGHTS[task])
    decision = decided(build, task)
    assert "baseline" in failed(decision)
    assert "baseline" in decision.reason_codes
    assert task == "regression" or decision.reason_codes[0] == "baseline"
    assert "baseline" not in failed(decided(build, task, better_than_baseline="false"))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_model_that_has_learned_something_passes(tmp_path: Path, task: Task) -> None:
    build = build_of(tmp_path, task)
    write_model(build.challenger, build, GOOD_OF_TASK[task])
    assert check(decided(build, task), "baseline").passed


@pytest.mark.parametrize("metric", ["f1", "precision", "accuracy", "average_precision", "log_loss", "brier"])
def test_no_constant_decision_passes_for_a_model_whatever_decides(tmp_path: Path, metric: str) -> None:
    build = fresh_build(tmp_path)
    write_model(build.challenger, build, NOTHING, bias=0.0, threshold=0.01)
    assert "baseline" in failed(decided(build, metric=f'"{metric}"'))
    write_model(build.challenger, build)
    assert "baseline" not in failed(decided(build, metric=f'"{metric}"'))


def test_the_floor_can_be_taken_away_and_the_decision_says_so(tmp_path: Path) -> None:
    build = fresh_build(tmp_path)
    write_model(build.challenger, build, NOTHING)
    write_model(build.champion, build, NOTHING, gate={"gate.better_than_baseline": 1.0})
    decision = decided(build, better_than_baseline="false")
    assert "baseline" not in failed(decision)
    assert any("gate.better_than_baseline is 0;" in one for one in decision.relaxed)


def test_every_metric_has_its_baseline(tmp_path: Path) -> None:
    decision = decided(fresh_build(tmp_path))
    seen = {one.metric: one.baseline for one in decision.comparisons}
    share = (draw_tables()["holdout"]["answer"] == "yes").mean()
    assert seen["roc_auc"] == 0.5
    assert seen["accuracy"] == pytest.approx(max(share, 1 - share), abs=1e-5)
    assert seen["precision"] == pytest.approx(share, abs=1e-5)
    assert seen["recall"] == 0
    assert None not in seen.values()


def test_costs_that_are_set_are_a_metric_and_the_baseline_is_the_cheaper_blind_decision(tmp_path: Path) -> None:
    build = fresh_build(tmp_path)
    assert "cost_per_1000" not in [one.metric for one in decided(build).comparisons]
    write_model(build.champion, build)
    decision = decided(build, training="cost_of_a_miss = 3.0")
    cost = next(one for one in decision.comparisons if one.metric == "cost_per_1000")
    share = (draw_tables()["holdout"]["answer"] == "yes").mean()
    assert cost.baseline == pytest.approx(1000 * min(3 * share, 1 - share), rel=1e-5)
    assert cost.difference is not None
    assert cost.difference.value == 0
    assert cost.baseline is not None
    assert cost.challenger.value < cost.baseline


def test_a_model_that_never_predicts_yes_gets_a_note(tmp_path: Path) -> None:
    build = Build(tmp_path / "build")
    frames = {name: rare(frame) for name, frame in draw_tables(days=60).items()}
    write_data(build, frames)
    write_model(build.challenger, build, RARE, bias=-4.8, threshold=0.5)
    decision = decided(build)
    assert decision.decision == "promote", decision.reasons
    assert "'no'" in decision.notes[0]
    assert "training.cost_of_a_miss" in decision.notes[0]
    write_model(build.challenger, build, RARE, bias=-4.8, threshold=0.02)
    assert not any("training.cost_of_a_miss" in one for one in decided(build).notes)


def rare(frame: pd.DataFrame) -> pd.DataFrame:
    """One positive in a hundred or so."""
    odds = np.exp(RARE["signal"] * frame["signal"] - 4.8)
    luck = np.random.default_rng(len(frame) + int(1000 * frame["signal"].iloc[0]))
    return frame.assign(answer=np.where(luck.random(len(frame)) < odds / (1 + odds), "yes", "no"))


def test_a_metric_below_the_baseline_gets_a_note(tmp_path: Path) -> None:
    build = fresh_build(tmp_path)
    write_model(build.challenger, build, threshold=0.02)
    decision = decided(build)
    assert any("baseline" in one and "Accuracy" in one for one in decision.notes)


DAYS = np.arange(100)


@pytest.mark.parametrize(
    ("values", "days", "rule"),
    [
        (np.sin(DAYS * 40.0), DAYS, "all train rows"),
        (np.cumsum(np.r_[np.zeros(20), np.ones(80)]), DAYS, "the last day of train"),
        (DAYS % 7 * 10.0, DAYS, "the same weekday in the last four weeks of train"),
        (
            np.arange(2400) % 24 * 10.0,
            np.arange(2400) / 24,
            "the same hour of the week in the last four weeks of train",
        ),
        (np.sin(np.arange(900) / 364 * 2 * np.pi), np.arange(900.0), "the same day a year before"),
    ],
)
def test_a_table_in_time_takes_the_season_that_its_past_shows(
    values: npt.NDArray[np.float64], days: npt.NDArray[np.float64], rule: str
) -> None:
    train, holdout = in_time("regression", values, days)
    seen = baseline_of(train, holdout)
    assert seen.name == f"the mean of {rule}"
    assert seen.predicted.shape == (len(holdout.frame),)


def test_classes_have_seasons_too_and_their_shares_are_never_0() -> None:
    values = np.where(np.arange(700) % 7 == 0, "yes", "no")
    train, holdout = in_time("binary", values, np.arange(700.0))
    seen = baseline_of(train, holdout)
    assert "weekday" in seen.name
    assert 0 < seen.predicted.min() < seen.predicted.max() < 1
    assert seen.predicted.sum(axis=1) == pytest.approx(1)


def test_without_time_the_mean_of_train_is_the_baseline_and_the_median_for_absolute_errors() -> None:
    train, holdout = in_time("regression", np.array([0.0, 0, 0, 4, 1, 1]), np.arange(6.0), has_time=False)
    seen = baseline_of(train, holdout)
    assert seen.predictions("rmse").predicted.tolist() == [1.0, 1.0]
    assert seen.predictions("mae").predicted.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("metric", "best"), [("mae", 10.0), ("mape", 1.0), ("pinball_90", 100.0), ("pinball_10", 1.0), ("rmse", 24.4)]
)
def test_each_metric_has_the_baseline_that_no_other_constant_beats(metric: str, best: float) -> None:
    values = np.array([1.0] * 4 + [10.0] * 4 + [100.0] * 2)
    manifest = in_time("regression", values, np.arange(10.0))[0].manifest.model_copy(update={"time": ""})
    train = Table("train", pd.DataFrame({"answer": values}), manifest)
    said = baseline_of(train, train, (metric,)).predictions(metric).predicted
    own = score(metric, values, said, threshold=None)
    others = [score(metric, values, np.full(10, one), threshold=None) for one in np.linspace(0.5, 110, 220)]
    assert own <= min(others) + 1e-12
    assert said.tolist() == pytest.approx([best] * 10)


@pytest.mark.parametrize("metric", ["mae", "mape", "pinball_90", "pinball_10", "rmse"])
def test_the_baseline_of_weighted_rows_is_that_of_rows_repeated(metric: str) -> None:
    values, weights = np.array([1.0, 2.0, 5.0, 100.0]), np.array([3.0, 0.0, 2.0, 4.0])
    manifest = in_time("regression", values, np.arange(4.0))[0].manifest.model_copy(update={"time": ""})
    weighted = manifest.model_copy(update={"weights": "counts"})
    train = Table("train", pd.DataFrame({"answer": values, "counts": weights}), weighted)
    repeated = Table("train", pd.DataFrame({"answer": np.repeat(values, weights.astype(int))}), manifest)
    own, other = (baseline_of(one, one, (metric,)).predictions(metric).predicted[0] for one in (train, repeated))
    assert own == pytest.approx(other)


def test_the_season_of_weighted_rows_is_that_of_their_weighted_mean() -> None:
    days = np.arange(100.0)
    train, holdout = in_time("regression", np.arange(100) % 7 * 10.0, days)
    weights = np.where(np.arange(len(train.frame)) % 2, 2.0, 1.0)
    manifest = train.manifest.model_copy(update={"weights": "counts"})
    seen = baseline_of(Table("train", train.frame.assign(counts=weights), manifest), holdout)
    assert "weekday" in seen.name
    assert seen.predicted.tolist() == pytest.approx(holdout.truth.tolist())


def test_a_pinball_loss_decides_and_its_baseline_is_the_quantile(tmp_path: Path) -> None:
    build = build_of(tmp_path, "regression")
    write_model(build.challenger, build, GOOD_OF_TASK["regression"])
    asked = ("pinball_75", "mape")
    decision = decided(build, "regression", f"[gate.limits]\n{asked[1]} = 1e9", metric=f'"{asked[0]}"')
    one = deciding(decision)
    train, holdout = (draw_tables("regression")[name]["answer"] for name in ("train", "holdout"))
    assert one.metric == asked[0]
    assert one.challenger.low < one.challenger.value < one.challenger.high
    at = np.full(len(holdout), np.quantile(train, 0.75))
    assert one.baseline == pytest.approx(score(asked[0], holdout, at, threshold=None), rel=0.01)
    assert asked[1] in [other.metric for other in decision.comparisons]


def in_time(
    task: Task, values: npt.NDArray[np.generic], days: npt.NDArray[np.float64], *, has_time: bool = True
) -> tuple[Table, Table]:
    """Train and holdout: the last fifth of the rows."""
    frame = pd.DataFrame({"answer": values, "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D")})
    manifest = DataManifest(
        source="", source_sha256="", task=task, target="answer", classes=CLASSES[task],
        positive="yes" if task == "binary" else "", time="at" if has_time else "", features=(), tables={}, digest="",
    )  # fmt: skip
    cut = len(frame) * 4 // 5 if has_time else 4
    return (
        Table("train", frame.iloc[:cut].reset_index(drop=True), manifest),
        Table("holdout", frame.iloc[cut:].reset_index(drop=True), manifest),
    )


def test_the_diff_shows_the_baseline_beside_the_metric(tmp_path: Path) -> None:
    build = fresh_build(tmp_path)
    decision = decided(build)
    text = (build.stage("evaluate") / "diff.md").read_text()
    assert decision.baseline in text
    assert "| baseline |" in text
    assert deciding(decision).over_baseline is not None
