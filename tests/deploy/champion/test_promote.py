"""The last step on a laptop: only a model folder that every stage vouches for becomes the champion."""

from pathlib import Path

import pytest

from contracts.exits import Exit, UsageError
from contracts.model_folder import model_digest, read_card
from contracts.schema import write_json
from contracts.stage import CHAIN, Build, StageName
from deploy.champion.promote import objections as said_against
from deploy.champion.promote import other_commit, replace_folder
from testbed.images import IMAGE_ID, image
from tests.reports.records import DATA_DIGEST, decision, drift_verdict, load_verdict, whole_run, write_record

OTHER = "sha256:" + "e" * 64


def where_it_runs(stage: StageName) -> pytest.MarkDecorator:
    return pytest.mark.skipif(stage not in CHAIN, reason=f"the chain has no {stage}")


def objections(build: Build, digest: str, data_digest: str = DATA_DIGEST, *, promote: bool = True) -> str:
    return " ".join(said_against(build, digest, data_digest, decision(digest, promote=promote)))


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return whole_run(tmp_path)


@pytest.fixture
def digest(build: Build) -> str:
    return model_digest(build.challenger)


def test_nothing_stands_against_a_model_that_every_stage_passed(build: Build, digest: str) -> None:
    assert objections(build, digest) == ""


def test_a_rejected_model_is_refused(build: Build, digest: str) -> None:
    assert "The gate decided: reject." in objections(build, digest, promote=False)


def test_a_decision_on_another_model_is_refused(build: Build, digest: str) -> None:
    said = " ".join(said_against(build, digest, DATA_DIGEST, decision(OTHER)))
    assert "evaluate judged model sha256:eeeeeeeeeeee" in said


@where_it_runs("load-test")
def test_a_load_test_of_another_model_is_refused(build: Build, digest: str) -> None:
    write_json(build.stage("load-test") / "verdict.json", load_verdict(OTHER))
    assert "load-test judged model sha256:eeeeeeeeeeee" in objections(build, digest)


@where_it_runs("drift")
def test_a_drift_report_of_another_model_is_refused(build: Build, digest: str) -> None:
    write_json(build.stage("drift") / "verdict.json", drift_verdict(OTHER))
    assert "drift judged model sha256:eeeeeeeeeeee" in objections(build, digest)


def test_other_data_than_the_models_is_refused(build: Build, digest: str) -> None:
    assert "data speaks of data" in objections(build, digest, data_digest=OTHER)


def test_a_decision_for_another_commit_is_refused(build: Build, digest: str) -> None:
    card = read_card(build.challenger)
    made = decision(digest).model_copy(update={"commit": card.commit})
    assert list(other_commit(made, card)) == []
    of_another = made.model_copy(update={"commit": "f" * 40})
    assert "evaluate speaks of commit ffffffffffff" in " ".join(other_commit(of_another, card))


@where_it_runs("load-test")
def test_a_failed_load_test_is_refused(build: Build, digest: str) -> None:
    write_json(build.stage("load-test") / "verdict.json", load_verdict(digest, verdict="fail"))
    assert "The load test's verdict is fail." in objections(build, digest)


@where_it_runs("drift")
def test_a_stage_that_ended_with_a_finding_is_refused(build: Build, digest: str) -> None:
    write_record(build, "drift", exit_code=Exit.FINDING, headline="inputs moved")
    assert "drift ended with exit code 3 (inputs moved)" in objections(build, digest)


@pytest.mark.parametrize("stage", CHAIN)
def test_a_stage_that_has_not_run_is_refused_with_its_command(build: Build, digest: str, stage: StageName) -> None:
    (build.stage(stage) / "stage.json").unlink()
    with pytest.raises(UsageError, match=f"Run `make {stage}` first"):
        objections(build, digest)


def built(build: Build, digest: str, target: str, **loaded: str) -> str:
    """What stands against a model whose image was built, and a load test of that target."""
    write_json(build.stage("build") / "image.json", image(model=digest))
    verdict = load_verdict(model_digest(build.challenger)).model_copy(update={"target": target} | loaded)
    write_json(build.stage("load-test") / "verdict.json", verdict)
    return objections(build, model_digest(build.challenger))


@where_it_runs("load-test")
def test_nothing_stands_against_a_model_whose_very_image_was_loaded(build: Build, digest: str) -> None:
    assert built(build, digest, "image", image=IMAGE_ID) == ""


def test_an_image_that_holds_another_model_is_refused(build: Build) -> None:
    assert "build's image holds model sha256:eeeeeeeeeeee" in built(build, OTHER, "image", image=IMAGE_ID)


@where_it_runs("load-test")
def test_an_image_that_was_built_and_not_loaded_is_refused(build: Build, digest: str) -> None:
    assert "load-test loaded a process, not the image flights:sha-0." in built(build, digest, "process")


@where_it_runs("load-test")
def test_another_image_than_the_one_that_was_built_is_refused(build: Build, digest: str) -> None:
    assert "load-test loaded image sha256:eeeeeeeeeeee, build's is" in built(build, digest, "image", image=OTHER)


@where_it_runs("load-test")
def test_a_load_test_of_an_image_that_build_does_not_have_is_refused(build: Build, digest: str) -> None:
    verdict = load_verdict(digest).model_copy(update={"target": "image", "image": IMAGE_ID})
    write_json(build.stage("load-test") / "verdict.json", verdict)
    assert "load-test loaded an image, and build has none." in objections(build, digest)


def test_the_folder_in_place_is_replaced_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "model", tmp_path / "champion"
    for folder, name in ((source, "new.json"), (target, "old.json")):
        folder.mkdir()
        (folder / name).write_text("{}")
    replace_folder(source, target)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")) == [
        "champion/new.json",
        "model/new.json",
    ]


@pytest.mark.parametrize("killed_after", ["copied", "moved aside"])
def test_a_killed_deploy_leaves_the_old_champion_or_lets_the_next_one_mend_it(
    tmp_path: Path, killed_after: str
) -> None:
    source, target = tmp_path / "model", tmp_path / "champion"
    source.mkdir()
    (source / "new.json").write_text("{}")
    (tmp_path / "champion.new").mkdir()
    (tmp_path / "champion.new" / "half.json").write_text("{}")
    old = tmp_path / ("champion.old" if killed_after == "moved aside" else "champion")
    old.mkdir()
    (old / "old.json").write_text("{}")
    replace_folder(source, target)
    assert [path.name for path in target.iterdir()] == ["new.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["champion", "model"]
