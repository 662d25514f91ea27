"""The project's grader, on a real run of a small table, a real service and a real Prometheus."""

import contextlib
import http.server
import json
import re
import shutil
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.stage import CHAIN, Build
from drills.commands import NO_VARIABLES, make_stage
from drills.pipeline_toml import with_key
from exercises.graders.asking import served_module
from exercises.graders.catalogue import PROJECT
from exercises.graders.grading import EXERCISES, SOLUTIONS, Grade, Place, grade
from testbed.tiny_build import LOAD
from tests.containers.conftest import free_port
from tests.exercises.test_graders import require_own_reasons

WIDE = LOAD | {"max_stall_ms": 1e4, "max_error_share": 0.0}
SECONDS = 60.0
RULES = "groups: [{name: one, rules: [{alert: TargetDown, expr: 'up{job=\"edge\"} == 0'}]}]\n"
SCRAPES = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yaml]
scrape_configs:
  - {{job_name: service, static_configs: [{{targets: ["127.0.0.1:{service}"]}}]}}
  - {{job_name: edge, static_configs: [{{targets: ["127.0.0.1:{edge}"]}}]}}
"""


@dataclass(frozen=True)
class Ran:
    """The solution's folder and build folder, and where its stack is."""

    folder: Path
    build: Build
    service: str
    prometheus: str


