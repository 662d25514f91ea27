"""What the rules say where they differ from Compose's, by Prometheus' own rule tests."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.kubernetes.rules import GENERATED

CASE = """
rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series: {series}
    alert_rule_test:
      - eval_time: {minutes}m
        alertname: {alert}
        exp_alerts: {expected}
"""
PODS = (
    '[{series: \'gatehouse_ready{job="service", pod="a"}\', values: "1x200"}, '
    '{series: \'up{job="service", pod="a"}\', values: "1x200"}]'
)
EDGE = (
    '{{series: \'haproxy_frontend_http_responses_total{{job="edge", proxy="edge", code="{code}"}}\', '
    'values: "0+{added}x200"}}'
)
FAILING = f"[{EDGE.format(code='2xx', added=1000)}, {EDGE.format(code='5xx', added=100)}]"
HEALTHY = f"[{EDGE.format(code='2xx', added=1000)}]"
EDGES = (
    '[{series: \'up{job="edge", pod="a"}\', values: "1x200"}, {series: \'up{job="edge", pod="b"}\', values: "%sx200"}, '
    '{series: \'up{job="another"}\', values: "0x200"}]'
)


def fires(folder: Path, series: str, alert: str, minutes: int = 90) -> bool:
    """Whether the alert fires on these series after so many minutes."""
    if shutil.which("promtool") is None:
        pytest.skip("no promtool on the PATH: `make programs`")
    groups = [group for one in yaml.safe_load_all(GENERATED.read_text()) for group in one["spec"]["groups"]]
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    (folder / "case.yaml").write_text(CASE.format(series=series, minutes=minutes, alert=alert, expected="[]"))
    done = subprocess.run(
        ["promtool", "test", "rules", folder / "case.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or "exp:[" in done.stderr + done.stdout, done.stderr + done.stdout
    return done.returncode != 0


def test_it_pages_where_there_is_no_pod_at_all(tmp_path: Path) -> None:
    assert fires(tmp_path, "[]", "NoModelReady")
    assert not fires(tmp_path, PODS, "NoModelReady")


def test_availability_is_counted_at_the_edge(tmp_path: Path) -> None:
    assert fires(tmp_path, FAILING, "AvailabilityBurnsFast")
    assert not fires(tmp_path, HEALTHY, "AvailabilityBurnsFast")


def test_a_target_that_is_down_is_the_services_or_the_edges(tmp_path: Path) -> None:
    assert fires(tmp_path, "[]", "TargetDown")
    assert fires(tmp_path, EDGES % 0, "TargetDown")
    assert not fires(tmp_path, EDGES % 1, "TargetDown")
