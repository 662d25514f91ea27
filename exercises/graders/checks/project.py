"""The project: the learner's own table, through the chain into a monitored service. Grades what a machine can.

The run is the folder BUILD (build/project), made with CONFIG=exercises/project/pipeline.toml. SERVICE_URL and
PROMETHEUS_URL say where the stack is; the defaults are compose.yaml's.
"""

import contextlib
import os
import re
import sys
import tempfile
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from contracts.data_manifest import DataManifest
from contracts.decision import Decision
from contracts.exits import Exit, UsageError
from contracts.model_folder import Golden, ModelFolderError, model_digest
from contracts.pipeline_toml.keys import Config
from contracts.pipeline_toml.reader import load_config
from contracts.schema import read_json
from contracts.stage import CHAIN, Build, StageRecord
from contracts.verdict import DriftVerdict, LoadVerdict
from exercises.graders.asking import Server, served_module
from exercises.graders.grading import Check, Exercise, Place
from exercises.graders.program import ProgramError
from training.dataset.digests import frame_digest
from training.tables import load_table

CHAPTER = "docs/learn/en/project.md"
SERVICE_URL, PROMETHEUS_URL = "http://127.0.0.1:8080", "http://127.0.0.1:9090"
HOURS = 24
# The stack's Watchdog always fires, to show that alerts arrive; it proves nothing here.
FIRING = 'ALERTS{alertstate="firing", alertname!="Watchdog"}'
ROUTE = re.compile(r"^\| `?([A-Z]+ /[^\s`|]*)`? \|.*\| ([\d, ]+) \|$", re.M)
CHECKS: list[Check] = []


@dataclass
class Project:
    """Their pipeline.toml, their page of endpoints, their build folder, and the two addresses of their stack."""

    folder: Path
    build: Build
    service_url: str = field(default_factory=lambda: os.environ.get("SERVICE_URL", SERVICE_URL))
    prometheus_url: str = field(default_factory=lambda: os.environ.get("PROMETHEUS_URL", PROMETHEUS_URL))

    @cached_property
    def config(self) -> Config:
        return load_config(self.folder / "pipeline.toml")

    @property
    def model(self) -> str:
        return model_digest(self.build.challenger)

    @property
    def service(self) -> Server:
        return server_at(self.service_url)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """An instant query. Raises ProgramError if Prometheus does not answer."""
        path = f"/api/v1/query?query={urllib.parse.quote(expression)}"
        try:
            answer = server_at(self.prometheus_url).ask("GET", path)
        except ProgramError as error:
            raise ProgramError(f"no Prometheus at {self.prometheus_url}: {error}") from None
        try:
            found: list[dict[str, Any]] = answer.json["data"]["result"]
        except (KeyError, TypeError):
            raise ProgramError(f"{self.prometheus_url} is no Prometheus: it answered {answer.shown}") from None
        return found


Look = Callable[[Project], str]


def server_at(url: str) -> Server:
    """The server at an HTTP address."""
    parts = urllib.parse.urlsplit(url)
    return Server(parts.hostname or "", parts.port or 80)


def reading(name: str, asked: str, section: str) -> Callable[[Look], Look]:
    """A check of files: if one cannot be read, the reader's error is what is wrong."""

    def add(look: Look) -> Look:
        def guarded(project: Project) -> str:
            try:
                return look(project)
            except (UsageError, ModelFolderError, OSError) as error:
                return str(error)

        CHECKS.append(Check(name, asked, f"{CHAPTER}#{section}", guarded))
        return look

    return add


@reading("own-table", "pipeline.toml names a table, a project and a target of your own.", "your-table")
def own_table(project: Project) -> str:
    config = project.config
    if config.data.source.startswith("training.flights") or config.project.name == "flights":
        return f"the source is {config.data.source}, the project {config.project.name}: these are the flights."
    return ""


@reading("chain", "Every stage of the chain passed on it.", "the-chain")
def chain(project: Project) -> str:
    for stage in CHAIN:
        record = read_json(project.build.stage(stage) / "stage.json", StageRecord, f"make {stage}")
        if record.exit_code != Exit.PASS:
            return f"{stage} ended with {record.exit_code}: {record.headline[:200]}"
    return ""


@reading("evidence", "Model, table, decision and both verdicts belong together.", "the-chain")
def evidence(project: Project) -> str:
    build = project.build
    manifest = read_json(build.stage("data") / "data.json", DataManifest, "make data")
    decision = read_json(build.stage("evaluate") / "decision.json", Decision, "make evaluate")
    load = read_json(build.stage("load-test") / "verdict.json", LoadVerdict, "make load-test")
    drift = read_json(build.stage("drift") / "verdict.json", DriftVerdict, "make drift")
    models = {"the gate": decision.challenger, "the load test": load.model, "drift": drift.model}
    others = [name for name, model in models.items() if model != project.model]
    if others:
        return f"{' and '.join(others)} judged another model than build's, {project.model[:19]}."
    if frame_digest(load_table(build, "holdout").frame) != manifest.tables["holdout"].digest:
        return "holdout.parquet is not the table that data.json describes."
    return "" if decision.data_digest == manifest.digest else "the decision is about another table."


