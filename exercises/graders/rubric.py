"""`make rubric STUDENT=path`: the teacher's graders on a student's files, 100 points with the evidence for each row.

Only the student's exercises/NN-name/ is used, and build/project for the project's run; graders, model and limits are
the teacher's. With a container engine and an image of `make build`, the apps run in a container.

Reads   PATH/exercises/, PATH/build/project; exercises/rubric.toml: the rows, and which checks make each
Writes  rubric.md and rubric.json in build/rubric/<name of the folder>/
Exits   0 written · 2 PATH holds no exercises
"""

import tomllib
from pathlib import Path
from typing import Literal

from contracts.exits import Exit
from contracts.schema import Schema, write_json
from exercises.graders.catalogue import EXERCISES, PROJECT
from exercises.graders.container import can_contain
from exercises.graders.grading import EXERCISES as FOLDER
from exercises.graders.grading import Grade, Place, Result, grade
from exercises.graders.texts import say

ROWS = FOLDER / "rubric.toml"
Group = Literal["1", "2", "3", "project", "person", "bonus"]


class Row(Schema):
    """One criterion. `most`: 4 points, or 2 for half a one. A row without checks is graded by a person."""

    id: str
    group: Group
    most: Literal[2, 4]
    asked: str
    asked_es: str
    none: str = ""
    half: str = ""
    full: str = ""
    exercise: str = ""
    checks: tuple[str, ...] = ()


class Marked(Schema):
    """A row with its points; None: graded by a person."""

    row: str
    group: Group
    asked: str
    most: int
    points: int | None
    evidence: tuple[str, ...]


class Rubric(Schema):
    """rubric.json."""

    student: str
    contained: bool
    points: int
    bonus: int
    left_to_a_person: int
    rows: tuple[Marked, ...]


def rows() -> tuple[Row, ...]:
    """exercises/rubric.toml."""
    return tuple(Row.model_validate(one) for one in tomllib.loads(ROWS.read_text(encoding="utf-8"))["row"])


def points_of(row: Row, results: tuple[Result, ...]) -> int:
    """All points if every check passed, half if at least half of them did; two points are given all or none."""
    right = sum(one.state == "pass" for one in results)
    if results and right == len(results):
        return row.most
    return row.most // 2 if row.most == 4 and results and 2 * right >= len(results) else 0


def marked(row: Row, grades: dict[str, Grade]) -> Marked:
    """One row, from the grade of its exercise."""
    if row.group == "person":
        return Marked(row=row.id, group=row.group, asked=row.asked, most=row.most, points=None, evidence=())
    seen = grades[row.exercise]
    results = tuple(one for one in seen.results if one.check in row.checks)
    evidence = tuple(f"{one.check}: {one.state}" + (f", {one.seen}" if one.seen else "") for one in results)
    told = (seen.stopped,) if seen.stopped else evidence
    return Marked(
        row=row.id, group=row.group, asked=row.asked, most=row.most, points=points_of(row, results), evidence=told
    )


def write_rubric(student: Path, build: Path) -> Exit:
    """Grade everything, and write both files."""
    theirs = student / "exercises"
    if not theirs.is_dir():
        return say(f"rubric: {theirs} is no folder. STUDENT is a copy of the repository, with its exercises/.")
    contained = bool(can_contain(build))
    grades = {one.folder: grade(one, Place(theirs / one.folder, build, contained)) for one in EXERCISES}
    grades[PROJECT.folder] = grade(PROJECT, Place(theirs / PROJECT.folder, student / "build" / "project"))
    found = tuple(marked(row, grades) for row in rows())
    rubric = Rubric(
        student=student.resolve().name,
        contained=contained,
        points=sum(one.points or 0 for one in found if one.group != "bonus"),
        bonus=sum(one.points or 0 for one in found if one.group == "bonus"),
        left_to_a_person=sum(one.most for one in found if one.points is None),
        rows=found,
    )
    folder = build / "rubric" / rubric.student
    write_json(folder / "rubric.json", rubric)
    (folder / "rubric.md").write_text(as_markdown(rubric), encoding="utf-8")
    print(
        f"rubric: {rubric.points} of 90 points, bonus {rubric.bonus} of 10; {rubric.left_to_a_person} are left to a "
        f"person. See {folder / 'rubric.md'}."
    )
    return Exit.PASS


def as_markdown(rubric: Rubric) -> str:
    """The sheet, with room for the person's points."""
    where = "in a container" if rubric.contained else "as a process under limits (no engine, or no `make build`)"
    lines = [
        f"# {_plain(rubric.student)}", "",
        f"{rubric.points} of 90 by machine, {rubric.left_to_a_person} left to a person, bonus {rubric.bonus}. "
        f"Apps ran {where}.", "",
        "| row | criterion | points | evidence |", "| --- | --- | ---: | --- |",
    ]  # fmt: skip
    for one in rubric.rows:
        points = f"{one.points} of {one.most}" if one.points is not None else f"… of {one.most}"
        lines.append(f"| {one.row} | {_plain(one.asked)} | {points} | {'<br>'.join(map(_plain, one.evidence))} |")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """A student's text, escaped for a table's cell: no column, no HTML, no second line."""
    flat = " ".join(text.split())[:400]
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("`", "'").replace("[", "&#91;")
