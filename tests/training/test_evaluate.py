"""The gate as a stage: what it promotes, and each fault that it refuses, by the reason it gives."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.config import Task
from contracts.decision import Check, Comparison, Decision
from contracts.exits import Exit
from contracts.features import Feature, Value
from contracts.model_folder import ExportProof, Golden, GoldenRow, model_digest
from contracts.schema import read_json, write_json
from contracts.stage import Build, StageRecord, execute
from tests.model_folders import BIAS, SIGNAL, Frames, draw_tables, replace_table, write_data, write_model
from training.evaluate import work
from training.tries import Ledger, Try, read_ledger

ROOT = Path(__file__).parents[2]
NOISY = {"signal": SIGNAL, "noise": 0.8}
A_LITTLE_NOISY = {"signal": SIGNAL, "noise": 0.25}
WRONG_IN_WEST = {"signal": SIGNAL, "echo": 2.0}


@pytest.fixture(scope="module")
def frames() -> Frames:
    return draw_tables()


@pytest.fixture
def build(tmp_path: Path, frames: Frames) -> Build:
    """Data, and the best model as challenger; no champion yet."""
    build = Build(tmp_path / "build")
    write_data(build, frames)
    write_model(build.challenger, build)
    return build


def pipeline_toml(folder: Path, task: Task = "binary", gate: str = "", **gate_keys: str) -> Path:
    """A pipeline.toml for the drawn tables. `gate`: more lines under [gate]; gate_keys replace its keys."""
    metric = "rmse" if task == "regression" else "roc_auc"
    keys = {"metric": f'"{metric}"', "margin": "0.01", "slice_min_rows": "300"} | gate_keys
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
    path = folder / "pipeline.toml"
    path.write_text(
        f'[project]\nname = "drawn"\n[data]\nsource = "drawn"\ntarget = "answer"\ntask = "{task}"\ntime = "at"\n'
        f'as_of = 2024-03-31\nmin_holdout_rows = 1000\n[training]\ncandidates = ["logistic"]\nmetric = "{metric}"\n'
        f"[gate]\n{lines}\n{gate}\n",
        encoding="utf-8",
    )
    return path


def evaluate(build: Build, task: Task = "binary", gate: str = "", **gate_keys: str) -> tuple[Exit, str]:
    """Exit code and headline."""
    code = execute("evaluate", pipeline_toml(build.root.parent, task, gate, **gate_keys), build, work)
    return code, read_json(build.stage("evaluate") / "stage.json", StageRecord, "make evaluate").headline


def decided(build: Build, task: Task = "binary", gate: str = "", **gate_keys: str) -> Decision:
    """The decision; exit code and headline must agree with it."""
    code, headline = evaluate(build, task, gate, **gate_keys)
    decision = read_json(build.stage("evaluate") / "decision.json", Decision, "make evaluate")
    assert code is (Exit.PASS if decision.decision == "promote" else Exit.FINDING), headline
    assert headline.startswith(decision.reasons[0])
    assert (build.stage("evaluate") / "diff.md").is_file()
    return decision


def deciding(decision: Decision) -> Comparison:
    return next(one for one in decision.comparisons if one.decides)


def check(decision: Decision, name: str) -> Check:
    return next(one for one in decision.checks if one.name == name)


def failed(decision: Decision) -> list[str]:
    return [one.name for one in decision.checks if not one.passed]


# --- what it promotes


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
    assert "is within the margin of 0.010 (gate.margin in pipeline.toml)" in decision.reasons[0]


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
    assert "there is no champion" in decision.reasons[0]


def test_the_decision_says_what_this_holdout_can_see(build: Build) -> None:
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
    assert len(list(build.stage("evaluate").glob("*.svg"))) == 2


# --- what it refuses: the comparison


def test_a_challenger_that_is_worse_than_the_margin_is_rejected(build: Build) -> None:
    champion = write_model(build.champion, build)
    challenger = write_model(build.challenger, build, NOISY)
    decision = decided(build)
    assert (decision.challenger, decision.champion) == (challenger, champion)
    assert deciding(decision).outcome == "worse"
    assert failed(decision) == []
    assert decision.reasons[0].startswith("Challenger rejected: roc_auc 0.")
    assert "is worse than the margin of 0.010 (gate.margin in pipeline.toml)." in decision.reasons[0]


def test_a_challenger_that_is_worse_on_one_slice_only_is_rejected(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, WRONG_IN_WEST)
    assert decided(build, margin="0.1").decision == "promote"
    decision = decided(build, margin="0.1", slice_margin="0.05", slices='["shop", "is_new"]')
    assert decision.decision == "reject"
    assert [one.value for one in decision.slices if one.outcome == "worse"] == ["west"]
    assert [(one.column, one.value) for one in decision.slices[3:]] == [("is_new", "0"), ("is_new", "1")]
    assert len(decision.reasons) == 1
    assert decision.reasons[0].startswith("Challenger rejected (slice): where shop is west (")


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


# --- what it refuses: champions


def damage_champion(build: Build) -> None:
    write_model(build.champion, build)
    (build.champion / "model.onnx").write_bytes(b"not a graph")


def empty_champion(build: Build) -> None:
    build.champion.mkdir()


def dangling_champion(build: Build) -> None:
    build.champion.symlink_to(build.root / "nowhere")


def champion_of_other_classes(build: Build) -> None:
    write_model(build.champion, build, classes=("yes", "no"))


def champion_of_another_target(build: Build) -> None:
    write_model(build.champion, build, target="question")


def champion_that_reads_more(build: Build) -> None:
    train = build.stage("data") / "train.parquet"
    kept = train.read_bytes()
    pd.read_parquet(train).assign(gone=np.float32(1)).to_parquet(train, index=False)
    number = Feature(name="gone", kind="numeric", minimum=1, maximum=1)
    write_model(build.champion, build, features=(Feature(name="signal", kind="numeric"), number))
    train.write_bytes(kept)


@pytest.mark.parametrize(
    ("put", "named"),
    [
        (damage_champion, "model.onnx has sha256"),
        (empty_champion, "model.json cannot be read"),
        (dangling_champion, "model.json cannot be read"),
        (champion_of_other_classes, "its classes: yes, no; the table's: no, yes"),
        (champion_of_another_target, "its target: question"),
        (champion_that_reads_more, "no column 'gone'"),
    ],
)
def test_a_champion_that_cannot_be_scored_is_named_and_rejects(
    build: Build, put: Callable[[Build], None], named: str
) -> None:
    put(build)
    decision = decided(build)
    assert decision.decision == "reject"
    assert named in check(decision, "champion").seen
    assert "build/champion" in check(decision, "champion").remedy
    assert deciding(decision).outcome == "inconclusive"
    assert str(build.root) not in decision.model_dump_json()


def test_a_champion_that_saw_the_holdout_in_training_rejects(build: Build) -> None:
    write_model(build.champion, build, train_last="2024-03-09 00:00:00")
    assert "champion's training period" in failed(decided(build))


def test_a_source_whose_units_changed_since_the_champion_rejects(build: Build, frames: Frames) -> None:
    write_model(build.champion, build)
    shifted = {name: frame.assign(noise=frame["noise"] / 2 + 3) for name, frame in frames.items()}
    write_data(build, shifted)
    write_model(build.challenger, build)
    decision = decided(build)
    assert failed(decision) == ["champion's table contract"]
    assert "were its units changed" in decision.reasons[0]


# --- what it refuses: challengers that are not good enough on their own


def test_a_missed_floor_and_an_exceeded_limit_are_named_with_their_keys(build: Build) -> None:
    decision = decided(build, gate="[gate.floors]\nroc_auc = 0.99\n[gate.limits]\nbrier = 0.01")
    assert failed(decision) == ["floor of roc_auc", "limit of brier"]
    assert "gate.floors.roc_auc in pipeline.toml" in decision.reasons[0]
    assert "gate.limits.brier in pipeline.toml" in decision.reasons[1]


def test_a_miscalibrated_model_is_rejected_though_its_ranking_is_right(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, bias=BIAS + 1.5)
    assert decided(build).decision == "promote"
    decision = decided(build, max_calibration_error="0.08")
    assert failed(decision) == ["calibration"]
    assert "gate.max_calibration_error" in decision.reasons[0]


def test_a_constant_model_is_rejected(build: Build) -> None:
    write_model(build.challenger, build, {})
    assert "varied predictions" in failed(decided(build))


def test_a_slow_or_large_model_is_rejected(build: Build) -> None:
    assert failed(decided(build, max_row_us="0.001")) == ["time of one row"]
    assert failed(decided(build, max_model_mb="0.0001")) == ["model size"]


def test_an_export_that_was_not_proved_is_rejected(build: Build) -> None:
    proof = ExportProof(rows=100, boundary_rows=0, label_flips=1, largest_difference=0.0)
    write_model(build.challenger, build, proof=proof)
    assert failed(decided(build)) == ["export parity"]


def test_a_proof_of_no_rows_is_none(build: Build) -> None:
    proof = ExportProof(rows=0, boundary_rows=0, label_flips=0, largest_difference=0.0)
    write_model(build.challenger, build, proof=proof)
    assert failed(decided(build)) == ["export parity"]


def test_golden_rows_that_forgive_anything_prove_nothing(build: Build) -> None:
    inputs: dict[str, Value] = {"signal": 0.0, "noise": 0.0, "echo": 0.0, "is_new": 1.0, "shop": "west"}
    golden = Golden(tolerance=1.0, rows=(GoldenRow(inputs=inputs, output=(0.5, 0.5)),))
    write_model(build.challenger, build, golden=golden)
    assert failed(decided(build)) == ["export parity"]


def test_a_challenger_with_its_classes_swapped_is_rejected(build: Build) -> None:
    write_model(build.challenger, build, classes=("yes", "no"))
    decision = decided(build)
    assert "its classes: yes, no; the table's: no, yes" in check(decision, "challenger").seen
    assert decision.comparisons == ()


def test_a_damaged_challenger_is_rejected_with_a_decision(build: Build) -> None:
    (build.challenger / "golden.json").write_text("{}")
    decision = decided(build)
    assert "golden.json has sha256" in check(decision, "challenger").seen
    assert decision.challenger == model_digest(build.challenger)


# --- what it refuses: leakage


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
    decision = decided(build)
    assert failed(decision)[0] == "shared rows"
    assert decision.reasons[0].startswith("Challenger rejected (shared rows): 3.2 % of the holdout rows")
    assert decided(build, max_shared_rows="0.05").decision == "promote"


def test_a_model_trained_up_to_the_holdout_is_rejected(build: Build) -> None:
    write_model(build.challenger, build, train_last="2024-03-30 00:00:00")
    assert failed(decided(build)) == ["training period"]


def test_a_model_that_does_not_say_how_far_it_was_trained_is_rejected(build: Build) -> None:
    write_model(build.challenger, build, train_last="")
    assert failed(decided(build)) == ["training period"]


def test_a_model_whose_reference_stands_in_the_holdout_is_rejected(build: Build, frames: Frames) -> None:
    write_model(build.challenger, build, reference=frames["holdout"].drop(columns="cluster").iloc[::5])
    assert failed(decided(build)) == ["fitted rows"]


def test_a_model_trained_on_other_data_is_sent_back_to_train(build: Build) -> None:
    write_model(build.challenger, build, data_digest="sha256:" + "e" * 64)
    decision = decided(build)
    assert failed(decision) == ["training data"]
    assert "run `make train`" in decision.reasons[0]


# --- what it refuses: tables


def test_nan_predictions_are_rejected(build: Build, frames: Frames) -> None:
    noisy = frames["holdout"].copy()
    noisy.loc[3, "signal"] = np.nan
    replace_table(build, "holdout", noisy)
    decision = decided(build, gate="[gate.floors]\nroc_auc = 0.6")
    assert failed(decision) == ["varied predictions", "metrics", "floor of roc_auc"]
    assert "NaN or infinite on 1 of 3000 rows" in check(decision, "metrics").seen
    assert decision.comparisons == ()


def test_an_empty_holdout_is_rejected(build: Build, frames: Frames) -> None:
    replace_table(build, "holdout", frames["holdout"].iloc[:0])
    decision = decided(build)
    assert decision.reasons[0].startswith("Challenger rejected (holdout table): 0 rows")


def test_a_holdout_of_one_class_is_rejected(build: Build, frames: Frames) -> None:
    write_model(build.champion, build, NOISY)
    replace_table(build, "holdout", frames["holdout"].assign(answer="no"))
    decision = decided(build, metric='"brier"')
    assert failed(decision) == ["metrics"]
    assert "none of 3000 rows is of class 1" in decision.reasons[0]


def test_a_class_that_nobody_knows_is_rejected(build: Build, frames: Frames) -> None:
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
    assert "not those that data.json describes" in check(decided(build), "holdout table").seen


def test_a_column_that_is_gone_is_the_first_reason(build: Build, frames: Frames) -> None:
    replace_table(build, "holdout", frames["holdout"].drop(columns="noise"))
    decision = decided(build)
    assert decision.reasons[0].startswith("Challenger rejected (table contract): noise is gone")
    assert decision.comparisons == ()


def test_units_that_changed_are_rejected(build: Build, frames: Frames) -> None:
    changed = frames["holdout"].assign(noise=(frames["holdout"]["noise"] / 2 + 3).astype(np.float32))
    replace_table(build, "holdout", changed)
    decision = decided(build)
    assert decision.reasons[0].startswith("Challenger rejected (table contract): noise is outside")


# --- tries


def others(count: int) -> tuple[Try, ...]:
    return tuple(Try(model=f"sha256:{number:064}", function=f"sha256:{number:064}") for number in range(count))


def remember(build: Build, decision: Decision, count: int) -> None:
    """As if `count` other challengers had been judged on this holdout before."""
    (holdout,) = read_ledger(build.tries).holdouts
    assert decision.tries == 1
    write_json(build.tries, Ledger(holdouts={holdout: others(count)}))


def test_the_tenth_try_needs_more_than_the_first(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, A_LITTLE_NOISY)
    first = decided(build)
    remember(build, first, 9)
    tenth = decided(build)
    assert (tenth.tries, tenth.confidence) == (10, 0.995)
    differences = [deciding(one).difference for one in (first, tenth)]
    assert differences[0] is not None
    assert differences[1] is not None
    between = -(differences[0].low + differences[1].low) / 2
    assert decided(build, margin=f"{between}").decision == "reject"
    build.tries.unlink()
    assert decided(build, margin=f"{between}").decision == "promote"


def test_the_same_challenger_keeps_its_number_and_another_gets_the_next(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, NOISY)
    assert [decided(build).tries for _ in range(2)] == [1, 1]
    write_model(build.challenger, build, A_LITTLE_NOISY)
    assert decided(build).tries == 2
    write_model(build.challenger, build, NOISY, commit="b" * 40)
    assert decided(build).tries == 1


def test_the_champion_itself_is_no_try(build: Build) -> None:
    write_model(build.champion, build, commit="b" * 40)
    assert decided(build).tries == 1
    assert read_ledger(build.tries).holdouts == {}


def test_a_new_holdout_starts_at_one(build: Build, frames: Frames) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, NOISY)
    remember(build, decided(build), 5)
    replace_table(build, "holdout", frames["replay"])
    assert decided(build).tries == 1


def test_a_damaged_ledger_refuses_every_challenger(build: Build) -> None:
    build.tries.write_text('{"format_version": 1, "holdouts": {"x": [')
    code, headline = evaluate(build)
    assert code is Exit.USAGE
    assert "tries.json cannot be trusted" in headline
    assert not (build.stage("evaluate") / "decision.json").exists()


# --- what must be mended first


def test_a_slice_that_is_no_column_names_the_nearest(build: Build) -> None:
    code, headline = evaluate(build, slices='["shopp"]')
    assert code is Exit.USAGE
    assert "gate.slices names 'shopp'" in headline
    assert "Did you mean shop?" in headline


def test_data_made_for_another_question_is_refused(build: Build) -> None:
    code, headline = evaluate(build, task="regression")
    assert code is Exit.USAGE
    assert "Run `make data`" in headline


def test_no_challenger_says_which_command_makes_one(build: Build) -> None:
    build.challenger.rename(build.root / "elsewhere")
    code, headline = evaluate(build)
    assert code is Exit.USAGE
    assert "Run `make train` first." in headline


# --- the same inputs, the same bytes; the real command


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
    assert set(once) == {"decision.json", "diff.md", "roc.svg", "calibration.svg"}
    for name, content in once.items():
        assert str(build.root).encode() not in content, name


def test_the_command_exits_3_on_reject_with_the_reason_and_where_to_read_on(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, NOISY)
    config = pipeline_toml(build.root.parent)
    ended = subprocess.run(
        [sys.executable, "-m", "training.evaluate", "--config", str(config), "--build", str(build.root)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 3, ended.stderr
    assert ended.stderr.startswith("evaluate: reject. Challenger rejected: roc_auc 0.")
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
