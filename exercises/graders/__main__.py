"""The learner's commands: grade one exercise, a hint, the progress, the project, and the teacher's rubric.

    python -m exercises.graders exercise 1 | hint 1 | progress | project | rubric PATH

Reads   exercises/NN-name/, the run in build/, for the project build/project; the files under PATH for the rubric
Writes  build/exercises/: the last grade of each exercise and the hints given; for the rubric rubric.md and rubric.json
Exits   0 all checks that can run here pass · 3 a check fails · 2 no such exercise or folder
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from contracts.exits import Exit
from contracts.schema import write_json
from exercises.graders.catalogue import EVERYTHING, EXERCISES, PROJECT, find
from exercises.graders.grading import EXERCISES as FOLDER
from exercises.graders.grading import Exercise, Grade, Place, grade
from exercises.graders.hints import next_hint
from exercises.graders.rubric import write_rubric
from exercises.graders.texts import grade_text, say

PROJECT_BUILD = "project"


def place_of(exercise: Exercise, folder: Path, build: Path) -> Place:
    """What is graded; the project has a build folder and a pipeline.toml of its own."""
    return Place(folder / exercise.folder, build / PROJECT_BUILD if exercise is PROJECT else build)


def graded(exercise: Exercise, build: Path, language: str) -> Exit:
    """Grade an exercise, show the grade and save it."""
    seen = grade(exercise, place_of(exercise, FOLDER, build))
    write_json(build / "exercises" / f"{exercise.folder}.json", seen)
    print(grade_text(exercise, seen, language))
    return Exit.PASS if not seen.stopped and not seen.count("fail") else Exit.FINDING


def progress(build: Path) -> Exit:
    """The last grade of each exercise."""
    for one in EVERYTHING:
        path = build / "exercises" / f"{one.folder}.json"
        seen = Grade.model_validate_json(path.read_bytes()) if path.is_file() else None
        if seen is None:
            state = "not graded yet"
        else:
            waits = f", {seen.count('waits')} wait" if seen.count("waits") else ""
            state = f"{seen.count('pass')} of {len(seen.results)}{waits}"
        name = f"N={one.number}" if one in EXERCISES else one.number
        print(f"{name:<8} {one.title:<34} {one.minutes:>3} min  {state}")
    return Exit.PASS


def main(arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make exercise", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("command", choices=("exercise", "hint", "progress", "project", "rubric"))
    parser.add_argument("what", nargs="?", default="", help="the exercise's number; for the rubric a folder")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    parser.add_argument("--language", default="en", help="of hints, and of the chapters to read: en or es")
    asked = parser.parse_args(arguments)
    if asked.command == "progress":
        return progress(asked.build)
    if asked.command == "rubric":
        return write_rubric(Path(asked.what), asked.build) if asked.what else say("rubric: STUDENT=path is required.")
    exercise = PROJECT if asked.command == "project" else find(asked.what)
    if exercise is None:
        numbers = ", ".join(one.number for one in EVERYTHING)
        return say(f"{asked.command}: there is no exercise {asked.what!r}. N is one of {numbers}.")
    if asked.command == "hint":
        return next_hint(exercise, asked.build, asked.language)
    return graded(exercise, asked.build, asked.language)


if __name__ == "__main__":
    sys.exit(main())
