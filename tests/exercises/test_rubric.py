"""The teacher's sheet: points with their evidence, from the teacher's graders, and nothing else of the student's."""

import shutil
from pathlib import Path

import pytest

from contracts.exits import Exit
from contracts.schema import read_json
from contracts.stage import Build
from exercises.graders.grading import EXERCISES, SOLUTIONS, Result
from exercises.graders.rubric import Row, Rubric, points_of, write_rubric


def row(most: int) -> Row:
    return Row.model_validate(
        {"id": "X", "group": "1", "most": most, "asked": "?", "asked_es": "?", "checks": ["a", "b"]}
    )


def results(*states: str) -> tuple[Result, ...]:
    return tuple(Result.model_validate({"check": "a", "state": state, "asked": "?"}) for state in states)


@pytest.mark.parametrize(
    ("most", "states", "points"),
    [
        (4, ("pass", "pass"), 4),
        (4, ("pass", "fail"), 2),
        (4, ("fail", "fail"), 0),
        (4, ("pass", "waits"), 2),
        (4, ("fail",), 0),
        (4, ("pass", "fail", "fail"), 0),
        (2, ("pass",), 2),
        (2, ("pass", "fail"), 0),
        (4, (), 0),
    ],
)
def test_points_are_all_half_or_none(most: int, states: tuple[str, ...], points: int) -> None:
    assert points_of(row(most), results(*states)) == points


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """Right in exercise 1, untouched in 3, and with graders of their own that pass everything."""
    theirs = tmp_path / "ana | <b>"
    shutil.copytree(EXERCISES, theirs / "exercises", ignore=shutil.ignore_patterns("__pycache__", "solutions"))
    shutil.copytree(SOLUTIONS / "01-api", theirs / "exercises" / "01-api", dirs_exist_ok=True)
    for module in (theirs / "exercises" / "graders").rglob("*.py"):
        module.write_text("raise SystemExit(0)\n", encoding="utf-8")
    return theirs


def test_a_student_gets_the_points_that_their_files_earn(
    student: Path, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert write_rubric(student, build.root) is Exit.PASS
    folder = build.root / "rubric" / student.name
    seen = read_json(folder / "rubric.json", Rubric, "make rubric")
    earned = {one.row: one.points for one in seen.rows}
    assert {name: earned[name] for name in ("A1", "A2", "A3", "A4", "A5")} == dict.fromkeys(
        ("A1", "A2", "A3", "A4", "A5"), 4
    )
    assert [earned[name] for name in ("I1", "I2", "M1", "M2", "M5", "R1", "B1")] == [0] * 7
    assert (seen.points, seen.bonus, seen.left_to_a_person, seen.contained) == (20, 0, 10, False)
    sheet = (folder / "rubric.md").read_text(encoding="utf-8")
    assert "<b>" not in sheet
    assert (
        "| A3 | Values of a wrong type, and NaN, are refused with 422. | 4 of 4 | wrong-type: pass<br>nan: pass |"
        in sheet
    )
    assert "| P1 | Can they explain their gate? | … of 4 |  |" in sheet


def test_a_folder_without_exercises_is_wrong_usage(tmp_path: Path, build: Build) -> None:
    assert write_rubric(tmp_path, build.root) is Exit.USAGE
