"""Runs a stage by the command that people and workflows use, and reads its exit code and reasons.

make itself always fails with 2, but prints the stage's own exit code: that one is returned.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from contracts.exits import Exit
from contracts.stage import Build, StageName, StageRecord
from contracts.verdict import DriftVerdict, LoadVerdict

CHECKOUT = Path(__file__).resolve().parent.parent
TIME_LIMIT_SECONDS = 600
ONE_CORE = {"OMP_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1"}
NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
_MAKE_SAYS = re.compile(r"^make(?:\[\d+\])?: \*\*\* .*\bError (\d+)", re.M)
# Variables that the outer make passes on; they must not change what the stages' own makes do.
_MAKE_VARIABLES = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "BUILD", "CONFIG", "PYTHON"}


@dataclass(frozen=True)
class Ended:
    """A stage's exit code and its reasons. The first reason is complete by itself."""

    exit_code: int
    reasons: tuple[str, ...]


def make_stage(stage: StageName, config: Path, build: Build, variables: Mapping[str, str] = NO_VARIABLES) -> Ended:
    """Run `make <stage>` on a scene. make passes `variables` on to the stage."""
    given = {"CONFIG": str(config), "BUILD": str(build.root), **variables}
    command = ["make", stage, *(f"{name}={value}" for name, value in given.items())]
    ended = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=_environment(os.environ),
        capture_output=True,
        errors="replace",
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
    """The reasons in the stage's files: the report's warnings, the verdict's reasons, or else the record's headline."""
    folder = build.stage(stage)
    if stage == "report":
        return _warnings(folder / "summary.md")
    verdict = folder / "verdict.json"
    try:
        # A verdict's reasons answer different questions, so they are one text.
        if stage == "drift":
            return (" ".join(DriftVerdict.model_validate_json(verdict.read_bytes()).reasons),)
        if stage == "load-test" and (reasons := LoadVerdict.model_validate_json(verdict.read_bytes()).reasons):
            return (" ".join(reasons),)
    except (OSError, ValidationError):
        pass  # without a verdict, the headline says why there is none
    try:
        return (StageRecord.model_validate_json((folder / "stage.json").read_bytes()).headline,)
    except (OSError, ValidationError):
        return ()


def _warnings(summary: Path) -> tuple[str, ...]:
    lines = summary.read_text(encoding="utf-8").splitlines() if summary.exists() else []
    return tuple(line for line in lines if line.startswith(">")) or tuple(lines[:1])


def _environment(outer: Mapping[str, str]) -> dict[str, str]:
    """One core for each stage, because two drills run side by side."""
    return {name: value for name, value in outer.items() if name not in _MAKE_VARIABLES} | ONE_CORE


def _last_line(*texts: str) -> tuple[str, ...]:
    """The last line that make did not write."""
    for text in texts:
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("make")]
        if lines:
            return (lines[-1],)
    return ("it said nothing",)
