"""Every query of every dashboard and rule, put to a real Prometheus that scrapes the real service and edge.

The only rewriting: addresses of loopback, scrapes each second instead of each ten, and three weeks of earlier scores in
Prometheus' store, because one panel compares weeks.
"""

import json
import math
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.schema import write_json
from testbed.programs import (
    MONITORING,
    ROOT,
    answers,
    ask,
    eventually,
    fetch,
    free_port,
    program,
    run,
    running,
)
from testbed.serving import load, serving
from tests.monitoring.test_rules import RULES, rules_of
from tests.monitoring.test_verdict_metrics import verdict

DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
DAY = 86_400


def panels_of(path: Path) -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads(path.read_text())["panels"]
    return panels


QUERIES = [
    pytest.param(target["expr"], id=f"{path.stem}-{panel['title']}-{target['refId']}")
    for path in DASHBOARDS
    for panel in panels_of(path)
    for target in panel["targets"]
]
RUNBOOK = "https://handbook.example/runbook.md"
NAME = re.compile(r"\b(?:gatehouse|haproxy|process)_[a-z0-9_]+")
# What a stack without a fault does not have is not asked for: a recorded series is asked for by its rule.
NAMES = sorted(
    {
        name
        for path in RULES
        for rule in rules_of(path)
        for name in NAME.findall(re.sub(r"\b[a-z_]+:[a-z_]+:[a-z0-9_]+", "", rule["expr"]))
    }
)


def earlier_scores(path: Path, bounds: list[str]) -> None:
    """Three weeks of the recorded daily distribution, as OpenMetrics to be loaded into the store."""
    now = time.time()
    times = [now - 22 * DAY + step * DAY / 4 for step in range(4 * 22)]
    lines = ["# TYPE job_le:gatehouse_score:ratio_rate1d gauge"]
    for bound in bounds:
        share = min(1.0, float(bound)) if bound != "+Inf" else 1.0
        lines += [f'job_le:gatehouse_score:ratio_rate1d{{job="service",le="{bound}"}} {share} {at:.0f}' for at in times]
    path.write_text("\n".join([*lines, "# EOF", ""]))


def rewritten(folder: Path, addresses: dict[str, str]) -> Path:
    """monitoring/ as the tests run it."""
    shutil.copytree(MONITORING / "rules", folder / "rules")
    models = folder / "rules" / "model.yaml"
    models.write_text(models.read_text().replace("interval: 5m", "interval: 1s"))
    text = (MONITORING / "prometheus.yml").read_text()
    for name, address in addresses.items():
        assert name in text
        text = text.replace(name, address)
    text = re.sub(r"(scrape_interval|scrape_timeout|evaluation_interval): \S+", r"\1: 1s", text)
    (folder / "prometheus.yml").write_text(text)
    return folder / "prometheus.yml"


