"""Hints in levels for the first check that failed in the last grade: each call gives the next one.

They are in the exercise's hints.toml (Spanish: hints.es.toml): for each check a list, from a question to almost code.
"""

import tomllib
from pathlib import Path

from pydantic import Field

from contracts.exits import Exit
from contracts.schema import Schema, read_json, write_json
from exercises.graders.grading import EXERCISES, Exercise, Grade
from exercises.graders.texts import say

LEVEL = {"en": "hint {} of {}", "es": "pista {} de {}"}


class Given(Schema):
    """The number of hints given, by exercise and check."""

    levels: dict[str, int] = Field(default_factory=dict)


def hints_of(folder: Path, language: str) -> dict[str, list[str]]:
    """The exercise's hints in a language, or in English if it has none."""
    path = folder / ("hints.toml" if language == "en" else f"hints.{language}.toml")
    if not path.is_file():
        path = folder / "hints.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def next_hint(exercise: Exercise, build: Path, language: str) -> Exit:
    """Print the next hint. The exercise must have been graded."""
    last = build / "exercises" / f"{exercise.folder}.json"
    if not last.is_file():
        command = "make project" if exercise.number == "project" else f"make exercise N={exercise.number}"
        return say(f"hint: grade first, so that the hint fits: `{command}`.")
    seen = read_json(last, Grade, "make exercise")
    wrong = next((one for one in seen.results if one.state in ("fail", "not asked")), None)
    if wrong is None:
        print("hint: nothing was wrong when this was graded last.")
        return Exit.PASS
    hints = hints_of(EXERCISES / exercise.folder, language)[wrong.check]
    path = build / "exercises" / "hints.json"
    given = read_json(path, Given, "make hint") if path.is_file() else Given()
    key = f"{exercise.folder}/{wrong.check}"
    level = min(given.levels.get(key, 0), len(hints) - 1)
    print(f"{wrong.check}, {LEVEL.get(language, LEVEL['en']).format(level + 1, len(hints))}: {hints[level]}")
    write_json(path, Given(levels={**given.levels, key: level + 1}))
    return Exit.PASS
