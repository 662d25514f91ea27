"""A champion of this project, task and target is compared with. A damaged one never counts as none."""

from pathlib import Path

import pytest

from contracts.exits import UsageError
from contracts.pipeline_toml.champion import NoChampion, champion_of
from contracts.schema import write_json
from contracts.stage import Build
from testbed.tiny_build import config, write_model


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return Build(tmp_path)


def test_a_champion_of_this_project_is_compared_with(build: Build) -> None:
    write_model(build.champion)
    assert champion_of(build, config()) == (build.champion, "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "flights"}, "project: 'flights', here 'tiny'"),
        ({"target": "cancelled"}, "target: 'cancelled', here 'late'"),
        ({"task": "regression", "classes": (), "positive": "", "threshold": None},
         "task: 'regression', here 'binary'"),
        ({"name": "flights", "target": "cancelled"},
         "project: 'flights', here 'tiny'; target: 'cancelled', here 'late'"),
    ],
)  # fmt: skip
def test_another_project_task_or_target_is_a_stated_first_run(
    changes: dict[str, object], said: str, build: Build
) -> None:
    write_model(build.champion, **changes)
    folder, first_run = champion_of(build, config())
    assert folder is None
    assert first_run.startswith("First run ")
    assert f"({said})" in first_run


def test_other_features_classes_or_threshold_are_no_other_project(build: Build) -> None:
    write_model(build.champion, features=(), classes=("no", "yes"), positive="yes", threshold=0.9)
    assert champion_of(build, config()).folder == build.champion


def test_a_champion_of_another_project_that_was_changed_is_no_first_run(build: Build) -> None:
    write_model(build.champion, name="flights")
    (build.champion / "golden.json").write_text("{}")
    assert champion_of(build, config()) == (build.champion, "")


@pytest.mark.parametrize("damage", ["empty folder", "dangling link", "file", "no card"])
def test_a_champion_that_cannot_be_read_never_counts_as_none(damage: str, build: Build) -> None:
    if damage == "dangling link":
        build.champion.symlink_to(build.root / "gone")
    elif damage == "file":
        build.champion.write_text("flights")
    else:
        build.champion.mkdir()
        if damage == "no card":
            (build.champion / "model.json").write_text('{"name": "flights", "task": "binary", "target": "other"}')
    assert champion_of(build, config()) == (build.champion, "")


def test_without_a_champion_nothing_is_found(build: Build) -> None:
    assert champion_of(build, config()) == (None, "")


def test_the_reason_for_no_champion_is_what_make_champion_wrote(build: Build) -> None:
    write_json(build.no_champion, NoChampion(reason="As asked."))
    assert champion_of(build, config()) == (None, "As asked.")
    write_model(build.champion)
    assert champion_of(build, config()) == (build.champion, "")


def test_a_damaged_no_champion_file_is_refused(build: Build) -> None:
    build.no_champion.write_text("none")
    with pytest.raises(UsageError, match="make champion"):
        champion_of(build, config())
