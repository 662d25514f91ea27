"""Every query of every dashboard and rule, put to a real Prometheus that scrapes the real service and edge."""

import json
import math
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.schema import write_json
from testbed.programs import (
    MONITORING,
    ROOT,
    ask,
    eventually,
    fetch,
)
from testbed.serving import load
from tests.monitoring.dashboards import DASHBOARDS, panels_of
from tests.monitoring.test_rules import RULES, rules_of
from tests.monitoring.test_verdict_metrics import verdict
from tests.monitoring.watched_stack import DAY, RATE_INTERVAL, watched_stack

QUERIES = [
    pytest.param(target["expr"], id=f"{path.stem}-{panel['title']}-{target['refId']}")
    for path in DASHBOARDS
    for panel in panels_of(path)
    for target in panel["targets"]
]
RUNBOOK = "https://handbook.example/runbook.md"
SITE = "https://site.example"
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


# Where nothing answers: the series of uploads are there, and what they say is that files wait.
BUCKET = {
    "REQUEST_LOG_BUCKET": "s3://nowhere/log",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}


@pytest.fixture(scope="module")
def prometheus(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has scraped a stack under load, and goes on."""
    folder = tmp_path_factory.mktemp("prometheus")
    write_json(folder / "verdict.json", verdict())
    with (
        watched_stack(folder, model, folder / "verdict.json", RUNBOOK, SITE, **BUCKET) as stack,
        load(stack.serving.url),
    ):
        url = stack.prometheus
        eventually(lambda: len(ask(url, "sum(rate(gatehouse_score_count[5s])) > 0")), "the load is in the figures")
        yield url


def has_data(samples: list[dict[str, Any]]) -> bool:
    return any(math.isfinite(float(sample["value"][1])) for sample in samples)


@pytest.mark.parametrize("query", QUERIES)
def test_a_dashboards_query_returns_data(prometheus: str, query: str) -> None:
    asked = query.replace("$__rate_interval", RATE_INTERVAL).replace("$digest", ".*")
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


def test_the_labels_for_addresses_go_to_no_receiver() -> None:
    configured = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    (relabelled,) = configured["alerting"]["alert_relabel_configs"]
    dropped = [name for name in configured["global"]["external_labels"] if re.fullmatch(relabelled["regex"], name)]
    assert relabelled["action"] == "labeldrop"
    assert dropped == ["runbook", "site"]


def addresses_of(path: Path) -> list[str]:
    """Every link of a dashboard and of its panels that leaves Grafana."""
    document = json.loads(path.read_text())
    links = [*document["links"], *(link for panel in document["panels"] for link in panel.get("links", ()))]
    return [link["url"] for link in links if "url" in link]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_runbook_and_report_are_one_click_away(prometheus: str, path: Path) -> None:
    asked = {one["name"]: one["query"]["query"] for one in json.loads(path.read_text())["templating"]["list"]}
    addresses = addresses_of(path)
    for name, address in (("runbook", RUNBOOK), ("site", SITE)):
        query = re.fullmatch(r"label_values\((.+), (\w+)\)", asked[name])
        assert query, asked[name]
        series, label = query.groups()
        eventually(partial(ask, prometheus, series), series)
        assert {one["metric"][label] for one in ask(prometheus, series)} == {address}
        addresses = [one.replace(f"${{{name}:raw}}", address) for one in addresses]
    assert RUNBOOK in addresses
    assert any(one.startswith(f"{SITE}/") for one in addresses)
    sections = {name.lower() for name in re.findall(r"(?m)^## (\w+)$", (ROOT / "docs" / "runbook.md").read_text())}
    assert {one.partition("#")[2] for one in addresses if "#" in one} <= sections
    assert not any("$" in one for one in addresses)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_each_deploy_is_marked_at_its_moment(prometheus: str, path: Path) -> None:
    (deploys,) = json.loads(path.read_text())["annotations"]["list"]
    (loaded,) = ask(prometheus, deploys["expr"])
    (model,) = ask(prometheus, "max by (digest) (gatehouse_model_info)")
    assert loaded["metric"] == {"digest": model["metric"]["digest"]}
    assert 0 <= time.time() - float(loaded["value"][1]) / 1000 < DAY


def test_a_model_that_does_not_answer_has_no_figures(prometheus: str) -> None:
    queries = [target["expr"] for path in DASHBOARDS for panel in panels_of(path) for target in panel["targets"]]
    chosen = [query.replace("$__rate_interval", RATE_INTERVAL) for query in queries if "$digest" in query]
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