@pytest.fixture(scope="module")
def prometheus(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has scraped a stack under load, and goes on."""
    folder = tmp_path_factory.mktemp("prometheus")
    binary, promtool = program("prometheus"), program("promtool")
    drift, own = free_port(), free_port()
    url = f"http://127.0.0.1:{own}"
    write_json(folder / "verdict.json", verdict())
    page = folder / "drift" / "drift.txt"
    made = run(sys.executable, "-m", "monitoring.verdict_metrics", folder / "verdict.json", page, cwd=ROOT)
    assert made.returncode == 0, made.stderr
    with ExitStack() as stack:
        started = stack.enter_context(serving(folder, model))
        serve_page = (
            sys.executable,
            "-m",
            "http.server",
            str(drift),
            "--bind",
            "127.0.0.1",
            "--directory",
            page.parent,
        )
        stack.enter_context(running(serve_page, folder / "drift.log"))
        config = rewritten(
            folder,
            {
                "replica-1:8000": started.replica_urls[0].removeprefix("http://"),
                "replica-2:8000": started.replica_urls[1].removeprefix("http://"),
                "edge:8405": started.inside.removeprefix("http://"),
                "drift:9100": f"127.0.0.1:{drift}",
                "localhost:9090": f"127.0.0.1:{own}",
                "alertmanager:9093": f"127.0.0.1:{own}",
                "/run/secrets/metrics_key": "/dev/null",
            },
        )
        earlier_scores(folder / "earlier.txt", [f"{step / 20:g}" for step in range(1, 21)] + ["+Inf"])
        loaded = run(promtool, "tsdb", "create-blocks-from", "openmetrics", folder / "earlier.txt", folder / "data")
        assert loaded.returncode == 0, loaded.stderr
        command = (
            binary,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{own}",
            "--storage.tsdb.retention.time=60d",
            "--enable-feature=expand-external-labels",
        )  # fmt: skip; Prometheus 3 does so by itself
        stack.enter_context(running(command, folder / "prometheus.log", {"RUNBOOK_URL": RUNBOOK}))
        eventually(lambda: answers(f"{url}/-/ready"), "Prometheus is ready")
        stack.enter_context(load(started.url))
        eventually(lambda: len(ask(url, "sum(rate(gatehouse_score_count[5s])) > 0")), "the load is in the figures")
        yield url


def has_data(samples: list[dict[str, Any]]) -> bool:
    return any(math.isfinite(float(sample["value"][1])) for sample in samples)


@pytest.mark.parametrize("query", QUERIES)
def test_a_dashboards_query_returns_data(prometheus: str, query: str) -> None:
    asked = query.replace("$__rate_interval", "10s").replace("$digest", ".*")
    assert "$" not in asked
    eventually(lambda: has_data(ask(prometheus, asked)), f"data for {asked}", seconds=15)


@pytest.mark.parametrize("name", NAMES)
def test_a_series_that_a_rule_is_made_of_exists(prometheus: str, name: str) -> None:
    eventually(lambda: ask(prometheus, name), f"a series {name}", seconds=15)


def test_every_rule_is_evaluated_without_an_error_and_nothing_but_watchdog_fires(prometheus: str) -> None:
    groups = fetch(f"{prometheus}/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == sum(len(rules_of(path)) for path in RULES)
    assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []
    firing = {one["metric"]["alertname"] for one in ask(prometheus, 'ALERTS{alertstate="firing"}')}
    assert firing == {"Watchdog"}


def test_an_alert_has_the_whole_address_of_its_section(prometheus: str) -> None:
    (watchdog,) = fetch(f"{prometheus}/api/v1/alerts")["data"]["alerts"]
    assert watchdog["annotations"]["runbook_url"] == f"{RUNBOOK}#watchdog"
    assert "runbook" not in watchdog["labels"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_each_deploy_is_marked_at_its_moment(prometheus: str, path: Path) -> None:
    (deploys,) = json.loads(path.read_text())["annotations"]["list"]
    (loaded,) = ask(prometheus, deploys["expr"])
    (model,) = ask(prometheus, "max by (digest) (gatehouse_model_info)")
    assert loaded["metric"] == {"digest": model["metric"]["digest"]}
    assert 0 <= time.time() - float(loaded["value"][1]) / 1000 < DAY


def test_a_model_that_does_not_answer_has_no_figures(prometheus: str) -> None:
    queries = [target["expr"] for path in DASHBOARDS for panel in panels_of(path) for target in panel["targets"]]
    chosen = [query.replace("$__rate_interval", "10s") for query in queries if "$digest" in query]
    assert len(chosen) > 15
    assert not any(has_data(ask(prometheus, query.replace("$digest", "sha256:other"))) for query in chosen)


def test_a_query_without_data_would_be_seen(prometheus: str) -> None:
    assert not has_data(ask(prometheus, "gatehouse_no_such_series"))
    assert not has_data(ask(prometheus, "vector(0) / 0"))


def test_every_dashboard_is_provisioned_and_asks_the_provisioned_source(capsys: pytest.CaptureFixture[str]) -> None:
    provisioning = MONITORING / "grafana" / "provisioning"
    source = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"][0]["uid"]
    documents = [json.loads(path.read_text()) for path in DASHBOARDS]
    panels = [panel for document in documents for panel in document["panels"]]
    assert {panel["datasource"]["uid"] for panel in panels} == {source}
    assert len({document["uid"] for document in documents}) == len(documents)
    for document in documents:
        assert len({panel["id"] for panel in document["panels"]}) == len(document["panels"])
        assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in document["panels"])
    with capsys.disabled():
        print(
            f"\n{len(documents)} dashboards, {len(panels)} panels, {len(QUERIES)} queries, {len(NAMES)} series of rules"
        )
