"""What is loaded, and that an image which should be there is never quietly replaced by a process."""

from pathlib import Path

from targets import IN_CHALLENGERS_IMAGE, Target, challenger_target, champion_target

from contracts.exits import Exit, UsageError
from contracts.schema import write_json
from contracts.stage import Build, StageRecord
from testbed.images import image
from tests.refusals import refuses

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


def record(build: Build, verdict: str, headline: str, exit_code: Exit = Exit.PASS) -> None:
    write_json(
        build.stage("build") / "stage.json",
        StageRecord(stage="build", exit_code=exit_code, verdict=verdict, headline=headline, seconds=1, peak_mb=1),
    )


def test_a_process_is_loaded_where_that_is_asked_for(tmp_path: Path) -> None:
    target = challenger_target(Build(tmp_path), DIGEST, {"TARGET": "process"})
    assert target.kind == "process"
    assert "TARGET=process" in target.served


def test_where_the_build_was_skipped_its_reason_is_said(tmp_path: Path) -> None:
    record(Build(tmp_path), "skipped", "no container engine: There is no docker.")
    target = challenger_target(Build(tmp_path), DIGEST, {"TARGET": "auto"})
    assert target.kind == "process"
    assert "no docker" in target.served


def test_without_a_build_stage_a_process_is_loaded_and_that_is_said(tmp_path: Path) -> None:
    target = challenger_target(Build(tmp_path), DIGEST, {})
    assert target.kind == "process"
    assert "make build" in target.served


def test_a_target_that_is_none_is_refused(tmp_path: Path) -> None:
    with refuses(UsageError, "unknown-target", "'docker'", "auto, image, process"):
        challenger_target(Build(tmp_path), DIGEST, {"TARGET": "docker"})


def test_an_image_that_was_asked_for_and_is_not_there_is_refused(tmp_path: Path) -> None:
    with refuses(UsageError, "no-image", "image.json", "`make build`"):
        challenger_target(Build(tmp_path), DIGEST, {"TARGET": "image"})


def test_a_build_that_failed_is_not_taken_for_one_that_was_skipped(tmp_path: Path) -> None:
    record(Build(tmp_path), "crashed", "no space left", Exit.CRASH)
    with refuses(UsageError, "build-failed", "code 1", "no space left", "`make build`", "TARGET=process"):
        challenger_target(Build(tmp_path), DIGEST, {})


def test_an_image_of_another_model_is_refused(tmp_path: Path) -> None:
    write_json(Build(tmp_path).stage("build") / "image.json", image(model=OTHER))
    with refuses(UsageError, "image-of-another-model", "sha256:bbbb", "sha256:aaaa"):
        challenger_target(Build(tmp_path), DIGEST, {})


def test_the_champion_is_a_process_where_the_challenger_is(tmp_path: Path) -> None:
    target = champion_target(Build(tmp_path), DIGEST, Target("a process"))
    assert (target.kind, target.model) == ("process", None)


def test_a_champion_that_came_out_of_no_image_runs_in_the_challengers(tmp_path: Path) -> None:
    target = champion_target(Build(tmp_path), DIGEST, Target("the image", "sha256:1"))
    assert (target.image, target.model) == ("sha256:1", tmp_path / "champion")
    assert target.served == IN_CHALLENGERS_IMAGE
