"""The gate as a stage: what it promotes, what it rejects, and the files that it writes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.decision import Plots
from contracts.exits import Exit
from contracts.schema import Task, read_json
from contracts.stage import Build
from testbed.model_folders import BIAS, SIGNAL, Frames, draw_tables, replace_table, write_data, write_model
from tests.refusals import code_of
from tests.training.evaluating import (
    A_LITTLE_NOISY,
    NOISY,
    WRONG_IN_WEST,
    decided,
    deciding,
    evaluate,
    failed,
    pipeline_toml,
)

ROOT = Path(__file__).parents[2]


def test_a_better_challenger_is_promoted(build: Build) -> None:
    write_model(build.champion, build, NOISY)
    decision = decided(build)
    assert decision.decision == "promote"
    assert deciding(decision).outcome == "better"
    assert decision.clusters == 30
    assert failed(decision) == []


def test_the_same_model_of_another_commit_is_equivalent(build: Build) -> None:
    write_model(build.champion, build, commit="b" * 40)
    decision = decided(build)
    assert decision.decision == "promote"
    assert decision.challenger != decision.champion
    assert deciding(decision).outcome == "equivalent"
    assert decision.reason_codes == ("equivalent",)


def test_a_challenger_that_is_worse_by_less_than_the_margin_is_equivalent(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, A_LITTLE_NOISY)
    decision = decided(build, margin="0.05")
    difference = deciding(decision).difference
    assert difference is not None
    assert difference.high < 0
    assert deciding(decision).outcome == "equivalent"
    assert decision.decision == "promote"


def test_without_a_champion_the_floors_alone_decide(build: Build) -> None:
    decision = decided(build, gate="[gate.floors]\nroc_auc = 0.7")
    assert decision.decision == "promote"
    assert {one.outcome for one in decision.comparisons} == {"no champion"}
    assert decision.champion == ""
    assert decision.detectable_difference is None
    assert decision.reason_codes == ("no champion",)


def test_the_decision_has_the_detectable_difference_of_the_holdout(build: Build) -> None:
    write_model(build.champion, build, A_LITTLE_NOISY)
    detectable = decided(build).detectable_difference
    assert detectable is not None
    assert 0 < detectable < 0.02


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks_are_judged_alike(task: Task, tmp_path: Path) -> None:
    build = Build(tmp_path / "build")
    write_data(build, draw_tables(task), task)
    several = task == "multiclass"
    good, noise = ((-3.0, 0.0, 3.0), (3.0, 0.0, -3.0)) if several else ((15.0,), (4.0,))
    bias = (-2.5, 0.0, -1.0) if several else (-5.0,)
    write_model(build.challenger, build, {"signal": good}, bias)
    write_model(build.champion, build, {"signal": good, "noise": noise}, bias)
    assert deciding(decided(build, task, margin="0.1")).outcome == "better"
    build.challenger.rename(tmp_path / "best")
    build.champion.rename(build.challenger)
    (tmp_path / "best").rename(build.champion)
    decision = decided(build, task, margin="0.01")
    assert deciding(decision).outcome == "worse"
    assert decision.decision == "reject"
    drawn = read_json(build.stage("evaluate") / "plots.json", Plots, "make evaluate").plots
    assert set(drawn) == ({"roc", "calibration"} if several else {"residuals", "predicted"})


def test_a_challenger_that_is_worse_than_the_margin_is_rejected(build: Build) -> None:
    champion = write_model(build.champion, build)
    challenger = write_model(build.challenger, build, NOISY)
    decision = decided(build)
    assert (decision.challenger, decision.champion) == (challenger, champion)
    assert deciding(decision).outcome == "worse"
    assert failed(decision) == ["expected cost"]
    assert decision.reason_codes == ("worse", "expected cost")


def test_a_challenger_that_is_worse_on_one_slice_only_is_rejected(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, WRONG_IN_WEST)
    assert decided(build, margin="0.1", cost_margin="1.0").decision == "promote"
    decision = decided(build, margin="0.1", cost_margin="1.0", slice_margin="0.05", slices='["shop", "is_new"]')
    assert decision.decision == "reject"
    assert [one.value for one in decision.slices if one.outcome == "worse"] == ["west"]
    assert [(one.column, one.value) for one in decision.slices[3:]] == [("is_new", "0"), ("is_new", "1")]
    assert len(decision.reasons) == 1
    assert decision.reason_codes == ("slice",)
    assert "shop is west" in decision.reasons[0]


def test_too_few_rows_to_tell_is_inconclusive_and_rejected(build: Build, frames: Frames) -> None:
    write_model(build.champion, build, A_LITTLE_NOISY)
    replace_table(build, "holdout", frames["holdout"].iloc[:1000].reset_index(drop=True))
    write_model(build.challenger, build, {"signal": SIGNAL, "noise": -0.25})
    decision = decided(build, margin="0.001")
    assert deciding(decision).outcome == "inconclusive"
    assert decision.decision == "reject"
    assert "data.holdout_days" in decision.reasons[0]


def test_labels_that_were_shuffled_in_training_are_rejected(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, {"noise": 0.01, "is_new": 0.02})
    assert deciding(decided(build)).outcome == "worse"


def test_a_model_with_its_outputs_swapped_is_rejected(build: Build) -> None:
    write_model(build.challenger, build, {"signal": -SIGNAL}, -BIAS)
    decision = decided(build, gate="[gate.floors]\nroc_auc = 0.7")
    assert "floor of roc_auc" in failed(decision)


def test_a_slice_that_is_no_column_names_the_nearest(build: Build) -> None:
    code, headline = evaluate(build, slices='["shopp"]')
    assert code is Exit.USAGE
    assert "gate.slices names 'shopp'" in headline
    assert " shop?" in headline


def test_data_made_for_another_question_is_refused(build: Build) -> None:
    code, headline = evaluate(build, task="regression")
    assert code is Exit.USAGE
    assert "Run `make data`" in headline


def test_no_challenger_says_which_command_makes_one(build: Build) -> None:
    build.challenger.rename(build.root / "elsewhere")
    code, headline = evaluate(build)
    assert code is Exit.USAGE
    assert code_of(build, "evaluate") == "not-there"
    assert "`make train`" in headline


def contents(build: Build) -> Iterator[tuple[str, bytes]]:
    for path in sorted(build.stage("evaluate").iterdir()):
        if path.name not in ("stage.json", "latency.json"):
            yield path.name, path.read_bytes()


def test_the_same_inputs_give_the_same_bytes_and_no_path_or_figure_of_this_machine(build: Build) -> None:
    write_model(build.champion, build, A_LITTLE_NOISY)
    decided(build, slices='["shop"]')
    once = dict(contents(build))
    decided(build, slices='["shop"]')
    assert dict(contents(build)) == once
    assert set(once) == {"decision.json", "diff.md", "plots.json", "model_figures.json", "evaluation.json"}
    for name, content in once.items():
        assert str(build.root).encode() not in content, name


def test_the_command_exits_3_on_reject_with_the_reason_and_where_to_read_on(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, NOISY)
    config = pipeline_toml(build.root.parent)
    ended = subprocess.run(
        [sys.executable, "-m", "training", "evaluate", "--config", str(config), "--build", str(build.root)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 3, ended.stderr
    assert ended.stderr.startswith("evaluate: reject. ")
    assert "roc_auc 0." in ended.stderr
    assert f"See {build.stage('evaluate') / 'diff.md'}." in ended.stderr
    assert "Traceback" not in ended.stderr


def test_better_figures_that_do_not_decide_do_not_help(build: Build) -> None:
    write_model(build.champion, build, bias=BIAS + 1.5)
    write_model(build.challenger, build, NOISY)
    decision = decided(build)
    outcomes = {one.metric: one.outcome for one in decision.comparisons}
    assert outcomes["log_loss"] == "better"
    assert outcomes["roc_auc"] == "worse"
    assert [one.metric for one in decision.comparisons if one.margin is not None] == ["roc_auc"]
    assert decision.decision == "reject"
