"""Every alert: where it fires, where it stays silent, what it says, and what to do then."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.programs import MONITORING, ROOT, program, run

RULES = sorted(path for path in (MONITORING / "rules").glob("*.yaml") if not path.stem.endswith("_tests"))
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")


def rules_of(path: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def cases_beside(path: Path) -> list[dict[str, Any]]:
    tests: list[dict[str, Any]] = yaml.safe_load(path.with_name(f"{path.stem}_tests.yaml").read_text())["tests"]
    return tests


ALERTS = [rule for path in RULES for rule in rules_of(path) if "alert" in rule]
NAMES = sorted({rule["alert"] for rule in ALERTS})


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_rules_are_what_their_tests_say(path: Path) -> None:
    promtool = program("promtool")
    checked = run(promtool, "check", "rules", path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = run(promtool, "test", "rules", path.with_name(f"{path.stem}_tests.yaml"))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_a_wrong_rule_would_be_found(tmp_path: Path) -> None:
    for name in ("availability.yaml", "availability_tests.yaml"):
        text = (MONITORING / "rules" / name).read_text().replace("14.4 * 0.001", "14.4 * 0.1")
        (tmp_path / name).write_text(text)
    assert run(program("promtool"), "test", "rules", tmp_path / "availability_tests.yaml").returncode == 1


def test_prometheus_reads_every_rule_file_and_no_test_file() -> None:
    named = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["rule_files"]
    assert sorted(named) == [f"rules/{path.name}" for path in RULES]
    checked = run(program("promtool"), "check", "config", "--syntax-only", MONITORING / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_has_a_case_where_it_fires_and_one_where_it_stays_silent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cases = [case for path in RULES for test in cases_beside(path) for case in test.get("alert_rule_test", [])]
    fires = {case["alertname"] for case in cases if case["exp_alerts"]}
    silent = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert fires == set(NAMES)
    # It has no silent case: it must never be.
    assert silent == set(NAMES) - {"Watchdog"}
    with capsys.disabled():
        print(f"\n{len(NAMES)} alerts ({len(ALERTS)} rules), {len(cases)} promtool cases, every alert fired and silent")


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_every_file_has_a_case_without_data_and_one_with_a_reset_counter(path: Path) -> None:
    names = " ".join(test["name"] for test in cases_beside(path))
    assert re.search(r"no data", names)
    assert re.search(r"restart", names)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_an_alert_says_how_urgent_what_and_what_to_do(rule: dict[str, Any]) -> None:
    urgency = {"none"} if rule["alert"] == "Watchdog" else {"page", "ticket"}
    assert rule["labels"]["severity"] in urgency
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert all(rule["annotations"].values())
    assert rule["annotations"]["runbook_url"] == "{{ $externalLabels.runbook }}#" + rule["alert"].lower()


def test_the_runbook_has_a_heading_for_every_alert_and_for_no_other() -> None:
    assert sorted(re.findall(r"^## (\w+)$", RUNBOOK, re.M)) == NAMES


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_a_comment_stands_above_every_alert(path: Path) -> None:
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        if "- alert:" in line:
            assert lines[number - 1].strip().startswith("#"), f"{path.name}:{number + 1}: {line.strip()}"


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_recorded_series_are_named_level_metric_operation(path: Path) -> None:
    for rule in rules_of(path):
        if "record" in rule:
            assert re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z0-9_]+", rule["record"])
