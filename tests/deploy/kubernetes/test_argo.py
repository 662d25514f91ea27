"""The analysis for Argo Rollouts asks what the canary of `make deploy` asks, with the limits of pipeline.toml."""

import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from contracts.pipeline_toml.keys import Deploy
from contracts.pipeline_toml.reader import load_config
from deploy.rollout.canary import P95_REQUESTS
from deploy.rollout.version_metrics import Prometheus, PrometheusError

ROOT = Path(__file__).parents[3]
ARGO = ROOT / "deploy" / "kubernetes" / "argo"
SECONDS = 30


def document(name: str) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((ARGO / name).read_text(encoding="utf-8"))
    return made


def metrics() -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in document("analysis.yaml")["spec"]["metrics"]}


def query(name: str) -> str:
    text: str = metrics()[name]["provider"]["prometheus"]["query"]
    return text


def asked_by_deploy(version: str) -> list[str]:
    """The queries of `make deploy` for one version: requests, errors, p50, p95, odd values."""
    sent: list[bytes] = []

    def exchange(_place: str, _port: int, text: bytes) -> bytes:
        sent.append(text)
        return b""

    with pytest.raises(PrometheusError):
        Prometheus(exchange).figures(f'pod=~"service-{{{{args.{version}}}}}-.*"', SECONDS)
    lines = [one for one in sent[0].decode().splitlines() if one.startswith("GET ")]
    return [parse_qs(urlsplit(one.split()[1]).query)["query"][0] for one in lines]


def limits() -> Deploy:
    return load_config(ROOT / "pipeline.toml").deploy


def test_the_queries_are_those_of_make_deploy() -> None:
    names = ("requests", "errors", "p50", "p95", "odd-values")
    for version in ("new", "old"):
        for name, wanted in zip(names, asked_by_deploy(version), strict=True):
            assert wanted in query(name), name


def test_the_limits_are_those_of_pipeline_toml() -> None:
    rules, seen = limits(), metrics()
    known = "len(result) == 1 && !isNaN(result[0]) && result[0] <="
    assert seen["errors"]["successCondition"] == f"{known} {rules.max_error_increase}"
    assert seen["p50"]["successCondition"] == seen["p95"]["successCondition"] == f"{known} {rules.max_latency_ratio}"
    assert seen["odd-values"]["successCondition"] == f"{known} {rules.max_odd_increase}"
    assert query("requests").count(f">= {rules.canary_min_requests}") == 2
    assert query("p95").count(f">= {P95_REQUESTS}") == 2
    assert f"> {rules.fast_enough_ms / 1000}" in query("p95")
    assert all(one["failureLimit"] == 0 for one in seen.values())


def test_the_shares_and_seconds_are_those_of_pipeline_toml() -> None:
    steps = document("rollout.yaml")["spec"]["strategy"]["canary"]["steps"]
    assert [one["setWeight"] for one in steps if "setWeight" in one] == list(limits().canary_percent)
    assert [one["pause"]["duration"] for one in steps if "pause" in one] == [f"{limits().canary_seconds:g}s"] * 2
    assert sum("analysis" in one for one in steps) == 2


@pytest.mark.parametrize("name", ["requests", "errors", "p50", "p95", "odd-values"])
def test_a_query_is_promql(tmp_path: Path, name: str) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("no promtool on the PATH: `make programs`")
    text = query(name).replace("{{args.new}}", "a").replace("{{args.old}}", "b")
    groups = {"groups": [{"name": "queries", "rules": [{"record": "a", "expr": text}]}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(groups))
    done = subprocess.run(
        ["promtool", "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