@reading("champion", "The model was made the champion.", "the-chain")
def champion(project: Project) -> str:
    if not (project.build.champion / "model.json").is_file():
        return f"{project.build.champion} is not there: nothing was deployed."
    seen = model_digest(project.build.champion)
    return "" if seen == project.model else f"the champion is {seen[:19]}, your model {project.model[:19]}."


@reading("served", "The stack serves this very model, and its golden rows come out right.", "the-stack")
def stack_serves(project: Project) -> str:
    golden = read_json(project.build.challenger / "golden.json", Golden, "make train")
    card = project.service.ask("GET", "/model").json
    row = {name: value for name, value in golden.rows[0].inputs.items() if value is not None}
    answer = project.service.ask("POST", "/predict", row)
    given = answer.json if isinstance(answer.json, dict) else {}
    if given.get("model") != project.model:
        shown = card.get("name") if isinstance(card, dict) else None
        served = f"{str(shown)[:40]}, model {str(given.get('model'))[:19]}"
        return f"{project.service_url} serves {served}; yours is {project.model[:19]}."
    near = [
        value
        for value in _numbers(given)
        if any(abs(value - right) <= 1e-4 * max(1, abs(right)) for right in golden.rows[0].output)
    ]
    return "" if near else f"the first golden row was answered {answer.shown}; {golden.rows[0].output} is required."


@reading("endpoints", "endpoints.md names every route and its answers as the OpenAPI document does.", "the-endpoints")
def endpoints(project: Project) -> str:
    page = (project.folder / "endpoints.md").read_text(encoding="utf-8", errors="replace")
    told = {line[1]: in_order(re.findall(r"\d+", line[2])) for line in ROUTE.finditer(page)}
    if not told:
        return "endpoints.md names no route yet, in the form | `POST /predict` | what it does | 200, 422 |."
    with tempfile.TemporaryDirectory(prefix="exercise-") as root:
        variables = {"MODEL_DIR": str(project.build.challenger.resolve()), "REQUEST_LOG_DIR": f"{root}/log"}
        with served_module("service", Path(root), sys.executable, variables) as server:
            document = server.ask("GET", "/openapi.json").json
    routes = {
        f"{method.upper()} {path}": in_order(operation["responses"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    missing = sorted(routes.keys() - told.keys())
    if missing:
        return f"{len(missing)} of {len(routes)} routes are not on the page, first {missing[0]}."
    if extra := sorted(told.keys() - routes.keys()):
        return f"the page names {extra[0]}, which the service does not have."
    wrong = [route for route in routes if routes[route] != told[route]]
    return f"{wrong[0]} answers {routes[wrong[0]]}; the page says {told[wrong[0]]}." if wrong else ""


@reading("alert", f"In the last {HOURS} hours an alert fired, and it has cleared.", "the-alert")
def alert(project: Project) -> str:
    fired = project.query(f"max by (alertname) (max_over_time({FIRING}[{HOURS}h]))")
    firing = {one["metric"].get("alertname", "") for one in project.query(FIRING)}
    names = {one["metric"].get("alertname", "") for one in fired}
    if not names:
        return f"no alert fired in the last {HOURS} hours: what did you break?"
    return "" if names - firing else f"{', '.join(sorted(firing))} still fires: it has to clear."


@reading("watched", "Prometheus scrapes the service, and it is up.", "the-stack")
def watched(project: Project) -> str:
    up = [one for one in project.query('up{job="service"}') if one["value"][1] == "1"]
    return "" if up else "no target of the job `service` is up in Prometheus."


def in_order(statuses: Iterable[str]) -> str:
    """Statuses as one text, sorted."""
    return ", ".join(sorted(set(statuses)))


def _numbers(given: dict[str, Any]) -> list[float]:
    flat = [*given.values(), *(given["probabilities"].values() if isinstance(given.get("probabilities"), dict) else ())]
    return [one for one in flat if isinstance(one, int | float)]


@contextlib.contextmanager
def project_of(place: Place) -> Iterator[Project]:
    """The learner's project. Raises ProgramError if it has no pipeline.toml."""
    if not (place.folder / "pipeline.toml").is_file():
        raise ProgramError(f"{place.folder / 'pipeline.toml'} is not there.")
    yield Project(place.folder, Build(place.build))


EXERCISE = Exercise(
    number="project",
    folder="project",
    title="Your own table in production",
    checks=CHECKS,
    subject=project_of,
    minutes=100,
    different="GitHub runs the same commands for each push (.github/workflows/pipeline.yml), and deploys by digest.",
)
