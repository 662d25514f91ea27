"""What production runs, as the history branch has it: recorded after a deploy, and never guessed."""

from pathlib import Path

import pytest

from contracts.exits import Exit, FindingError, UsageError
from contracts.model_folder import model_digest
from contracts.release import Champion, Deployment
from contracts.schema import read_json, write_json
from contracts.stage import Build
from deploy.admission.rules import NotAdmittedError
from deploy.champion.fetch import fetch
from deploy.champion.move import move
from deploy.champion.production import champion_of, record_champion
from deploy.registry.pushed_image import pushed_reference
from testbed.images import image
from testbed.tiny_build import write_model
from tests.refusals import refuses
from tests.reports.records import CONFIG, DATA_DIGEST, SETTINGS, pass_every_stage, write_record

REFERENCE = "user/flights@sha256:" + "1" * 64


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """A challenger and its image's description, as a run without a registry leaves them."""
    build = Build(tmp_path / "build")
    write_model(build.challenger, data_digest=DATA_DIGEST)
    of = {"model": model_digest(build.challenger), "data_digest": DATA_DIGEST, "settings": SETTINGS}
    pass_every_stage(build, image=image(reference="flights:sha-1", commit="3" * 40, **of))
    return build


@pytest.fixture
def history(tmp_path: Path) -> Path:
    (tmp_path / "history").mkdir()
    return tmp_path / "history"


def test_a_history_that_records_nothing_is_a_first_run(history: Path) -> None:
    assert champion_of(history, "user/flights") == "nothing-deployed"


def test_a_history_that_was_not_fetched_is_no_first_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="make fetch-history"):
        champion_of(tmp_path / "history", "")


@pytest.mark.parametrize("content", ["", "{}", '{"model": "x", "image": 1}', "[]"])
def test_a_damaged_record_is_no_first_run(history: Path, content: str) -> None:
    (history / "champion.json").write_text(content)
    with pytest.raises(UsageError):
        champion_of(history, "")


def test_what_was_deployed_is_the_next_runs_champion(build: Build, history: Path, tmp_path: Path) -> None:
    move(build, CONFIG)
    record_champion(build, history)
    champion = champion_of(history, "")
    later = Build(tmp_path / "later")
    fetch(champion, later)
    assert model_digest(later.champion) == model_digest(build.challenger)
    recorded = read_json(history / "champion.json", Champion, "x")
    assert (recorded.commit, recorded.image) == ("3" * 40, "")
    deployed = read_json(build.stage("deploy") / "deployed.json", Deployment, "x")
    assert (deployed.model, deployed.previous) == (model_digest(build.challenger), "")


def test_a_challenger_that_a_stage_did_not_pass_for_does_not_become_the_champion(build: Build) -> None:
    write_record(build, "evaluate", exit_code=Exit.FINDING)
    with refuses(NotAdmittedError, "stage-failed", "evaluate"):
        move(build, CONFIG)
    assert not build.stage("deploy").exists()


def test_an_image_in_a_registry_is_fetched_by_its_tag(history: Path) -> None:
    write_json(history / "champion.json", Champion(model="x", image=REFERENCE, commit="y"))
    assert champion_of(history, "user/flights") == "docker://user/flights:champion"


def test_a_fork_without_variables_takes_the_folder(history: Path) -> None:
    write_json(history / "champion.json", Champion(model="x", image=REFERENCE, commit="y"))
    assert champion_of(history, "") == str(history / "champion")


def test_a_run_that_deployed_nothing_records_nothing(build: Build, history: Path) -> None:
    record_champion(build, history)
    assert list(history.iterdir()) == []


def test_a_folder_of_another_model_is_not_recorded(build: Build, history: Path) -> None:
    move(build, CONFIG)
    record = build.stage("deploy") / "champion.json"
    write_json(record, Champion(model="sha256:" + "9" * 64))
    with refuses(FindingError, "other-model"):
        record_champion(build, history)
    assert list(history.iterdir()) == []


def test_a_damaged_folder_is_not_recorded(build: Build, history: Path) -> None:
    move(build, CONFIG)
    model = build.stage("deploy") / "champion" / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(FindingError):
        record_champion(build, history)
    assert list(history.iterdir()) == []


def test_a_link_in_the_artifact_is_not_followed(build: Build, history: Path) -> None:
    move(build, CONFIG)
    model = build.stage("deploy") / "champion" / "model.onnx"
    model.unlink()
    model.symlink_to(build.challenger / "model.onnx")
    with pytest.raises(UsageError):
        record_champion(build, history)
    assert list(history.iterdir()) == []


def test_a_host_cannot_be_given_an_image_that_is_in_no_registry(build: Build) -> None:
    with pytest.raises(UsageError, match="IMAGE_REPOSITORY"):
        pushed_reference(build)
