"""`make dashboards`: each panel of each dashboard, drawn from what a real Prometheus answered to its query.

Two replicas of the service behind the real edge answer the requests that the load test sent, with labels, for four
minutes; Prometheus scrapes them each second. Meanwhile happens what dashboards are for: the challenger is deployed,
clients rush in until requests are shed, a replica is killed, a client sends values that training never saw, and a newer
drift verdict comes in. `--redraw` takes the answers that are here. Grafana itself is not run.

Reads   build/champion, build/train/model, build/load-test/plan.json, build/data/replay.parquet,
        build/drift/verdict.json and the drift verdicts that VERDICTS names, in their order
Writes  docs/dashboards.md; docs/pictures/dashboards/: answers.json and a picture of each panel;
        docs/pictures/dashboard.svg, one dashboard as a whole
Exits   0 drawn · 3 a panel has no answer
"""

import argparse
import itertools
import json
import math
import random
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pandas as pd

from contracts.exits import Exit
from contracts.model_folder import read_card
from contracts.schema import write_json
from contracts.stage import Build
from testbed.programs import answers as answered
from testbed.programs import eventually, fetch
from testbed.serving import replica
from tests.monitoring.dashboards import (
    DASHBOARDS,
    EVERY_MODEL,
    Answers,
    Deploy,
    PanelAnswers,
    Series,
    deploys_query,
    panels_of,
    queries_of,
)
from tests.monitoring.dashboards_page import ANSWERS, draw
from tests.monitoring.watched_stack import RATE_INTERVAL, WatchedStack, watched_stack, write_drift_page

STEP_SECONDS = 3.0
CLIENTS, RUSH = 3, 40
# Seconds since the begin at which something happens, in the order of the manual above.
DEPLOYED_AT, RUSH_AT, KILLED_AT, ODD_AT, VERDICT_AT, ENDS_AT = 45, 90, 125, 160, 185, 225
RUSH_SECONDS, ODD_SECONDS, DOWN_SECONDS = 20, 25, 10
LABELLED_SHARE, BATCH_ROWS = 0.6, 20
ROUNDED_DIGITS = 4
# Labels that a panel shows.
LABELS = {"name", "digest", "le", "instance"}
SERVICE = {"MAX_IN_FLIGHT": "8"}
RUNBOOK, SITE = "https://handbook.example/docs/runbook.md", "https://site.example"


class Rows:
    """What clients send: the load test's own requests, each with what came of it."""

    def __init__(self, build: Build, target: str) -> None:
        plan = json.loads((build.stage("load-test") / "plan.json").read_text(encoding="utf-8"))
        truth = pd.read_parquet(build.stage("data") / "replay.parquet", columns=[target])[target]
        requests = plan["variants"][0]["requests"]
        self.all = [(json.loads(one["body"]), str(truth.iloc[one["row"]])) for one in requests]


class Client(threading.Thread):
    """Sends single rows, labels for most of them, and now and then a batch. `spoilt`: changes each row before."""

    def __init__(self, url: str, rows: Rows, seed: int, pause: float, spoilt: Callable[[Any], Any] = dict) -> None:
        super().__init__(daemon=True)
        self.end = threading.Event()
        self._url, self._rows, self._pause, self._spoilt = url, rows, pause, spoilt
        self._choose = random.Random(seed)

    def run(self) -> None:
        while not self.end.wait(self._pause):
            try:
                self._ask()
            except (OSError, HTTPException):  # shed, or a replica that was killed: the figures have it
                continue

    def _ask(self) -> None:
        row, truth = self._choose.choice(self._rows.all)
        made = fetch(f"{self._url}/predict", self._spoilt(row))
        if self._choose.random() < LABELLED_SHARE:
            fetch(f"{self._url}/feedback", {"labels": [{"id": made["id"], "actual": truth}]})
        if self._choose.random() < 1 / BATCH_ROWS:
            rows = [one for one, _ in self._choose.sample(self._rows.all, BATCH_ROWS)]
            fetch(f"{self._url}/predict/batch", {"rows": rows})
            fetch(f"{self._url}/predict", {"not": "a row"})


@contextmanager
def clients(number: int, url: str, rows: Rows, pause: float, spoilt: Callable[[Any], Any] = dict) -> Iterator[None]:
    """So many clients at work."""
    started = [Client(url, rows, seed, pause, spoilt) for seed in range(number)]
    for one in started:
        one.start()
    try:
        yield
    finally:
        for one in started:
            one.end.set()
        for one in started:
            one.join()


