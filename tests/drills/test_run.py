"""The runner: a drill fails if the gate lets the fault through, and if it refuses for another reason."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.drills import DrillRecord
from contracts.exits import Exit
from drills.__main__ import chosen, of_kind
from drills.commands import exit_code_of, make_stage
from drills.drill import FINDING, PASS, USAGE, Drill, Plant
from drills.run import NOT_RUN, failures, run_all, run_one
from drills.scene import PlantError, Scene
from tests.drills.scenes import healthy


def planted(scene: Scene) -> None:
    scene.set("gate.metric", "roc_acu")


def nothing(scene: Scene) -> None:
    scene.set("gate.margin", 0.01)


def crash(scene: Scene) -> None:
    (scene.root / "nowhere").read_bytes()


def drill_of(plant: Plant = planted, exit_code: Exit = USAGE, reason: str = "'roc_acu' is no metric") -> Drill:
    return Drill("model/one", "A metric that is none.", "evaluate", exit_code, reason, plant)


@pytest.fixture
def base(tmp_path: Path) -> Scene:
    return healthy(tmp_path / "base")


def run(drill: Drill, base: Scene) -> DrillRecord:
    return run_one(drill, base, base.root.parent / "scene")


def test_what_a_fault_needs_may_be_set_already_but_the_fault_may_not(base: Scene) -> None:
    for _ in range(2):
        base.prepare("load.seconds", 7.0)
    with pytest.raises(PlantError, match=r"load\.seconds = 7\.0"):
        base.set("load.seconds", 7.0)


def test_a_fault_that_is_refused_by_its_reason_ends_as_planned_and_leaves_no_copy(base: Scene) -> None:
    record = run(drill_of(), base)
    assert record.passed
    assert record.exit == 2
    assert "gate.metric: 'roc_acu'" in record.reason
    assert not (base.root.parent / "scene").exists()


def test_a_gate_that_lets_the_fault_through_is_reported(base: Scene) -> None:
    record = run(drill_of(lambda scene: scene.set("gate.margin", 0.5), FINDING, "is worse than the margin"), base)
    assert (record.exit, record.passed) == (0, False)
    assert record.reason.startswith("Challenger promoted")
    assert (base.root.parent / "scene" / "pipeline.toml").is_file()


def test_a_refusal_for_another_reason_is_reported(base: Scene) -> None:
    record = run(drill_of(reason="is worse than the margin"), base)
    assert (record.exit, record.passed) == (2, False)


def test_the_right_reason_with_another_exit_code_is_reported(base: Scene) -> None:
    assert not run(drill_of(exit_code=FINDING), base).passed


@pytest.mark.parametrize(
    ("plant", "said"), [(nothing, "not planted: pipeline.toml has gate.margin"), (crash, "not planted: FileNotFound")]
)
def test_a_fault_that_cannot_be_planted_is_reported_and_no_stage_is_run(base: Scene, plant: Plant, said: str) -> None:
    record = run(drill_of(plant, USAGE, said), base)
    assert (record.exit, record.passed) == (NOT_RUN, False)
    assert record.reason.startswith(said)
    assert not (base.root.parent / "scene" / "build" / "evaluate").exists()


def test_a_stage_before_the_fault_that_fails_is_a_planting_failure(base: Scene) -> None:
    def plant(scene: Scene) -> None:
        scene.set("gate.metric", "roc_acu")
        scene.run("evaluate")

    record = run(drill_of(plant), base)
    assert record.exit == NOT_RUN
    assert record.reason.startswith("not planted: evaluate")


def test_a_gate_that_should_have_refused_before_and_passed_is_a_planting_failure(base: Scene) -> None:
    with pytest.raises(PlantError, match=r"evaluate .* 0, "):
        base.run_refused("evaluate")


def test_the_scene_is_a_copy_and_the_base_stays_healthy(base: Scene) -> None:
    run(drill_of(), base)
    assert make_stage("evaluate", base.config, base.build).exit_code == 0


def test_every_drill_has_a_record_in_order_and_every_failure_a_paragraph(base: Scene) -> None:
    good, bad = drill_of(), replace(drill_of(reason="too slow"), name="model/two")
    said: list[str] = []
    records = run_all([bad, good], base, base.root.parent / "folder", lambda record: said.append(record.name))
    assert [(record.name, record.passed) for record in records] == [("model/two", False), ("model/one", True)]
    assert sorted(said) == ["model/one", "model/two"]
    (paragraph,) = failures(records)
    assert paragraph.startswith("model/two: ")
    assert "required: /too slow/" in paragraph


@pytest.mark.parametrize(
    ("code", "said", "exit_code"),
    [
        (0, "", 0),
        (2, "make: *** [Makefile:46: evaluate] Error 3", 3),
        (2, "make[1]: *** [evaluate] Error 1\nmake: *** [x] Error 2", 2),
        (2, "make: *** No rule to make target 'evaluate'.  Stop.", 1),
        (-9, "", 1),
    ],
)
def test_the_stages_own_exit_code_is_read_from_makes_message(code: int, said: str, exit_code: int) -> None:
    assert exit_code_of(code, said) == exit_code


def test_drills_are_chosen_by_room_or_name_and_nightly_ones_only_when_asked() -> None:
    one = drill_of()
    nightly = Drill("data/two", "Two.", "data", PASS, "x", nothing, nightly=True)
    assert chosen([one, nightly], "", full=False) == [one]
    assert chosen([one, nightly], "", full=True) == [one, nightly]
    assert chosen([one, nightly], "data", full=False) == [nightly]
    assert chosen([one, nightly], "one,data/two", full=False) == [one, nightly]
    assert chosen([one, nightly], "three", full=True) == []


def test_drills_that_measure_time_are_told_from_the_others() -> None:
    timed = Drill("load/slower", "Slower.", "load-test", FINDING, "x", nothing)
    both = [drill_of(), timed]
    assert [one.name for one in both if of_kind(one, "yes")] == ["load/slower"]
    assert [one.name for one in both if of_kind(one, "no")] == ["model/one"]
    assert [one for one in both if of_kind(one, "")] == both


def test_an_unknown_name_ends_in_2_with_the_names_there_are() -> None:
    ended = subprocess.run(
        ["make", "drill", "ONLY=no-such"], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert "'no-such'" in ended.stderr
    assert "model/equal" in ended.stderr
    assert "Error 2" in ended.stderr
