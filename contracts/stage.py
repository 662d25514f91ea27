"""Runs a stage: reads its arguments, makes its folder under build/, and writes exit code and time to `stage.json`."""

import argparse
import os
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from contracts.exits import CodedError, Exit, FindingError, OutsideError, UsageError
from contracts.pipeline_toml.keys import Config
from contracts.pipeline_toml.reader import load_config, settings_digest
from contracts.schema import Schema, write_json

StageName = Literal[
    "data", "train", "evaluate", "build", "load-test", "drift", "report", "promote", "deploy", "requests",
    "scheduled-drift",
]  # fmt: skip
# The one place with the chain's order: the Makefile reads this line.
CHAIN: tuple[StageName, ...] = ("data", "train", "evaluate", "build", "load-test", "drift")
ENDS: dict[type[CodedError], tuple[str, Exit]] = {
    UsageError: ("unusable", Exit.USAGE),
    FindingError: ("refused", Exit.FINDING),
    OutsideError: ("failed", Exit.CRASH),
}
MEBIBYTE = 1024 * 1024


# Older entries of the run history call this stage `watch`.
RecordedStage = Annotated[StageName, BeforeValidator(lambda name: "scheduled-drift" if name == "watch" else name)]

ExitCode = Annotated[int, Field(ge=0, le=3)]


class StageRecord(Schema):
    """`build/<stage>/stage.json`: how the stage ended. No other file has clock times.

    `code`: the cause where the stage did not pass, which stays when the headline is reworded; "" where it has none.
    `settings`: the digest of pipeline.toml as the stage read it; "" where it could not be read.
    """

    stage: RecordedStage
    exit_code: ExitCode
    verdict: str
    headline: str
    code: str = ""
    seconds: float
    peak_mb: float
    settings: str = ""


@dataclass(frozen=True)
class Outcome:
    """The result of a stage: a verdict in one word, a headline, and the code of a finding."""

    verdict: str
    headline: str
    exit_code: Exit = Exit.PASS
    code: str = ""


@dataclass(frozen=True)
class Build:
    """The build folder. A stage reads what earlier stages wrote and writes into its own folder only."""

    root: Path

    def stage(self, name: StageName) -> Path:
        """The folder of one stage: `image` for build, `drift` for the scheduled check, `deploy` for promote."""
        return self.root / {"build": "image", "scheduled-drift": "drift", "promote": "deploy"}.get(name, name)

    @property
    def champion(self) -> Path:
        return self.root / "champion"

    @property
    def champion_record(self) -> Path:
        """The record of the run that made the champion, where `make promote` or the history wrote it."""
        return self.root / "champion.json"

    @property
    def champion_image(self) -> Path:
        """The image from which the champion was copied, where it was."""
        return self.root / "champion-image.json"

    @property
    def no_champion(self) -> Path:
        """The reason why `make champion` put no champion there."""
        return self.root / "no-champion.json"

    @property
    def challenger(self) -> Path:
        return self.root / "train" / "model"

    @property
    def evaluations(self) -> Path:
        """The challengers already judged on each holdout. Kept between runs: each further evaluation has a price."""
        return self.root / "evaluations.json"


@dataclass(frozen=True)
class Context:
    """The input of a stage: its settings, the build folder, and its own folder."""

    config: Config
    build: Build
    folder: Path

    @property
    def settings(self) -> str:
        """The digest of pipeline.toml as this stage read it."""
        return settings_digest(self.config)


def run_stage(name: StageName, description: str, work: Callable[[Context], Outcome]) -> None:
    """Run one stage as a command and exit with its code. `description` is the module's docstring."""
    parser = argparse.ArgumentParser(
        prog=f"make {name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"), help="default: pipeline.toml")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    arguments = parser.parse_args()
    sys.exit(execute(name, arguments.config, Build(arguments.build), work, spent=_process_seconds()))


def execute(
    name: StageName, config: Path, build: Build, work: Callable[[Context], Outcome], spent: float = 0.0
) -> Exit:
    """Run a stage's work in a new folder, print its verdict, write stage.json and return its exit code.

    `spent`: seconds that the stage has already used, for its imports.
    """
    started = time.perf_counter() - spent
    folder = build.stage(name)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        print(f"{name}: unusable. {folder} cannot be made: {error.strerror}. Name another folder.", file=sys.stderr)
        return Exit.USAGE
    outcome, settings = _outcome(config, build, folder, work)
    seconds = time.perf_counter() - started
    record = StageRecord(
        stage=name,
        exit_code=int(outcome.exit_code),
        verdict=outcome.verdict,
        headline=outcome.headline,
        code=outcome.code,
        seconds=round(seconds, 2),
        peak_mb=round(_peak_bytes() / MEBIBYTE, 1),
        settings=settings,
    )
    write_json(folder / "stage.json", record)
    stream = sys.stdout if outcome.exit_code is Exit.PASS else sys.stderr
    print(f"{name}: {outcome.verdict}. {outcome.headline}", file=stream, flush=True)
    return outcome.exit_code


def _outcome(config: Path, build: Build, folder: Path, work: Callable[[Context], Outcome]) -> tuple[Outcome, str]:
    """The work's outcome, or that of the error which it raised; and the digest of the settings, "" if not readable."""
    settings = ""
    try:
        _require_utf_8(config, build.root)
        context = Context(load_config(config), build, folder)
        settings = context.settings
        return work(context), settings
    except CodedError as error:
        verdict, exit_code = next(end for kind, end in ENDS.items() if isinstance(error, kind))
        return Outcome(verdict, str(error), exit_code, error.code), settings
    except KeyboardInterrupt:
        return Outcome("interrupted", "Stopped from the keyboard.", Exit.CRASH), settings
    except Exception as error:
        traceback.print_exc()
        return Outcome("crashed", f"{type(error).__name__}: {error}", Exit.CRASH), settings


def _require_utf_8(*paths: Path) -> None:
    """Raises UsageError for a path that is not UTF-8: tables can be written to no such path."""
    for path in paths:
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise UsageError(f"The path {path} is not UTF-8. Rename it.", code="path-not-utf-8") from None


def _process_seconds() -> float:
    """Seconds since this process started, imports included. Where /proc is absent, its CPU seconds."""
    try:
        started_ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return time.process_time()
    return uptime - started_ticks / os.sysconf("SC_CLK_TCK")


def _peak_bytes() -> int:
    """The largest resident set of this process or of an ended child (ru_maxrss: KiB on Linux, bytes on macOS)."""
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return peak if sys.platform == "darwin" else peak * 1024
