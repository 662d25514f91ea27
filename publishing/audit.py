"""`make audit-workflows`, `audit-dependencies`, `audit-image`: known vulnerabilities in what this repository uses.

    workflows      zizmor with its strictest persona; with GH_TOKEN set, also the audits that need the network
    dependencies   osv-scanner on requirements/, against osv.dev
    image          osv-scanner on the image that production runs, by its digest in HISTORY/champion.json; before the
                   first push, on the Dockerfile's base image

Only a vulnerability with a fixed version is a finding; those without are only counted.

Reads   .github/, requirements/, Dockerfile, <HISTORY>/champion.json; GH_TOKEN, OSV_OFFLINE
Writes  <build>/audit-<what>/<what>.json
Exits   0 clean · 3 found · 1 could not run (no network, or the tool crashed) · 2 the tool is not installed
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from contracts.exits import Exit
from contracts.schema import Schema, write_json
from publishing.command import one_line

What = Literal["workflows", "dependencies", "image"]
AuditState = Literal["clean", "found", "could not run"]
EXITS: dict[AuditState, Exit] = {"clean": Exit.PASS, "found": Exit.FINDING, "could not run": Exit.CRASH}
MOST_FINDINGS = 200
MOST_SECONDS = 600
# The tools' own exit codes: zizmor's grow with severity; osv-scanner's 128 is "nothing to scan".
ZIZMOR_CLEAN, ZIZMOR_FOUND = {0}, set(range(10, 15))
OSV_CLEAN, OSV_FOUND = {0}, {1}
REQUIREMENTS = ("service.txt", "train.txt", "load.txt", "report.txt", "pages.txt", "publish.txt", "dev.txt", "uv.txt")


class Finding(Schema):
    """One known problem: `what` it is, `where`, and the `remedy`."""

    what: str
    where: str
    remedy: str = ""


class Audit(Schema):
    """build/audit-<what>/<what>.json."""

    format_version: Literal[1] = 1
    what: What
    state: AuditState
    subject: str
    detail: str = ""
    without_remedy: int = 0
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class ToolRun:
    """A tool's exit code and output."""

    code: int
    out: str
    err: str