def spoilt(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a broken client sends it: categories and numbers that training never saw, and what may be missing is."""
    numbers = {name: 1e6 for name, value in row.items() if isinstance(value, float)}
    texts = {name: "never seen" for name, value in row.items() if isinstance(value, str)}
    chosen = dict(itertools.islice({**texts, **numbers}.items(), 5))
    return row | chosen


def play(stack: WatchedStack, build: Build, folder: Path, rows: Rows, verdicts: Sequence[Path]) -> tuple[float, float]:
    """Everything that happens, in its order. Returns when it began and ended."""
    url, begin = stack.serving.url, time.time()

    def until(seconds: float) -> None:
        time.sleep(max(0.0, begin + seconds - time.time()))

    with ExitStack() as running, clients(CLIENTS, url, rows, 0.02):
        until(DEPLOYED_AT)
        for number in (1, 2):
            _replace(stack, running, folder, build.challenger, number, wait_seconds=0.0)
        until(RUSH_AT)
        with clients(RUSH, url, rows, 0.0):
            until(RUSH_AT + RUSH_SECONDS)
        until(KILLED_AT)
        stack.serving.replicas[1].kill()
        _replace(stack, running, folder, build.challenger, 2, wait_seconds=DOWN_SECONDS)
        until(ODD_AT)
        with clients(1, url, rows, 0.05, spoilt):
            until(ODD_AT + ODD_SECONDS)
        until(VERDICT_AT)
        for verdict in verdicts[1:]:
            write_drift_page(verdict, stack.drift_page)
        until(ENDS_AT)
        end = time.time()
        _wait_for_scrape(stack)
        return begin, end


def _replace(
    stack: WatchedStack, running: ExitStack, folder: Path, model: Path, number: int, wait_seconds: float
) -> None:
    """Stop a replica, and start one with this model in its place."""
    place, url = number - 1, stack.serving.replica_urls[number - 1]
    stack.serving.replicas[place].terminate()
    stack.serving.replicas[place].wait(30)
    time.sleep(wait_seconds)
    started = replica(folder, model, number, int(url.rpartition(":")[2]), **SERVICE)
    stack.serving.replicas[place] = running.enter_context(started)
    eventually(lambda: answered(f"{url}/readyz"), f"{url} is ready")


def _wait_for_scrape(stack: WatchedStack) -> None:
    moment = time.time()
    query = urllib.parse.urlencode({"query": "min(timestamp(gatehouse_score_count))"})
    eventually(
        lambda: float(fetch(f"{stack.prometheus}/api/v1/query?{query}")["data"]["result"][0]["value"][1]) > moment,
        "a scrape after the end",
    )


def asked(stack: WatchedStack, begin: float, end: float) -> Answers:
    """Every panel's queries and the marks of deploys, put to Prometheus; replicas by their names in compose.yaml."""
    prometheus = stack.prometheus
    ports = {
        url.removeprefix("http://"): f"replica-{place}:8000" for place, url in enumerate(stack.serving.replica_urls, 1)
    }
    steps = int((end - begin) / STEP_SECONDS) + 1
    (deploys,) = {deploys_query(path) for path in DASHBOARDS}
    panels = {
        f"{path.stem}/{panel['id']}": _panel(prometheus, panel, begin, steps, ports)
        for path in DASHBOARDS
        for panel in panels_of(path)
    }
    marks = {one["metric"]["digest"]: float(one["values"][-1][1]) for one in _range(prometheus, deploys, begin, steps)}
    loaded = [Deploy(seconds=round(at / 1000 - begin, 1), digest=name) for name, at in marks.items()]
    return Answers(
        step_seconds=STEP_SECONDS,
        steps=steps,
        deploys=tuple(one for one in sorted(loaded, key=lambda one: one.seconds) if one.seconds >= 0),
        panels=panels,
    )


def _panel(prometheus: str, panel: dict[str, Any], begin: float, steps: int, ports: dict[str, str]) -> PanelAnswers:
    found = []
    for target in panel["targets"]:
        at, number = (begin + STEP_SECONDS * (steps - 1), 1) if target.get("instant") else (begin, steps)
        for one in _range(prometheus, target["expr"], at, number):
            values = _values(one, at, number)
            if any(value is not None for value in values):
                labels = {name: ports.get(text, text) for name, text in one["metric"].items() if name in LABELS}
                found.append(Series(legend=_legend(target, one["metric"] | labels), labels=labels, values=values))
    return PanelAnswers(queries=queries_of(panel), series=tuple(found))


def _range(prometheus: str, query: str, begin: float, steps: int) -> list[dict[str, Any]]:
    chosen = query.replace("$__rate_interval", RATE_INTERVAL).replace("$digest", EVERY_MODEL)
    asks = {"query": chosen, "start": begin, "end": begin + STEP_SECONDS * (steps - 1), "step": STEP_SECONDS}
    found: list[dict[str, Any]] = fetch(f"{prometheus}/api/v1/query_range?{urllib.parse.urlencode(asks)}")["data"][
        "result"
    ]
    return found


def _values(one: dict[str, Any], begin: float, steps: int) -> tuple[float | None, ...]:
    values: list[float | None] = [None] * steps
    for at, text in one["values"]:
        if math.isfinite(float(text)):
            values[round((at - begin) / STEP_SECONDS)] = float(f"{float(text):.{ROUNDED_DIGITS}g}")
    return tuple(values)


def _legend(target: dict[str, Any], labels: dict[str, str]) -> str:
    text = str(target["legendFormat"])
    for name, value in labels.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def main(arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make dashboards", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    parser.add_argument("--verdicts", default="", help="later drift verdicts, separated by spaces")
    parser.add_argument("--redraw", action="store_true", help="from the answers that are here")
    given = parser.parse_args(arguments)
    if not given.redraw:
        build = Build(given.build)
        verdicts = [build.stage("drift") / "verdict.json", *map(Path, given.verdicts.split())]
        rows = Rows(build, read_card(build.challenger).target)
        with tempfile.TemporaryDirectory() as root:
            folder = Path(root)
            with watched_stack(folder, build.champion, verdicts[0], RUNBOOK, SITE, **SERVICE) as stack:
                begin, end = play(stack, build, folder, rows, verdicts)
                seen = asked(stack, begin, end)
        if silent := [name for name, one in seen.panels.items() if not one.series]:
            print(f"dashboards: no answer for {', '.join(silent)}.", file=sys.stderr)
            return Exit.FINDING
        write_json(ANSWERS, seen)
    draw()
    return Exit.PASS


if __name__ == "__main__":
    sys.exit(main())
