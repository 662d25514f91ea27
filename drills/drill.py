"""What a drill is: one fault, the stage that must end with one exit code over it, and the reason that it must give.

A drill is a module of ~15 lines in one of the rooms below. Its docstring is the one sentence about what is planted,
its function puts that into a copy, and the decorator says how the chain must answer:

    @drill("evaluate", FINDING, r"is worse than the margin")
    def plant(scene: Scene) -> None:
        blur(scene, scene.challenger, loss=0.02)
"""

import importlib
import pkgutil
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

from contracts.exits import Exit
from contracts.stage import StageName
from drills.scene import Scene

ROOMS = (
    *("model", "graph", "leakage", "columns", "rows", "copies", "threshold", "reference", "signed"),
    *("configuration", "relaxed", "ledger", "load", "answers", "drift", "logged", "labels", "evidence", "deploy"),
)
# These measure time, so nothing else may run beside them.
ALONE = frozenset({"load", "answers"})
PASS, FINDING, USAGE = Exit.PASS, Exit.FINDING, Exit.USAGE

Plant = Callable[[Scene], None]


class NoDrillError(Exception):
    """A module in a room of drills that is none; the text says what it lacks."""


@dataclass(frozen=True)
class Drill:
    """`reason`: a regular expression for the first reason that the stage gives. `nightly`: only with FULL=1."""

    name: str
    planted: str
    stage: StageName
    exit_code: Exit
    reason: str
    plant: Plant
    nightly: bool = False

    @property
    def runs_alone(self) -> bool:
        return self.name.partition("/")[0] in ALONE


def drill(stage: StageName, exit_code: Exit, reason: str, *, nightly: bool = False) -> Callable[[Plant], Drill]:
    """Makes a drill of a module's function `plant`."""
    re.compile(reason)

    def made(plant: Plant) -> Drill:
        *_, room, stem = plant.__module__.split(".")
        planted = " ".join((sys.modules[plant.__module__].__doc__ or "").split())
        return Drill(f"{room}/{stem.replace('_', '-')}", planted, stage, exit_code, reason, plant, nightly)

    return made


def find_drills(package: str = "drills") -> list[Drill]:
    """Every drill of every room, by room and name. Raises NoDrillError for a module that is none."""
    found = []
    for room in ROOMS:
        folder = importlib.import_module(f"{package}.{room}")
        for name in sorted(module.name for module in pkgutil.iter_modules(folder.__path__) if not module.ispkg):
            found.append(_drill_in(f"{package}.{room}.{name}"))
    return found


def _drill_in(module: str) -> Drill:
    one = getattr(importlib.import_module(module), "plant", None)
    if not isinstance(one, Drill) or not one.planted or not one.reason:
        raise NoDrillError(f"{module}: required: a docstring, and a function `plant` with @drill and a reason.")
    return one
