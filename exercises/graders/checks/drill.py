"""Exercise 4: a drill with the learner's own fault, planted into a copy of their run and judged by a real stage."""

import contextlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import get_args

from contracts.exits import Exit
from contracts.pipeline_toml.reader import load_config
from contracts.schema import Schema, read_json
from contracts.stage import Build, StageName
from drills.commands import CHECKOUT, Ended, make_stage
from drills.drill import find_drills
from drills.pipeline_toml import with_key
from drills.scene import SOURCE, Scene
from exercises.graders.grading import Check, Exercise, Place, check
from exercises.graders.program import MEBIBYTE, ProgramError, copy_of, run_to_end
from training.dataset.sources import read_source

CHAPTER = "docs/learn/en/04-delivery.md"
PLANT_SECONDS = 120.0
# To plant a fault rewrites the source's table.
MOST_TABLE_BYTES = 512 * MEBIBYTE
UNTOUCHED = "Write here"
CHECKS: list[Check] = []


class Declared(Schema):
    """What the learner's module declares, as exercises/graders/checks/planting.py wrote it."""

    planted: str
    stage: str
    exit_code: int
    reason: str


@dataclass
class Planted:
    """The copy with the fault in it, and what the module declares."""

    declared: Declared
    scene: Scene

    @cached_property
    def ended(self) -> Ended:
        """How the declared stage ended on the copy."""
        stage: StageName = self.declared.stage  # type: ignore[assignment]  # the exercise's stub holds any word
        return make_stage(stage, self.scene.config, self.scene.build, {"TARGET": "process"})


@check(CHECKS, "The module's docstring says in one sentence what is planted.", f"{CHAPTER}#drills")
def sentence(seen: Planted) -> str:
    text = seen.declared.planted
    is_one = len(text.split()) >= 4 and text.endswith(".") and not text.startswith(UNTOUCHED)
    return (
        "" if is_one else f"the docstring is {text[:160]!r}; required: four words or more, and a full stop at the end."
    )


@check(CHECKS, "The stage that you name ends with the exit code that you name, and does not pass.", f"{CHAPTER}#drills")
def refused(seen: Planted) -> str:
    ended, said = seen.ended, seen.declared
    if ended.exit_code == Exit.PASS:
        return f"{said.stage} passed: nothing was refused. It said: {ended.reasons[0][:200]}"
    if ended.exit_code == said.exit_code:
        return ""
    return f"{said.stage} ended with {ended.exit_code}; the drill names {said.exit_code}."


@check(
    CHECKS,
    "The stage's first reason fits your pattern, and nothing else does.",
    f"{CHAPTER}#drills",
)
def reason(seen: Planted) -> str:
    pattern = seen.declared.reason
    if any(re.search(pattern, other) for other in ("", "it said nothing", "Challenger promoted", "refused", "0 1 2 3")):
        return f"/{pattern}/ fits sentences that have nothing to do with your fault."
    said = seen.ended.reasons[0]
    return "" if re.search(pattern, said) else f"/{pattern}/ does not fit what {seen.declared.stage} said: {said[:240]}"


@check(CHECKS, "It is a fault of your own: no drill in drills/ has this pattern or this sentence.", f"{CHAPTER}#drills")
def own(seen: Planted) -> str:
    for one in find_drills():
        if seen.declared.reason == one.reason or seen.declared.planted == one.planted:
            return f"drills/{one.name} is that drill already."
    return ""


@contextlib.contextmanager
def planted(place: Place) -> Iterator[Planted]:
    """Plant the learner's fault into a copy of their run. Raises ProgramError."""
    with tempfile.TemporaryDirectory(prefix="exercise-") as root:
        work = copy_of(place.folder, Path(root) / "work")
        scene = _scene(place, Path(root) / "scene")
        said = work / "declared.json"
        command = [
            sys.executable,
            "-m",
            "exercises.graders.checks.planting",
            str(work / "drill.py"),
            str(scene.root),
            str(said),
        ]
        ended = run_to_end(
            command, work, Path(root) / "output", {"PYTHONPATH": str(CHECKOUT)}, PLANT_SECONDS, MOST_TABLE_BYTES
        )
        if ended.process.returncode != 0 or not said.is_file():
            raise ProgramError(f"The fault could not be planted. {ended.how_it_ended()}")
        declared = _declared(said)
        yield Planted(declared, scene)


def _declared(path: Path) -> Declared:
    declared = read_json(path, Declared, "make exercise N=4")
    if declared.stage not in get_args(StageName):
        raise ProgramError(f"{declared.stage!r} is no stage. There are: {', '.join(get_args(StageName))}.")
    try:
        re.compile(declared.reason)
    except re.error as error:
        raise ProgramError(f"/{declared.reason}/ is no regular expression: {error}.") from None
    return declared


def _scene(place: Place, root: Path) -> Scene:
    """The learner's own run, copied: pipeline.toml, the source's table, data, model and champion."""
    build = Build(place.build)
    if not (build.challenger / "model.json").is_file():
        raise ProgramError(f"There is no run in {place.build}. `make pipeline` makes one.")
    config = load_config(place.config)
    root.mkdir()
    read_source(config.data.source, config.data.sha256).table.to_parquet(root / SOURCE, index=False)
    text = place.config.read_text(encoding="utf-8")
    for key, value in (("data.source", str(root / SOURCE)), ("data.sha256", "")):
        text = with_key(text, key, value)
    (root / "pipeline.toml").write_text(text, encoding="utf-8")
    for name in ("data", "train", "champion", "evaluate"):
        if (place.build / name).is_dir():
            shutil.copytree(place.build / name, root / "build" / name)
    return Scene(root, {"TARGET": "process"})


def declaration(drill: object) -> str:
    """The JSON of Declared for a drills.drill.Drill."""
    names = ("planted", "stage", "exit_code", "reason")
    return json.dumps({name: getattr(drill, name) for name in names})


EXERCISE = Exercise(
    number="4",
    folder="04-drill",
    title="A fault of your own (bonus)",
    checks=CHECKS,
    subject=planted,
    minutes=30,
    different="drills/run.py plants every fault of drills/ on each push; drills/rates says how often the gates err.",
)
