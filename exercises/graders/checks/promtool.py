"""Prometheus' own promtool on a learner's rules: whether they are valid, their values for given series, what fires."""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from exercises.graders.grading import WaitsError

SECONDS = 30
INTERVAL = "15s"


@dataclass(frozen=True)
class Series:
    """One series, in promtool's notation: `0+60x40` rises by 60 every 15 s."""

    series: str
    values: str


def promtool(*arguments: str, folder: Path) -> tuple[bool, str]:
    """Whether it passed, and its output. Raises WaitsError if promtool is not installed."""
    program = shutil.which("promtool")
    if program is None:
        raise WaitsError("waits for promtool, which comes with Prometheus (`make programs` on Debian and Ubuntu).")
    try:
        done = subprocess.run(
            [program, *arguments], cwd=folder, capture_output=True, errors="replace", timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False, f"promtool did not end within {SECONDS} s"
    return done.returncode == 0, " ".join((done.stdout + done.stderr).split())


def differs(rules: str, series: list[Series], name: str, right: float, at: str) -> str:
    """What a recording rule gives instead of one series {job="api"} of this value (within 0.001); else empty."""
    near = {"expr": f"abs({name} - {right}) < bool 0.001", "eval_time": at}
    if not _test(
        rules, series, {"promql_expr_test": [{**near, "exp_samples": [{"labels": '{job="api"}', "value": 1}]}]}
    ):
        return ""
    said = _test(rules, series, {"promql_expr_test": [{"expr": name, "eval_time": at, "exp_samples": []}]})
    return (
        f"{name} is {said.rpartition('got: ')[2][:200]}" if "got: " in said else said[:300] or f"{name} gives nothing."
    )


def fires(rules: str, series: list[Series], alert: str, at: str) -> dict[str, str] | None:
    """The alert's labels at that time, None if it is silent."""
    said = _test(rules, series, {"alert_rule_test": [{"alertname": alert, "eval_time": at, "exp_alerts": []}]})
    match = re.search(r"got:.*?Labels:{([^}]*)}", said)
    return _labels(match[1]) if match else None


def alert_named(rules: str, name: str) -> dict[str, Any] | None:
    """The alert's entry in a file of rules."""
    for group in _parsed(rules).get("groups") or []:
        for rule in (group or {}).get("rules") or []:
            if isinstance(rule, dict) and rule.get("alert") == name:
                return rule
    return None


def with_expression(rules: str, alert: str, expression: str) -> str:
    """The same rules with another expression for the alert."""
    document = _parsed(rules)
    for group in document.get("groups") or []:
        for rule in group.get("rules") or []:
            if rule.get("alert") == alert:
                rule["expr"] = expression
    return str(yaml.safe_dump(document))


def _parsed(text: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return document if isinstance(document, dict) else {}


def _labels(text: str) -> dict[str, str]:
    return dict(re.findall(r'(\w+)="([^"]*)"', text))


def _test(rules: str, series: list[Series], wanted: dict[str, Any]) -> str:
    """Run one test that expects no samples and no alerts: promtool's complaints list those there are."""
    with tempfile.TemporaryDirectory(prefix="exercise-") as root:
        folder = Path(root)
        (folder / "rules.yaml").write_text(rules, encoding="utf-8")
        given = [{"series": one.series, "values": one.values} for one in series]
        test = {"interval": INTERVAL, "input_series": given, **wanted}
        document = {"rule_files": ["rules.yaml"], "evaluation_interval": INTERVAL, "tests": [test]}
        (folder / "test.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        passed, said = promtool("test", "rules", "test.yaml", folder=folder)
    return "" if passed else said
