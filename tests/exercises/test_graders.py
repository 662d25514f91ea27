"""The graders grade: the stub fails every check for its own reason, the solution passes all, a mistake fails one."""

import re
import shutil
import tempfile
from pathlib import Path

import pytest

from contracts.outside.markdown import anchor_of
from contracts.schema import write_json
from contracts.stage import Build
from exercises.graders.catalogue import EVERYTHING, find
from exercises.graders.grading import EXERCISES, SOLUTIONS, Exercise, Grade, Place, grade
from exercises.graders.hints import next_hint
from exercises.graders.texts import translated_reference
from tests.exercises import planted
from tests.exercises.planted import Wrong


def exercise_of(number: str) -> Exercise:
    found = find(number)
    assert found is not None
    return found


def graded(exercise: Exercise, folder: Path, build: Build, config: Path = Path("pipeline.toml")) -> Grade:
    return grade(exercise, Place(folder, build.root, config=config))


def copied(exercise: Exercise, root: Path, mistake: Wrong | None = None) -> Path:
    """The solution in a folder of exercises, with a mistake planted. Exercise 2 takes the app of exercise 1."""
    shutil.copytree(SOLUTIONS / "01-api", root / "01-api")
    folder = root / exercise.folder
    shutil.copytree(SOLUTIONS / exercise.folder, folder, dirs_exist_ok=True)
    for name, before, after in mistake.edits if mistake else ():
        text = (folder / name).read_text(encoding="utf-8")
        assert before in text, f"{name} has no {before!r}"
        (folder / name).write_text(text.replace(before, after), encoding="utf-8")
    return folder


def failures(seen: Grade) -> dict[str, str]:
    assert not seen.stopped, seen.stopped
    waits = [one.seen for one in seen.results if one.state == "waits"]
    if waits:
        pytest.skip(waits[0])
    return {one.check: one.seen for one in seen.results if one.state == "fail"}


def require_own_reasons(exercise: Exercise, seen: Grade) -> None:
    reasons = failures(seen)
    assert list(reasons) == [one.name for one in exercise.checks]
    assert len(set(reasons.values())) == len(reasons)


@pytest.mark.parametrize("number", ["1", "3"])
def test_the_untouched_stub_fails_every_check_for_its_own_reason(number: str, build: Build) -> None:
    exercise = exercise_of(number)
    require_own_reasons(exercise, graded(exercise, EXERCISES / exercise.folder, build))


@pytest.mark.parametrize("number", ["1", "3"])
def test_the_solution_passes_every_check(number: str, build: Build) -> None:
    exercise = exercise_of(number)
    assert failures(graded(exercise, SOLUTIONS / exercise.folder, build)) == {}


@pytest.mark.parametrize("number", ["1", "3"])
def test_a_space_and_a_link_in_the_path_change_nothing(
    number: str, build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As macOS has them: /var, where its temporary folders lie, is a link to /private/var."""
    real = tmp_path / "private" / "my files"
    real.mkdir(parents=True)
    (tmp_path / "var").symlink_to(tmp_path / "private")
    seen = tmp_path / "var" / "my files"
    monkeypatch.setattr(tempfile, "tempdir", str(seen))
    exercise = exercise_of(number)
    shutil.copytree(build.root / "train", seen / "build" / "train")
    assert failures(graded(exercise, copied(exercise, seen), Build(seen / "build"))) == {}


@pytest.mark.parametrize(
    ("number", "mistake"),
    [*(("1", one) for one in planted.API), *(("3", one) for one in planted.MONITORING)],
    ids=lambda value: value.check if isinstance(value, Wrong) else value,
)
def test_a_mistake_is_caught_by_its_check_and_by_no_other(
    number: str, mistake: Wrong, build: Build, tmp_path: Path
) -> None:
    exercise = exercise_of(number)
    assert list(failures(graded(exercise, copied(exercise, tmp_path, mistake), build))) == [mistake.check]


@pytest.mark.parametrize(
    ("number", "mistakes"), [("1", planted.API), ("2", planted.IMAGE), ("3", planted.MONITORING), ("4", planted.DRILL)]
)
def test_there_is_a_planted_mistake_for_every_check(number: str, mistakes: tuple[Wrong, ...]) -> None:
    assert [one.check for one in mistakes] == [one.name for one in exercise_of(number).checks]


@pytest.mark.parametrize("exercise", EVERYTHING, ids=lambda one: one.folder)
def test_each_check_says_where_to_read_in_both_languages(exercise: Exercise) -> None:
    for one in exercise.checks:
        path, _, anchor = one.read.partition("#")
        spanish, _, heading = translated_reference("es", one.read).partition("#")
        assert translated_reference("en", one.read) == one.read
        assert "/es/" in spanish
        assert bool(anchor) == bool(heading)
        assert len(headings_of(path)) == len(headings_of(spanish))
        assert headings_of(path).index(anchor) == headings_of(spanish).index(heading)


def headings_of(page: str) -> list[str]:
    lines = re.sub(r"^```.*?^```$", "", Path(page).read_text(encoding="utf-8"), flags=re.M | re.S).splitlines()
    return [anchor_of(line.lstrip("#").strip()) for line in lines if line.startswith("#")]


def test_a_page_without_a_translation_is_read_in_english() -> None:
    assert translated_reference("es", "docs/gate.md#the-rule") == "docs/gate.md#the-rule"


def test_a_hint_in_spanish_is_spanish(build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    exercise = exercise_of("1")
    seen = graded(exercise, EXERCISES / exercise.folder, build)
    write_json(build.root / "exercises" / f"{exercise.folder}.json", seen)
    assert next_hint(exercise, build.root, "es") == next_hint(exercise, build.root, "en") == 0
    spanish, english = capsys.readouterr().out.splitlines()
    assert spanish.startswith("probability, pista 1 de ")
    assert english.startswith("probability, hint 2 of ")
