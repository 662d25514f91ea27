"""Checks, and how an exercise is graded: each check runs by itself, so that no failure hides another."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from contracts.schema import Schema
from exercises.graders.program import ProgramError

EXERCISES = Path(__file__).resolve().parents[1]
SOLUTIONS = EXERCISES / "solutions"
State = Literal["pass", "fail", "waits", "not asked"]


class WaitsError(Exception):
    """The check needs something that this machine does not have; the text names it."""


@dataclass(frozen=True)
class Place:
    """What is graded: the learner's folder, the build folder with the model, and how their programs run."""

    folder: Path
    build: Path
    engine: bool = False
    config: Path = Path("pipeline.toml")


@dataclass(frozen=True)
class Check:
    """One question. `look` returns what is wrong, or "" if the answer is right."""

    name: str
    asked: str
    read: str
    look: Callable[[Any], str]


class Result(Schema):
    """How one check ended."""

    check: str
    state: State
    asked: str
    seen: str = ""
    read: str = ""


class Grade(Schema):
    """One exercise's grade. `stopped`: why no check could run."""

    exercise: str
    results: tuple[Result, ...]
    stopped: str = ""

    def count(self, state: State) -> int:
        return sum(one.state == state for one in self.results)


@dataclass(frozen=True)
class Exercise:
    """`subject` makes what is checked: a server, answers, an image. `different`: what the real code does."""

    number: str
    folder: str
    title: str
    checks: Sequence[Check]
    subject: Callable[[Place], AbstractContextManager[Any]]
    different: str
    minutes: int = 50


def check(checks: list[Check], asked: str, read: str) -> Callable[[Callable[[Any], str]], Callable[[Any], str]]:
    """Decorator that adds a function to an exercise's checks under its own name."""

    def add(look: Callable[[Any], str]) -> Callable[[Any], str]:
        checks.append(Check(look.__name__.replace("_", "-"), asked, read, look))
        return look

    return add


def grade(exercise: Exercise, place: Place) -> Grade:
    """Run every check. Returns whatever the learner's files do."""
    try:
        with exercise.subject(place) as subject:
            return Grade(exercise=exercise.folder, results=tuple(_results(exercise.checks, subject)))
    except ProgramError as error:
        asked = tuple(
            Result(check=one.name, state="not asked", asked=one.asked, read=one.read) for one in exercise.checks
        )
        return Grade(exercise=exercise.folder, results=asked, stopped=str(error))


def _results(checks: Sequence[Check], subject: Any) -> Iterator[Result]:
    for one in checks:
        try:
            seen = one.look(subject)
            state: State = "fail" if seen else "pass"
        except ProgramError as error:
            seen, state = str(error), "fail"
        except WaitsError as error:
            seen, state = str(error), "waits"
        yield Result(check=one.name, state=state, asked=one.asked, seen=seen, read=one.read)
