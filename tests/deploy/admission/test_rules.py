"""The one rule set: nothing stands against a whole run, and each part of the tuple that differs has its code."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.data_manifest import DataManifest, Table
from contracts.decision import Decision
from contracts.exits import Exit, UsageError
from contracts.model_folder import MODEL_FILES, ModelFolderError, model_digest
from contracts.pipeline_toml.champion import NONE_AS_ASKED
from contracts.schema import read_json, write_json
from contracts.stage import CHAIN, Build, StageName, StageRecord
from contracts.verdict import DriftVerdict, LoadVerdict
from deploy.admission.evidence import read_case
from deploy.admission.rules import NotAdmittedError, attestation_of, objections, production_moved, remedy, require
from testbed.images import IMAGE_ID, image
from testbed.tiny_build import write_model
from tests.refusals import refuses
from tests.reports.records import CONFIG, DATA_DIGEST, SETTINGS, pass_every_stage, write_record

OTHER = "sha256:" + "e" * 64


def where_it_runs(stage: StageName) -> pytest.MarkDecorator:
    return pytest.mark.skipif(stage not in CHAIN, reason=f"the chain has no {stage}")


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """A whole run of a model folder that can be loaded, without a champion."""
    made = Build(tmp_path)
    write_model(made.challenger, data_digest=DATA_DIGEST)
    pass_every_stage(made)
    return made


def edit(build: Build, stage: StageName, schema: type[Any], **changes: object) -> None:
    path = build.stage(stage) / ("stage.json" if schema is StageRecord else "verdict.json")
    write_json(path, read_json(path, schema, "the test").model_copy(update=changes))


def against(build: Build, **changes: Any) -> list[str]:
    """The codes of what stands against it."""
    return [one.code for one in objections(read_case(build, CONFIG.model_copy(update=changes)))]


def test_nothing_stands_against_a_whole_run(build: Build) -> None:
    assert against(build) == []


@where_it_runs("load-test")
def test_nothing_stands_against_the_very_image_that_was_loaded(build: Build) -> None:
    built(build)
    assert against(build) == []


def built(build: Build, target: str = "image", loaded: str = IMAGE_ID, **changes: str) -> None:
    """An image beside the run, and a load test of that target."""
    made = image(
        **({"model": model_digest(build.challenger), "data_digest": DATA_DIGEST, "settings": SETTINGS} | changes)
    )
    write_json(build.stage("build") / "image.json", made)
    edit(build, "load-test", LoadVerdict, target=target, image=loaded if target == "image" else "")


def gate_rejects(build: Build) -> None:
    decide(decision="reject")(build)


def decide(**changes: str) -> Callable[[Build], None]:
    def plant(build: Build) -> None:
        path = build.stage("evaluate") / "decision.json"
        write_json(path, read_json(path, Decision, "the test").model_copy(update=changes))

    return plant


def a_champion_appeared(build: Build) -> None:
    write_model(build.champion, commit="f" * 40, name=CONFIG.project.name, target=CONFIG.data.target)


def another_table(build: Build) -> None:
    path = build.stage("data") / "data.json"
    manifest = read_json(path, DataManifest, "the test")
    tables = manifest.tables | {"holdout": Table(rows=299, digest="sha256:2")}
    write_json(path, manifest.model_copy(update={"tables": tables}))


def record(stage: StageName, **changes: object) -> Callable[[Build], None]:
    return lambda build: edit(build, stage, StageRecord, **changes)


def load(**changes: object) -> Callable[[Build], None]:
    return lambda build: edit(build, "load-test", LoadVerdict, **changes)


FAULTS: list[tuple[str, Callable[[Build], None]]] = [
    ("stage-failed", lambda build: write_record(build, "evaluate", exit_code=Exit.FINDING)),
    ("gate-rejected", gate_rejects),
    ("other-model", decide(challenger=OTHER)),
    ("other-data", decide(data_digest=OTHER)),
    ("other-data", another_table),
    ("other-commit", decide(commit="f" * 40)),
    ("champion-moved", decide(champion=OTHER)),
    ("champion-moved", a_champion_appeared),
    ("settings-changed", decide(settings=OTHER)),
    ("settings-changed", record("data", settings=OTHER)),
    ("settings-changed", record("train", settings="")),
]
LOADED: list[tuple[str, Callable[[Build], None]]] = [
    ("load-failed", load(verdict="fail")),
    ("other-model", load(model=OTHER)),
    ("other-data", load(data_digest=OTHER)),
    ("settings-changed", load(settings=OTHER)),
    ("other-image", load(target="image", image=IMAGE_ID)),
    ("other-image", lambda build: built(build, loaded=OTHER)),
    ("not-loaded", lambda build: built(build, "process")),
    ("other-model", lambda build: built(build, model=OTHER)),
    ("settings-changed", lambda build: built(build, settings=OTHER)),
]


@pytest.mark.parametrize(("code", "plant"), [*FAULTS, *(LOADED if "load-test" in CHAIN else [])])
def test_each_part_that_differs_is_refused_by_its_own_rule(
    build: Build, code: str, plant: Callable[[Build], None]
) -> None:
    plant(build)
    assert set(against(build)) == {code}


@where_it_runs("drift")
@pytest.mark.parametrize(
    ("code", "changes"),
    [("other-model", {"model": OTHER}), ("other-data", {"data_digest": OTHER}), ("settings-changed", {"settings": ""})],
)
def test_a_drift_report_of_something_else_is_refused(build: Build, code: str, changes: dict[str, str]) -> None:
    edit(build, "drift", DriftVerdict, **changes)
    assert against(build) == [code]


def test_settings_that_were_loosened_for_every_stage_and_put_back_are_refused(build: Build) -> None:
    looser = CONFIG.gate.model_copy(update={"margin": 0.5})
    assert set(against(build, gate=looser)) == {"settings-changed"}


def test_a_model_folder_that_was_changed_is_no_case(build: Build) -> None:
    with (build.challenger / MODEL_FILES[0]).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelFolderError, match="it was changed"):
        read_case(build, CONFIG)


@pytest.mark.parametrize("stage", CHAIN)
def test_a_stage_that_has_not_run_is_refused_with_its_command(build: Build, stage: StageName) -> None:
    (build.stage(stage) / "stage.json").unlink()
    with pytest.raises(UsageError, match=f"Run `make {stage}` first"):
        read_case(build, CONFIG)


def test_a_challenger_that_was_promoted_may_be_promoted_again(build: Build) -> None:
    a_champion_appeared(build)
    shutil.rmtree(build.champion)
    shutil.copytree(build.challenger, build.champion)
    assert against(build) == []


def test_a_champion_that_moved_asks_for_a_comparison_and_not_for_a_training(build: Build) -> None:
    a_champion_appeared(build)
    with refuses(NotAdmittedError, "champion-moved", "Not promoted", "make evaluate") as refused:
        require(read_case(build, CONFIG), "Not promoted")
    assert "make pipeline" not in str(refused.value)
    assert set(refused.value.codes) == {"champion-moved"}
    decide(commit="f" * 40)(build)
    assert "`make pipeline`" in remedy(list(objections(read_case(build, CONFIG))))


@where_it_runs("load-test")
def test_an_image_that_is_not_the_one_that_was_built_is_refused(build: Build) -> None:
    built(build)
    assert [one.code for one in objections(read_case(build, CONFIG, OTHER))] == ["other-image", "other-image"]
    assert list(objections(read_case(build, CONFIG, IMAGE_ID))) == []


@where_it_runs("load-test")
def test_an_attestation_holds_the_whole_tuple_in_one_line(build: Build) -> None:
    built(build)
    decide(first_run="Asked\nfor.\x1b[2J")(build)
    made = attestation_of(require(read_case(build, CONFIG), "Not published"))
    assert (made.image, made.data, made.settings) == (IMAGE_ID, DATA_DIGEST, SETTINGS)
    assert (made.model, made.champion) == (model_digest(build.challenger), "")
    assert made.first_run == "Asked for.[2J"


@pytest.mark.parametrize(
    ("serving", "champion", "first_run", "moved"),
    [
        ("", "sha256:c", "", False),
        ("sha256:c", "sha256:c", "", False),
        ("sha256:m", "sha256:c", "", False),
        ("sha256:x", "", NONE_AS_ASKED, False),
        ("sha256:x", "sha256:c", "", True),
        ("sha256:x", "", "", True),
        ("sha256:x", "", "First run: nothing was deployed yet, so there is no champion.", True),
        ("sha256:x", "sha256:c", NONE_AS_ASKED, True),
    ],
)
def test_production_is_what_it_was_compared_with(serving: str, champion: str, first_run: str, moved: bool) -> None:
    codes = [one.code for one in production_moved("sha256:m", champion, first_run, serving)]
    assert codes == (["production-moved"] if moved else [])
