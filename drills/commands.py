"""Runs a stage by the command that people and workflows use, and reads what it said.

make itself always fails with 2, and prints the stage's own exit code: that one counts.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from contracts.decision import Decision
from contracts.exits import Exit
from contracts.stage import Build, StageName, StageRecord
from contracts.verdict import DriftVerdict, LoadVerdict

CHECKOUT = Path(__file__).resolve().parent.parent
TIME_LIMIT_SECONDS = 600
_MAKE_SAYS = re.compile(r"^make(?:\[\d+\])?: \*\*\* .*\bError (\d+)", re.M)
# What the make that runs the drills hands down must not change what the stages' own makes do.
_OF_MAKE = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "BUILD", "CONFIG", "PYTHON"}


@dataclass(frozen=True)
class Ended:
    """How a stage ended, and its reasons, the first of which can stand alone."""

    exit_code: int
    reasons: tuple[str, ...]


def run_stage(stage: StageName, config: Path, build: Build, **variables: str) -> Ended:
    """`make <stage>` on a scene; `variables` go to make."""
    given = {"CONFIG": str(config), "BUILD": str(build.root), **variables}
    command = ["make", stage, *(f"{name}={value}" for name, value in given.items())]
    ended = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=_environment(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIME_LIMIT_SECONDS,
    )
    code = exit_code_of(ended.returncode, ended.stderr)
    return Ended(code, reasons_of(stage, build) or _last_line(ended.stderr, ended.stdout))


def exit_code_of(make_code: int, stderr: str) -> int:
    """The stage's own exit code. A make that fails without naming one is a crash."""
    if make_code == 0:
        return Exit.PASS
    said = _MAKE_SAYS.findall(stderr)
    return int(said[-1]) if said else Exit.CRASH


def reasons_of(stage: StageName, build: Build) -> tuple[str, ...]:
    """What the stage left: its decision's or verdict's reasons, else its record's headline; of a report, its lines."""
    folder = build.stage(stage)
    if stage == "report":
        summary = folder / "summary.md"
        lines = summary.read_text(encoding="utf-8").splitlines() if summary.exists() else []
        return tuple(line for line in lines if line.strip())
    for name, schema in (("decision.json", Decision), ("verdict.json", LoadVerdict), ("verdict.json", DriftVerdict)):
        try:
            return schema.model_validate_json((folder / name).read_bytes()).reasons
        except (OSError, ValidationError):
            continue
    try:
        return (StageRecord.model_validate_json((folder / "stage.json").read_bytes()).headline,)
    except (OSError, ValidationError):
        return ()


def _environment(outer: Mapping[str, str]) -> dict[str, str]:
    """One thread a stage, because two drills run side by side."""
    return {name: value for name, value in outer.items() if name not in _OF_MAKE} | {"OMP_NUM_THREADS": "1"}


def _last_line(*texts: str) -> tuple[str, ...]:
    """The last thing that was said, other than by make."""
    for text in texts:
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("make")]
        if lines:
            return (lines[-1],)
    return ("it said nothing",)
