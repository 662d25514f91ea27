"""The gate refuses faulty model folders of challenger and champion, each by its own reason."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from contracts.features import Feature, Value
from contracts.model_folder import ExportProof, Golden, GoldenRow, model_digest
from contracts.stage import Build
from testbed.model_folders import BIAS, Frames, write_data, write_model
from tests.training.evaluating import check, decided, deciding, failed

ROW_TIME = "time of one row"  # the name of a check


def damage_champion(build: Build) -> None:
    write_model(build.champion, build)
    (build.champion / "model.onnx").write_bytes(b"not a graph")


def empty_champion(build: Build) -> None:
    build.champion.mkdir()


def dangling_champion(build: Build) -> None:
    build.champion.symlink_to(build.root / "nowhere")


def champion_of_other_classes(build: Build) -> None:
    write_model(build.champion, build, classes=("yes", "no"))


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
    assert "champion: none" in check(decision, "champion").remedy
    assert decision.first_run == ""
    assert deciding(decision).outcome == "inconclusive"
    assert str(build.root) not in decision.model_dump_json()


def test_a_champion_of_another_target_is_a_stated_first_run(build: Build) -> None:
    write_model(build.champion, build, target="question")
    decision = decided(build)
    assert (decision.decision, decision.champion) == ("promote", "")
    assert "'question', here 'answer'" in decision.first_run


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
    assert decision.reason_codes == ("champion's table contract",)


def test_a_missed_floor_and_an_exceeded_limit_are_named_with_their_keys(build: Build) -> None:
    decision = decided(build, gate="[gate.floors]\nroc_auc = 0.99\n[gate.limits]\nbrier = 0.01")
    assert failed(decision) == ["floor of roc_auc", "limit of brier"]
    assert "gate.floors.roc_auc in pipeline.toml" in decision.reasons[0]
    assert "gate.limits.brier in pipeline.toml" in decision.reasons[1]


def test_a_miscalibrated_model_is_rejected_though_its_ranking_is_right(build: Build) -> None:
    write_model(build.champion, build)
    write_model(build.challenger, build, bias=BIAS + 1.5, threshold=0.8176)
    assert decided(build).decision == "promote"
    decision = decided(build, max_calibration_error="0.08")
    assert failed(decision) == ["calibration"]
    assert "gate.max_calibration_error" in decision.reasons[0]


def test_a_constant_model_is_rejected(build: Build) -> None:
    write_model(build.challenger, build, {})
    assert "varied predictions" in failed(decided(build))


def test_a_slow_or_large_model_is_rejected(build: Build) -> None:
    (slow,) = failed(decided(build, max_row_us="0.001"))
    assert slow == ROW_TIME
    assert failed(decided(build, max_model_mb="0.0001")) == ["model size"]


def test_an_export_that_was_not_proved_is_rejected(build: Build) -> None:
    proof = ExportProof(rows=3000, boundary_rows=0, label_flips=1, largest_difference=0.0)
    write_model(build.challenger, build, proof=proof)
    assert failed(decided(build)) == ["export parity"]


def test_a_proof_of_no_rows_is_rejected(build: Build) -> None:
    proof = ExportProof(rows=0, boundary_rows=0, label_flips=0, largest_difference=0.0)
    write_model(build.challenger, build, proof=proof)
    assert failed(decided(build)) == ["export parity"]


def test_golden_rows_with_a_wide_tolerance_are_rejected(build: Build) -> None:
    inputs: dict[str, Value] = {"signal": 0.0, "noise": 0.0, "echo": 0.0, "is_new": 1.0, "shop": "west"}
    golden = Golden(tolerance=1.0, rows=(GoldenRow(inputs=inputs, output=(0.5, 0.5)),))
    write_model(build.challenger, build, golden=golden)
    assert failed(decided(build)) == ["export parity", "golden rows"]


def test_a_challenger_with_its_classes_swapped_is_rejected(build: Build) -> None:
    write_model(build.challenger, build, classes=("yes", "no"))
    decision = decided(build)
    assert "yes, no; the" in check(decision, "challenger").seen
    assert decision.comparisons == ()


def test_a_damaged_challenger_is_rejected_with_a_decision(build: Build) -> None:
    (build.challenger / "golden.json").write_text("{}")
    decision = decided(build)
    assert "golden.json has sha256" in check(decision, "challenger").seen
    assert decision.challenger == model_digest(build.challenger)
