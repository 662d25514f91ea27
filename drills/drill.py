"""What a drill is: one fault, the stage that must refuse it, the exit code, and the reason that the stage must give.

A drill is a module of ~10 lines in one of the folders below. Its docstring says in one sentence what is planted, its
function plants that in a copy, and the decorator says how the stage must end:

    @drill("evaluate", FINDING, r"is worse than the margin")
    def plant(scene: Scene) -> None:
        blur(scene, scene.challenger, loss=0.02)
"""

import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType

from contracts.exits import Exit
from contracts.stage import StageName
from drills.scene import Scene

FOLDERS = (
    *("model", "graph", "leakage", "columns", "rows", "copies", "threshold", "reference", "signed", "dates"),
    *("configuration", "relaxed", "ledger", "load", "answers", "drift", "logged", "labels", "evidence", "deploy"),
)
# These measure time, so no other drill runs beside them.
ALONE = frozenset({"load", "answers"})
PASS, FINDING, USAGE = Exit.PASS, Exit.FINDING, Exit.USAGE

Plant = Callable[[Scene], None]


class NoDrillError(Exception):
    """A module in a folder of drills that is no drill; the text says what it lacks."""


@dataclass(frozen=True)
class Drill:
    """`reason`: a regular expression that the stage's first reason must match. `nightly`: only with FULL=1."""

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
    """Makes a drill of a module's function `plant`; `named` gives it the module's name and docstring."""
    re.compile(reason)
    return lambda plant: Drill("", "", stage, exit_code, reason, plant, nightly)


def find_drills(package: str = "drills") -> list[Drill]:
    """Every drill, by folder and name. Raises NoDrillError for a module that is no drill."""
    found = []
    for folder in FOLDERS:
        path = importlib.import_module(f"{package}.{folder}").__path__
        for name in sorted(module.name for module in pkgutil.iter_modules(path) if not module.ispkg):
            found.append(_drill_in(f"{package}.{folder}.{name}"))
    return found


def _drill_in(name: str) -> Drill:
    module = importlib.import_module(name)
    one = getattr(module, "plant", None)
    if not isinstance(one, Drill) or not module.__doc__ or not one.reason:
        raise NoDrillError(f"{name}: required: a docstring, and a function `plant` with @drill and a reason.")
    return named(one, module)


def named(one: Drill, module: ModuleType) -> Drill:
    """The drill with its module's folder and name, and its docstring."""
    *_, folder, stem = module.__name__.split(".")
    return replace(one, name=f"{folder}/{stem.replace('_', '-')}", planted=" ".join((module.__doc__ or "").split()))
