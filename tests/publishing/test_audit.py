"""The audits: zizmor itself, and what is read out of osv-scanner's documented output. Never clean without an answer."""

import json
import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from contracts.exits import Exit
from contracts.schema import read_json
from publishing.audit import Audit, ToolRun, audit_dependencies, audit_workflows, image_of_production, main, run_tool
from publishing.audit import _osv as osv
from tests.repository.test_promises import ROOT

BIN = str(Path(sys.executable).parent)
WEAK = """
name: x
on: pull_request_target
jobs:
  x:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: echo ${{ github.event.pull_request.title }}
"""


def advisory(name: str, fixed: str = "", **more: Any) -> dict[str, Any]:
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    affected = [{"package": {"name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]
    return {"id": "OSV-1", "summary": "bad", "affected": affected, **more}


def found(*packages: tuple[str, dict[str, Any]]) -> ToolRun:
    """osv-scanner's answer: exit code 1 and its JSON."""
    listed = [
        {"package": {"name": name, "version": "1.0", "ecosystem": "PyPI"}, "vulnerabilities": [about]}
        for name, about in packages
    ]
    return ToolRun(1, json.dumps({"results": [{"source": {"path": "x", "type": "lockfile"}, "packages": listed}]}), "")


def test_a_weak_workflow_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    (tmp_path / ".github" / "workflows" / "x.yml").write_text(WEAK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", BIN, prepend=":")
    assert main({}, ["workflows"]) is Exit.FINDING
    audit = read_json(tmp_path / "build" / "audit-workflows" / "workflows.json", Audit, "make audit-workflows")
    named = {finding.what.partition(" ")[0] for finding in audit.findings}
    assert {"template-injection", "dangerous-triggers", "unpinned-uses"} <= named
    assert all(finding.where.endswith("x.yml") and finding.remedy for finding in audit.findings)


def test_our_own_workflows_are_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PATH", BIN, prepend=":")
    audit = audit_workflows({})
    assert audit.state == "clean"
    assert "without" in audit.subject


def test_nothing_to_audit_is_not_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", BIN, prepend=":")
    assert main({}, ["workflows"]) is Exit.CRASH


@pytest.mark.parametrize("what", ["workflows", "dependencies", "image"])
def test_a_tool_that_is_not_there_is_not_clean(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python@sha256:1 AS pinned\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main({}, [what]) is Exit.CRASH
    audit = read_json(tmp_path / "build" / f"audit-{what}" / f"{what}.json", Audit, "make audit")
    assert audit.state == "could not run"
    assert "PATH" in audit.detail


def test_a_vulnerability_with_a_fixed_version_is_found_once() -> None:
    ran = found(("numpy", advisory("numpy", "2.3")), ("numpy", advisory("numpy", "2.3")))
    audit = osv("dependencies", "requirements", ran)
    assert audit.state == "found"
    assert [(one.where, one.remedy) for one in audit.findings] == [("numpy 1.0", "fixed in 2.3")]


def test_a_vulnerability_without_one_is_told_but_asks_for_nothing() -> None:
    audit = osv("image", "x", found(("openssl", advisory("openssl"))))
    assert (audit.state, audit.without_remedy) == ("clean", 1)


def test_a_fixed_version_of_another_package_is_no_remedy() -> None:
    audit = osv("image", "x", found(("openssl", advisory("libressl", "9"))))
    assert (audit.state, audit.without_remedy) == ("clean", 1)


@pytest.mark.parametrize(
    "ran",
    [
        ToolRun(127, "", "failed to reach api.osv.dev"),
        ToolRun(128, "", "No package sources found"),
        ToolRun(1, "not json", ""),
        ToolRun(1, '{"results": [{"packages": [{}]}]}', ""),
        ToolRun(0, "", ""),
        ToolRun(-9, "{}", ""),
    ],
)
def test_an_answer_that_is_none_is_not_clean(ran: ToolRun) -> None:
    assert osv("dependencies", "x", ran).state == "could not run"


def test_no_results_are_clean() -> None:
    assert osv("dependencies", "x", ToolRun(0, '{"results": []}', "")).state == "clean"


def test_the_reason_is_one_line_of_the_tools_own(tmp_path: Path) -> None:
    ran = run_tool(sys.executable, "-c", "import sys; print('a\\n::error::b', file=sys.stderr); sys.exit(9)")
    assert osv("image", "x", ran).detail == "code 9: ::error::b"
    assert run_tool(str(tmp_path / "nothing")).code < 0


def test_production_is_audited_by_digest_and_before_a_push_its_base(tmp_path: Path) -> None:
    dockerfile = "FROM python:3.13@sha256:1 AS pinned\n"
    assert image_of_production(tmp_path, dockerfile) == "python:3.13@sha256:1"
    (tmp_path / "champion.json").write_text('{"image": "user/flights@sha256:2"}')
    assert image_of_production(tmp_path, dockerfile) == "user/flights@sha256:2"
    (tmp_path / "champion.json").write_text('{"image": "user/flights:latest"}')
    assert image_of_production(tmp_path, dockerfile) == "python:3.13@sha256:1"


@pytest.mark.parametrize(("package", "state"), [("numpy", "found"), ("nothing-of-ours", "clean")])
def test_osv_scanner_itself_on_our_requirements(
    package: str, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real tool, with a database of one advisory in the place where it keeps its own."""
    tools = f"{ROOT / '.tools'}:{os.environ['PATH']}"
    if shutil.which("osv-scanner", path=tools) is None:
        pytest.skip("no osv-scanner: `make audit-dependencies` builds it with Go")
    database = tmp_path / "osv-scanner" / "PyPI"
    database.mkdir(parents=True)
    about = advisory(package, "99.0", schema_version="1.6.0", modified="2026-01-01T00:00:00Z")
    about["affected"][0]["package"]["ecosystem"] = "PyPI"
    with zipfile.ZipFile(database / "all.zip", "w") as archive:
        archive.writestr("OSV-1.json", json.dumps(about))
    monkeypatch.setenv("PATH", tools)
    monkeypatch.setenv("OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY", str(tmp_path))
    audit = audit_dependencies(ROOT / "requirements", {"OSV_OFFLINE": "1"})
    assert audit.state == state
    assert all(finding.where.startswith("numpy ") for finding in audit.findings)
