"""The report's figures of a model: feature importance and confusion matrix."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from contracts.model_figures import ModelFigures
from contracts.schema import Task, read_json
from contracts.stage import Build
from testbed.model_folders import draw_tables, write_data, write_model
from tests.training.evaluating import decided

WEIGHTS: dict[Task, Mapping[str, float] | Mapping[str, tuple[float, ...]]] = {
    "binary": {"signal": 1.5, "noise": 0.01},
    "multiclass": {"signal": (-2.0, 0.0, 2.0), "noise": (0.01, 0.0, 0.0)},
    "regression": {"signal": 15.0, "noise": 0.01},
}


def figures_of(root: Path, task: Task, metric: str = "") -> ModelFigures:
    build = Build(root / "build")
    write_data(build, draw_tables(task), task)
    write_model(build.challenger, build, WEIGHTS[task])
    decided(build, task, **({"metric": f'"{metric}"'} if metric else {}))
    return read_json(build.stage("evaluate") / "model_figures.json", ModelFigures, "make evaluate")


@pytest.mark.parametrize(
    ("task", "metric"), [("binary", "roc_auc"), ("binary", "log_loss"), ("multiclass", "f1"), ("regression", "rmse")]
)
def test_a_column_that_the_model_needs_is_worth_something_and_one_it_does_not_read_nothing(
    tmp_path: Path, task: Task, metric: str
) -> None:
    seen = figures_of(tmp_path, task, metric)
    by_name = {one.feature: one.loss for one in seen.importances}
    assert seen.importances[0].feature == "signal"
    assert by_name["signal"].low > 0
    assert abs(by_name["noise"].value) < by_name["signal"].value / 20
    assert by_name["shop"].value == by_name["shop"].low == by_name["shop"].high == 0
    assert {one.name for one in seen.features} == by_name.keys()


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_confusion_matrix_holds_every_row_once(tmp_path: Path, task: Task) -> None:
    seen = figures_of(tmp_path, task)
    holdout = draw_tables(task)["holdout"]
    counts = holdout["answer"].value_counts()
    assert [sum(row) for row in seen.confusion] == [counts[one.name] for one in seen.classes]
    for place, one in enumerate(seen.classes):
        hits = seen.confusion[place][place]
        assert one.recall == pytest.approx(hits / one.rows, rel=1e-5)
        assert one.precision == pytest.approx(hits / max(1, sum(row[place] for row in seen.confusion)), rel=1e-5)


def test_the_matrix_agrees_with_the_metrics_of_the_decision(tmp_path: Path) -> None:
    build = Build(tmp_path / "build")
    write_data(build, draw_tables())
    write_model(build.challenger, build, threshold=0.3)
    decision = decided(build)
    seen = read_json(build.stage("evaluate") / "model_figures.json", ModelFigures, "make evaluate")
    said = {one.metric: one.challenger.value for one in decision.comparisons}
    assert seen.classes[-1].recall == said["recall"]
    assert seen.classes[-1].precision == said["precision"]
    assert seen.classes[-1].f1 == said["f1"]


def test_a_regression_has_no_classes(tmp_path: Path) -> None:
    seen = figures_of(tmp_path, "regression")
    assert (seen.classes, seen.confusion) == ((), ())


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    seen = [figures_of(tmp_path / name, "binary") for name in ("a", "b")]
    assert seen[0] == seen[1]