def run_tool(*command: str) -> ToolRun:
    """Run a tool. A missing tool and a timeout have negative codes of their own."""
    if shutil.which(command[0]) is None:
        return ToolRun(-1, "", f"There is no {command[0]} on the PATH. Run `make programs`.")
    try:
        done = subprocess.run(command, capture_output=True, errors="replace", timeout=MOST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return ToolRun(-2, "", f"{command[0]} did not end within {MOST_SECONDS} seconds.")
    return ToolRun(done.returncode, done.stdout, done.stderr)


def audit_workflows(environment: Mapping[str, str]) -> Audit:
    """zizmor on .github."""
    online = bool(environment.get("GH_TOKEN"))
    mode = [] if online else ["--offline"]
    subject = ".github, all audits" if online else ".github, without the audits that need the network"
    ran = run_tool("zizmor", "--persona=auditor", "--no-progress", "--format=json-v1", *mode, ".github")
    if ran.code not in ZIZMOR_CLEAN | ZIZMOR_FOUND:
        return could_not_run("workflows", subject, ran)
    try:
        findings = tuple(_zizmor_findings(json.loads(ran.out)))
    except (ValueError, KeyError, TypeError, IndexError):
        return could_not_run("workflows", subject, ran)
    return _audit("workflows", subject, findings)


def audit_dependencies(requirements: Path, environment: Mapping[str, str]) -> Audit:
    """osv-scanner on every pinned requirement; with OSV_OFFLINE it uses its local copy of the database."""
    files = [requirements / name for name in REQUIREMENTS if (requirements / name).is_file()]
    locked = [f"--lockfile=requirements.txt:{path}" for path in files]
    mode = ["--offline"] if environment.get("OSV_OFFLINE") else []
    ran = run_tool("osv-scanner", "scan", "source", "--format=json", *mode, *locked)
    return _osv("dependencies", f"{len(files)} files of {requirements.name}/", ran)


def audit_image(reference: str) -> Audit:
    """osv-scanner on an image that the container engine pulls."""
    return _osv("image", reference, run_tool("osv-scanner", "scan", "image", "--format=json", reference))


def image_of_production(history: Path, dockerfile: str) -> str:
    """The image in the history, by digest; before the first push, the Dockerfile's base image."""
    try:
        image = str(json.loads((history / "champion.json").read_bytes())["image"])
    except (OSError, ValueError, KeyError, TypeError):
        image = ""
    if "@sha256:" in image:
        return image
    base = re.search(r"^FROM (\S+) AS pinned$", dockerfile, re.M)
    return base[1] if base else "the Dockerfile's line FROM … AS pinned, which is not there"


def could_not_run(what: What, subject: str, ran: ToolRun) -> Audit:
    """The third state beside clean and found: the audit could not run."""
    said = (ran.err.strip() or ran.out.strip()).splitlines() or ["no reason given"]
    return Audit(what=what, state="could not run", subject=subject, detail=f"code {ran.code}: {one_line(said[-1])}")


def _osv(what: What, subject: str, ran: ToolRun) -> Audit:
    if ran.code not in OSV_CLEAN | OSV_FOUND:
        return could_not_run(what, subject, ran)
    try:
        found = list(_osv_findings(json.loads(ran.out)))
    except (ValueError, KeyError, TypeError):
        return could_not_run(what, subject, ran)
    return _audit(what, subject, tuple(one for one in found if one.remedy), sum(not one.remedy for one in found))


def _audit(what: What, subject: str, findings: tuple[Finding, ...], without_remedy: int = 0) -> Audit:
    return Audit(
        what=what, state="found" if findings else "clean", subject=subject,
        detail=f"{len(findings)} found", findings=findings[:MOST_FINDINGS], without_remedy=without_remedy,
    )  # fmt: skip


def _zizmor_findings(document: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for one in document:
        place = one["locations"][0]["symbolic"]["key"]["Local"]["verbatim_path"]
        severity = one["determinations"]["severity"]
        yield Finding(what=f"{one['ident']} ({severity}): {one['desc']}", where=place, remedy=one["url"])


def _osv_findings(document: Mapping[str, Any]) -> Iterator[Finding]:
    """One finding for each package and advisory, even if several files name the package."""
    seen = set()
    for result in document.get("results") or []:
        for package in result.get("packages", []):
            about = package["package"]
            where = f"{about['name']} {about['version']}"
            for advisory in package.get("vulnerabilities", []):
                if (where, advisory["id"]) in seen:
                    continue
                seen.add((where, advisory["id"]))
                fixed = sorted(set(_fixed_versions(advisory, about["name"])))
                what = f"{advisory['id']}: {one_line(str(advisory.get('summary', '')), 200)}"
                yield Finding(what=what, where=where, remedy=f"fixed in {', '.join(fixed)}" if fixed else "")


def _fixed_versions(advisory: Mapping[str, Any], name: str) -> Iterator[str]:
    for affected in advisory.get("affected", []):
        if affected.get("package", {}).get("name") not in (name, None):
            continue
        for span in affected.get("ranges", []):
            if span.get("type") != "GIT":
                yield from (str(event["fixed"]) for event in span.get("events", []) if "fixed" in event)


def main(environment: Mapping[str, str] = os.environ, arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make audit-…", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("what", choices=["workflows", "dependencies", "image"])
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    parser.add_argument("--history", type=Path, default=Path("build/history"), help="default: build/history")
    asked = parser.parse_args(arguments)
    if asked.what == "workflows":
        audit = audit_workflows(environment)
    elif asked.what == "dependencies":
        audit = audit_dependencies(Path("requirements"), environment)
    else:
        audit = audit_image(image_of_production(asked.history, Path("Dockerfile").read_text(encoding="utf-8")))
    write_json(asked.build / f"audit-{audit.what}" / f"{audit.what}.json", audit)
    told = sys.stdout if audit.state == "clean" else sys.stderr
    for one in audit.findings:
        print(f"  {one_line(one.where)}: {one_line(one.what)} {one_line(one.remedy)}", file=told)
    print(f"audit-{audit.what}: {audit.state}. {one_line(audit.subject)}: {audit.detail}", file=told)
    return EXITS[audit.state]
