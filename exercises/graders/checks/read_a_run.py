"""Exercise 0: answers about the learner's own build folder. The right answers are read from its files."""

import contextlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contracts.data_manifest import DataManifest
from contracts.decision import Decision
from contracts.exits import UsageError
from contracts.model_folder import ModelFolderError, model_digest, read_card
from contracts.schema import read_json
from contracts.stage import CHAIN, Build, StageRecord
from contracts.verdict import DriftVerdict, LoadVerdict
from exercises.graders.grading import Check, Exercise, Place, check
from exercises.graders.program import ProgramError

ANSWERS = "answers.toml"
MOST_BYTES = 100_000
CHAPTER = "docs/learn/en/01-cycle.md"
CHECKS: list[Check] = []


@dataclass(frozen=True)
class Run:
    """The learner's answers, and the build folder that they are about."""

    answers: dict[str, Any]
    build: Build

    def wrong(self, name: str, right: object, where: str, tolerance: float = 0.0) -> str:
        """What is wrong with an answer, without giving the right one."""
        given = self.answers.get(name, "")
        if given == "":
            return f"{name} has no answer yet. It stands in {where}."
        if isinstance(right, int | float):
            if isinstance(given, bool) or not isinstance(given, int | float):
                return f"{name} = {str(given)[:60]!r}; a number is required. It stands in {where}."
            return "" if abs(given - right) <= tolerance else f"{name} = {given} is not what {where} says."
        return "" if str(given).strip() == right else f"{name} = {str(given)[:60]!r} is not what {where} says."


@check(CHECKS, "On how many rows was the challenger judged?", f"{CHAPTER}#data")
def holdout_rows(run: Run) -> str:
    manifest = read_json(run.build.stage("data") / "data.json", DataManifest, "make data")
    return run.wrong("holdout_rows", manifest.tables["holdout"].rows, "build/data/data.json, under tables")


@check(CHECKS, "Which candidate won the search?", f"{CHAPTER}#train")
def estimator(run: Run) -> str:
    return run.wrong("estimator", read_card(run.build.challenger).estimator, "build/train/model/model.json")


@check(CHECKS, "What are the first 12 digits of the model's digest?", f"{CHAPTER}#train")
def model(run: Run) -> str:
    right = model_digest(run.build.challenger).removeprefix("sha256:")[:12]
    return run.wrong("model", right, "build/evaluate/decision.json, as challenger")


@check(CHECKS, "What did the gate decide, promote or reject?", f"{CHAPTER}#evaluate")
def decision(run: Run) -> str:
    return run.wrong("decision", _decision(run).decision, "build/evaluate/decision.json")


@check(CHECKS, "What is the lower end of the deciding metric's interval (within 0.0005)?", f"{CHAPTER}#evaluate")
def interval_low(run: Run) -> str:
    seen = _decision(run)
    right = next(one.challenger.low for one in seen.comparisons if one.metric == seen.metric)
    return run.wrong("interval_low", right, "build/evaluate/decision.json, under comparisons", 0.0005)


@check(CHECKS, "What was the p95 under load, in milliseconds (within 0.005)?", f"{CHAPTER}#load-test")
def p95_ms(run: Run) -> str:
    verdict = read_json(run.build.stage("load-test") / "verdict.json", LoadVerdict, "make load-test")
    return run.wrong("p95_ms", verdict.p95_ms, "build/load-test/verdict.json", 0.005)


@check(CHECKS, "Which feature moved most, measured by its own threshold?", f"{CHAPTER}#drift")
def moved_most(run: Run) -> str:
    verdict = read_json(run.build.stage("drift") / "verdict.json", DriftVerdict, "make drift")
    right = max(
        (one for one in verdict.columns if one.kind == "feature"),
        key=lambda one: one.distance / one.threshold,
    ).column
    return run.wrong("moved_most", right, "build/drift/verdict.json, under columns")


@check(CHECKS, "Which stage of the chain took longest?", f"{CHAPTER}#what-goes-wrong-in-practice")
def longest_stage(run: Run) -> str:
    records = [read_json(run.build.stage(one) / "stage.json", StageRecord, f"make {one}") for one in CHAIN]
    return run.wrong("longest_stage", max(records, key=lambda one: one.seconds).stage, "build/*/stage.json")


def _decision(run: Run) -> Decision:
    return read_json(run.build.stage("evaluate") / "decision.json", Decision, "make evaluate")


@contextlib.contextmanager
def answered(place: Place) -> Iterator[Run]:
    """The learner's answers. Raises ProgramError if they or the run cannot be read."""
    path = place.folder / ANSWERS
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise ProgramError(f"{path} is no file of at most {MOST_BYTES:,} bytes.")
    try:
        yield Run(tomllib.loads(path.read_text(encoding="utf-8", errors="replace")), Build(place.build))
    except tomllib.TOMLDecodeError as error:
        raise ProgramError(f"{path} is no TOML: {error}. Put text between quotation marks.") from None
    except (UsageError, ModelFolderError) as error:
        raise ProgramError(f"The run is not complete: {error} `make pipeline` makes all of it.") from None


EXERCISE = Exercise(
    number="0",
    folder="00-read-a-run",
    title="Read a run",
    checks=CHECKS,
    subject=answered,
    minutes=20,
    different="reports/results.py reads the same files, each against its schema, for the report page.",
)
