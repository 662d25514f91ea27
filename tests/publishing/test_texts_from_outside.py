"""The corpus of hostile texts through every command of the room: nothing runs, and everything shows as it was typed."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options

from contracts.exits import Exit
from contracts.release import Champion
from contracts.schema import write_json
from contracts.stage import Build
from publishing import comment, job_summary, recorded_releases
from publishing.audit import Audit, Finding
from publishing.issues import drift_issue, security_issue
from reports.page.summary import render_summary
from reports.results import read_results
from tests.payloads import PAYLOADS
from tests.publishing.builds import DIGEST, write_drift, write_record, write_run
from tests.publishing.github_server import GitHub
from tests.repository.test_promises import ROOT

OURS = {"table", "thead", "tbody", "tr", "th", "td", "p", "h2", "h3", "strong", "sub", "ul", "li", "blockquote", "a",
        "code", "pre", "details", "summary"}  # fmt: skip
# What make expands, what a shell expands, and what ends a quotation of either kind: each would leave its mark.
HOSTILE = "$(shell touch {pwned})`touch {pwned}`$$(touch {pwned})\"; touch {pwned} #'; touch {pwned} #"


class Shown(HTMLParser):
    """What GitHub makes of Markdown: its tags, the places it links to, and its text."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.text = ""
        self.in_code = False
        self.feed(github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.in_code |= tag == "pre"
        self.links |= {value or "" for name, value in attributes if name in ("href", "src")}

    def handle_endtag(self, tag: str) -> None:
        self.in_code &= tag != "pre"

    def handle_data(self, data: str) -> None:
        self.text += "" if self.in_code else data  # GitHub makes no links in a block of code


def assert_harmless(markdown: str) -> None:
    shown = Shown(markdown)
    assert shown.tags <= OURS, shown.tags - OURS
    assert {link for link in shown.links if not link.startswith("https://github.example/someone/flights/")} == set()
    assert not re.search(r"@(?!sha256:)\w|(?<!\w)#\d|\bGH-\d|https?://(?!github\.example)", shown.text)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_in_the_comment(payload: str, tmp_path: Path, github: GitHub, pull_request_job: dict[str, str]) -> None:
    github.pull(7, payload)
    build = write_run(tmp_path / "build", payload)
    write_record(build, "evaluate", payload, exit_code=3, verdict=payload)
    assert comment.main(pull_request_job, ["--build", str(build.root)]) is Exit.PASS
    assert_harmless(github.comments[0]["body"])


@pytest.mark.parametrize("payload", PAYLOADS)
def test_in_the_issue_about_drift(payload: str, tmp_path: Path, github: GitHub, job: dict[str, str]) -> None:
    write_record(Build(tmp_path), "drift", payload, exit_code=3, verdict=payload)
    write_drift(Build(tmp_path), payload)
    assert drift_issue.main(job, ["--build", str(tmp_path)]) is Exit.PASS
    assert_harmless(github.issues[0]["body"])


@pytest.mark.parametrize("payload", PAYLOADS)
def test_in_the_issue_about_drift_without_requests(
    payload: str, tmp_path: Path, github: GitHub, job: dict[str, str]
) -> None:
    write_record(Build(tmp_path), "requests", payload, exit_code=2, verdict=payload)
    assert drift_issue.main(job, ["--build", str(tmp_path)]) is Exit.PASS
    assert_harmless(github.issues[0]["body"])


@pytest.mark.parametrize("payload", PAYLOADS)
def test_in_the_issue_about_security(payload: str, tmp_path: Path, github: GitHub, job: dict[str, str]) -> None:
    finding = Finding(what=payload, where=payload, remedy=payload)
    audit = Audit(what="image", state="found", subject=payload, detail=payload, findings=(finding,))
    write_json(tmp_path / "audit-image" / "image.json", audit)
    assert security_issue.main(job, ["--build", str(tmp_path)]) is Exit.PASS
    assert_harmless(github.issues[0]["body"])


@pytest.mark.parametrize("payload", PAYLOADS)
def test_on_the_runs_page(payload: str, tmp_path: Path) -> None:
    build = write_run(tmp_path / "build", payload)
    (build.root / "report").mkdir()
    (build.root / "report" / "summary.md").write_text(render_summary(read_results(build)))
    page = tmp_path / "page.md"
    assert job_summary.main({"GITHUB_STEP_SUMMARY": str(page)}, ["--build", str(build.root)]) is Exit.PASS
    assert_harmless(page.read_text())


@pytest.mark.parametrize("payload", PAYLOADS)
def test_in_the_list_of_releases(payload: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(tmp_path / "champion.json", Champion(model=DIGEST, image=payload, commit=payload))
    entry = {
        "id": "20261123T111300Z-run-1", "at": "2026-11-23T11:13:00Z", "event": "run", "stages": [],
        "deployed": {"model": DIGEST, "previous": "", "reason": payload, "image": f"{payload}@sha256:{1:064x}"},
    }  # fmt: skip
    path = tmp_path / "runs" / "2026" / "20261123T111300Z-run-1.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(entry))
    page = tmp_path / "page.md"
    assert recorded_releases.main({"GITHUB_STEP_SUMMARY": str(page)}, ["--history", str(tmp_path)]) is Exit.PASS
    assert "runs now" in capsys.readouterr().out
    assert_harmless(page.read_text())


@pytest.mark.parametrize("payload", PAYLOADS)
def test_in_a_jobs_log_no_line_begins_with_a_command(
    payload: str, tmp_path: Path, job: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(job["GITHUB_EVENT_PATH"]).write_text(json.dumps({"pull_request": {"number": payload}}))
    for main in (comment.main, drift_issue.main, security_issue.main):
        main(job | {"GITHUB_REF_NAME": payload}, ["--build", str(tmp_path)])
    said = capsys.readouterr()
    assert not re.search(r"^::", said.out + said.err, re.M)
    assert len((said.out + said.err).splitlines()) == 3


@pytest.mark.parametrize(
    ("target", "variables"),
    [
        ("scope", ["BASE", "FULL", "AS_OF", "HISTORY"]),
        ("outcome", ["NEEDS"]),
        ("as-of", ["AS_OF"]),
        ("rollback-release", ["IMAGE"]),
        ("champion", ["CHAMPION", "IMAGE_REPOSITORY", "HISTORY"]),
        ("publish-image", ["PUSH_TO"]),
        ("comment", ["GITHUB_REF_NAME", "GITHUB_REPOSITORY", "GITHUB_HEAD_REF", "RUN_TITLE"]),
        ("retrain-pr", ["GITHUB_REPOSITORY", "GITHUB_API_URL"]),
        ("push-history", ["HISTORY", "GITHUB_RUN_ID"]),
        ("recorded-releases", ["HISTORY"]),
        ("history", ["HISTORY", "EVENT", "RUN_TITLE"]),
        ("site", ["HISTORY"]),
        ("deploy", ["IMAGE"]),
        ("rollback", ["IMAGE"]),
        ("rehearse", ["CHAMPION"]),
        ("push", ["REPOSITORY"]),
        ("requests", ["REQUESTS_URL", "REQUESTS_KEY"]),
        ("scheduled-drift", ["HISTORY"]),
        ("retrain", ["HISTORY"]),
    ],
)
def test_make_hands_a_variable_on_without_reading_it(target: str, variables: list[str], tmp_path: Path) -> None:
    """Through the real Makefile and shell: a value is data, whatever is in it."""
    pwned = tmp_path / "pwned"
    hostile = HOSTILE.format(pwned=pwned)
    environment = os.environ | dict.fromkeys(variables, hostile) | {"VENV": str(Path(sys.executable).parents[1])}
    command = ["make", "--file", str(ROOT / "Makefile"), f"BUILD={tmp_path / 'build'}", target]
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert not pwned.exists()