class Quiet(http.server.BaseHTTPRequestHandler):
    """A target that is up and has no metrics."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        del format, arguments


def run_chain(root: Path) -> tuple[Path, Build]:
    """The solution through the whole chain, with limits of time that no busy machine breaks."""
    folder = root / "project"
    shutil.copytree(SOLUTIONS / "project", folder)
    text = (folder / "pipeline.toml").read_text(encoding="utf-8")
    for key, value in WIDE.items():
        text = with_key(text, f"load.{key}", value)
    (folder / "pipeline.toml").write_text(text, encoding="utf-8")
    build = Build(root / "build")
    for stage in CHAIN:
        ended = make_stage(stage, folder / "pipeline.toml", build, {**NO_VARIABLES, "TARGET": "process"})
        if stage != "build":  # which asks for an engine when it is run by itself
            assert ended.exit_code == 0, f"{stage}: {ended.reasons[0]}"
    (build.stage("build") / "stage.json").write_text(
        '{"stage": "build", "exit_code": 0, "verdict": "skipped", "headline": "", "seconds": 0, "peak_mb": 0}'
    )
    shutil.copytree(build.challenger, build.champion)
    return folder, build


@contextlib.contextmanager
def prometheus(root: Path, service: int) -> Iterator[str]:
    """One that has seen an alert fire and clear."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no prometheus on the PATH")
    edge, port = free_port(), free_port()
    (root / "rules.yaml").write_text(RULES, encoding="utf-8")
    (root / "prometheus.yml").write_text(SCRAPES.format(service=service, edge=edge), encoding="utf-8")
    command = [
        program,
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        until(url, 'ALERTS{alertstate="firing"}', there=True)
        with http.server.ThreadingHTTPServer(("127.0.0.1", edge), Quiet) as target:
            threading.Thread(target=target.serve_forever, daemon=True).start()
            until(url, 'ALERTS{alertstate="firing"}', there=False)
            until(url, 'up{job="service"} == 1', there=True)
            yield url
            target.shutdown()
    finally:
        process.terminate()
        process.wait(30)


def until(url: str, query: str, *, there: bool) -> None:
    """Wait until Prometheus has a series, or no longer has it."""
    from exercises.graders.checks.project import Project
    from exercises.graders.program import ProgramError

    asked = Project(Path(), Build(Path()), prometheus_url=url)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(ProgramError):
            if bool(asked.query(query)) == there:
                return
        time.sleep(0.2)
    raise AssertionError(f"{query} did not become {'true' if there else 'false'}")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    import sys

    root = tmp_path_factory.mktemp("project")
    folder, build = run_chain(root)
    variables = {"MODEL_DIR": str(build.challenger), "REQUEST_LOG_DIR": str(root / "log")}
    (root / "served").mkdir()
    with (
        served_module("service", root / "served", sys.executable, variables) as server,
        prometheus(root, server.port) as url,
    ):
        service = f"http://127.0.0.1:{server.port}"
        command = [sys.executable, str(folder / "endpoints.py"), service]
        (folder / "endpoints.md").write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
        yield Ran(folder, build, service, url)


def graded(ran: Ran, monkeypatch: pytest.MonkeyPatch, folder: Path | None = None, **urls: str) -> Grade:
    monkeypatch.setenv("SERVICE_URL", urls.get("service", ran.service))
    monkeypatch.setenv("PROMETHEUS_URL", urls.get("prometheus", ran.prometheus))
    return grade(PROJECT, Place(folder or ran.folder, ran.build.root))


def wrong(seen: Grade) -> list[str]:
    assert not seen.stopped
    return [one.check for one in seen.results if one.state != "pass"]


@contextlib.contextmanager
def edited(path: Path, before: str, after: str) -> Iterator[None]:
    """The file with a mistake in it, for as long as it is looked at."""
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")


def test_the_untouched_project_fails_every_check_for_its_own_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("PROMETHEUS_URL", f"http://127.0.0.1:{free_port()}")
    require_own_reasons(PROJECT, grade(PROJECT, Place(EXERCISES / "project", tmp_path / "build")))


def test_the_solution_passes_every_check(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = graded(ran, monkeypatch)
    assert wrong(seen) == [], [one.seen for one in seen.results]


@pytest.mark.parametrize(
    ("check", "name", "before", "after"),
    [
        ("own-table", "project/pipeline.toml", 'name = "tumours"', 'name = "flights"'),
        ("chain", "build/load-test/stage.json", '"exit_code": 0', '"exit_code": 3'),
        ("evidence", "build/load-test/verdict.json", '"model": "sha256:', '"model": "sha256:0'),
        ("champion", "build/champion/model.json", '"name"', ' "name"'),
        ("endpoints", "project/endpoints.md", "| `GET /readyz` |", "| `GET /healthz` |"),
    ],
)
def test_a_mistake_in_a_file_is_caught_by_its_check_and_by_no_other(
    check: str, name: str, before: str, after: str, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    with edited(ran.folder.parent / name, before, after):
        assert wrong(graded(ran, monkeypatch)) == [check]


def test_the_order_of_statuses_on_the_page_means_nothing(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    with edited(ran.folder / "endpoints.md", "200, 400, 401", "401, 200, 400"):
        assert wrong(graded(ran, monkeypatch)) == []


def test_a_service_of_another_model_is_caught_alone(ran: Ran, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    other = tmp_path / "model"
    shutil.copytree(ran.build.challenger, other)
    card = (other / "model.json").read_text(encoding="utf-8")
    (other / "model.json").write_text(card.replace('"commit": "', '"commit": "0', 1), encoding="utf-8")
    variables = {"MODEL_DIR": str(other), "REQUEST_LOG_DIR": str(tmp_path / "log")}
    (tmp_path / "served").mkdir()
    with served_module("service", tmp_path / "served", sys.executable, variables) as server:
        assert wrong(graded(ran, monkeypatch, service=f"http://127.0.0.1:{server.port}")) == ["served"]


class Answers(Quiet):
    """Says what a Prometheus says that has seen no alert but Watchdog, or that scrapes nothing."""

    fired: tuple[str, ...] = ("Watchdog",)
    firing: tuple[str, ...] = ("Watchdog",)
    up = "[]"

    def do_GET(self) -> None:
        names = self.fired if "max_over_time" in self.path else self.firing
        without = re.search(r'alertname!="(\w+)"', urllib.parse.unquote_plus(self.path))
        shown = [name for name in names if without is None or name != without[1]]
        alerts = json.dumps([{"metric": {"alertname": name}, "value": [0, "1"]} for name in shown])
        series = self.up if "up%7B" in self.path else alerts
        body = f'{{"status": "success", "data": {{"result": {series}}}}}'.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class NoAlert(Answers):
    up = '[{"metric": {}, "value": [0, "1"]}]'


class StillFiring(NoAlert):
    fired = firing = ("Watchdog", "TargetDown")


class NothingScraped(Answers):
    fired = ("Watchdog", "TargetDown")


@pytest.mark.parametrize(
    ("check", "answers"), [("alert", NoAlert), ("alert", StillFiring), ("watched", NothingScraped)]
)
def test_a_stack_that_is_not_watched_is_caught_alone(
    check: str, answers: type[Answers], ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            assert wrong(graded(ran, monkeypatch, prometheus=url)) == [check]
        finally:
            server.shutdown()


def test_every_check_of_the_project_has_a_planted_mistake() -> None:
    planted = {"own-table", "chain", "evidence", "champion", "endpoints", "served", "alert", "watched"}
    assert {one.name for one in PROJECT.checks} == planted
