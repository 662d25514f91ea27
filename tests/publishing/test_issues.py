"""The tracking issues: found, clean, could not run and undecided, each for drift and for security."""

from pathlib import Path

import pytest

from contracts.exits import Exit
from contracts.schema import write_json
from contracts.stage import Build
from publishing.audit import Audit, AuditState, Finding, What
from publishing.issues import drift_issue, security_issue
from tests.publishing.builds import write_drift, write_record
from tests.publishing.github_server import Fault, GitHub, asked

AUDITS: tuple[What, ...] = ("workflows", "dependencies", "image")


def drift(folder: Path, job: dict[str, str]) -> Exit:
    return drift_issue.main(job, ["--build", str(folder)])


def security(folder: Path, job: dict[str, str]) -> Exit:
    return security_issue.main(job, ["--build", str(folder)])


def found(folder: Path, text: str = "temp") -> None:
    write_record(Build(folder), "drift", "2 of 15 columns", exit_code=3, verdict="drift")
    write_drift(Build(folder), text)


def stable(folder: Path) -> None:
    write_record(Build(folder), "drift", "nothing moved", verdict="stable")
    write_drift(Build(folder), state="stable")


def audits(folder: Path, **states: AuditState) -> None:
    for what in AUDITS:
        state = states.get(what, "clean")
        findings = (Finding(what="CVE-1: bad", where="numpy 2.2", remedy="fixed in 2.3"),) if state == "found" else ()
        audit = Audit(what=what, state=state, subject=what, detail="told", findings=findings)
        write_json(folder / f"audit-{what}" / f"{what}.json", audit)


def test_drift_opens_one_issue_and_updates_it(tmp_path: Path, github: GitHub, job: dict[str, str]) -> None:
    found(tmp_path)
    assert drift(tmp_path, job) is Exit.PASS
    found(tmp_path, "dewp")
    assert drift(tmp_path, job) is Exit.PASS
    assert [one["title"] for one in github.issues] == ["Drift in production"]
    assert "dewp" in github.issues[0]["body"]
    assert github.issues[0]["labels"] == [{"name": "drift", "url": f"{github.url}/labels/drift"}]
    assert github.labels == ["drift"]


def test_stability_closes_the_issue_and_says_so(tmp_path: Path, github: GitHub, job: dict[str, str]) -> None:
    found(tmp_path)
    assert drift(tmp_path, job) is Exit.PASS
    stable(tmp_path)
    assert drift(tmp_path, job) is Exit.PASS
    assert github.issues[0]["state"] == "closed"
    assert github.issues[0]["state_reason"] == "completed"
    assert "stable" in github.issue_comments[-1][1]


def test_a_new_finding_after_a_close_is_a_new_issue(tmp_path: Path, github: GitHub, job: dict[str, str]) -> None:
    for write in (found, stable, found):
        write(tmp_path)
        assert drift(tmp_path, job) is Exit.PASS
    assert [one["state"] for one in github.issues] == ["closed", "open"]


def test_stability_without_an_issue_writes_nothing(tmp_path: Path, github: GitHub, job: dict[str, str]) -> None:
    stable(tmp_path)
    assert drift(tmp_path, job) is Exit.PASS
    assert {method for method, _ in github.requests} == {"GET"}


def test_a_run_that_left_nothing_is_not_taken_for_stable(tmp_path: Path, github: GitHub, job: dict[str, str]) -> None:
    assert drift(tmp_path, job) is Exit.PASS
    assert github.issues[0]["title"] == drift_issue.TOPIC.title_could_not_run
    assert "not known" in github.issues[0]["body"]
    assert "make" not in github.issues[0]["body"]


def test_requests_that_could_not_be_fetched_are_the_reason_that_the_issue_gives(
    tmp_path: Path, github: GitHub, job: dict[str, str]
) -> None:
    write_record(Build(tmp_path), "requests", "the key is refused", exit_code=2, verdict="unusable")
    assert drift(tmp_path, job) is Exit.PASS
    assert github.issues[0]["title"] == drift_issue.TOPIC.title_could_not_run
    assert "from `make requests`: the key is refused." in github.issues[0]["body"]


@pytest.mark.parametrize("exit_code", [1, 2])
def test_a_run_that_crashed_does_not_close_an_open_issue(
    tmp_path: Path, github: GitHub, job: dict[str, str], exit_code: int
) -> None:
    found(tmp_path)
    assert drift(tmp_path, job) is Exit.PASS
    write_record(Build(tmp_path), "drift", "no answer", exit_code=exit_code, verdict="crashed")
    assert drift(tmp_path, job) is Exit.PASS
    assert [(one["state"], one["title"]) for one in github.issues] == [("open", drift_issue.TOPIC.title_could_not_run)]
    assert len(github.issue_comments) == 1


@pytest.mark.parametrize("content", ["", "{}", '{"state": "stable"}', "[" * 5000])
def test_a_verdict_that_fits_no_schema_is_not_taken_for_stable(
    tmp_path: Path, github: GitHub, job: dict[str, str], content: str
) -> None:
    stable(tmp_path)
    (tmp_path / "drift" / "verdict.json").write_text(content)
    assert drift(tmp_path, job) is Exit.PASS
    assert github.issues[0]["title"] == drift_issue.TOPIC.title_could_not_run


def test_too_little_to_tell_neither_opens_nor_closes(tmp_path: Path, github: GitHub, job: dict[str, str]) -> None:
    write_record(Build(tmp_path), "drift", "too few", verdict="insufficient")
    write_drift(Build(tmp_path), state="insufficient")
    assert drift(tmp_path, job) is Exit.PASS
    assert github.issues == []
    found(tmp_path)
    assert drift(tmp_path, job) is Exit.PASS
    write_record(Build(tmp_path), "drift", "too few", verdict="insufficient")
    write_drift(Build(tmp_path), state="insufficient")
    assert drift(tmp_path, job) is Exit.PASS
    assert [one["state"] for one in github.issues] == ["open"]


def test_an_issue_of_a_person_and_a_pull_request_are_left_alone(
    tmp_path: Path, github: GitHub, job: dict[str, str]
) -> None:
    marker = drift_issue.TOPIC.marker
    theirs = github.issue("mine", f"{marker}\nx", ["drift"], author="a-person")
    github.issue("a change", f"{marker}\nx", ["drift"], pull_request={"url": "https://x/pulls/2"})
    stable(tmp_path)
    assert drift(tmp_path, job) is Exit.PASS
    assert [one["state"] for one in github.issues] == ["open", "open"]
    assert theirs["body"] == f"{marker}\nx"


def test_the_issue_is_found_on_a_later_page_and_its_twin_closed(
    tmp_path: Path, github: GitHub, job: dict[str, str]
) -> None:
    for number in range(3):
        github.issue(f"other {number}", "by hand", ["drift"], author="a-person")
    marker = drift_issue.TOPIC.marker
    first = github.issue("Drift in production", f"{marker}\nold", ["drift"])
    twin = github.issue("Drift in production", f"{marker}\nold", ["drift"])
    found(tmp_path)
    assert drift(tmp_path, job) is Exit.PASS
    assert (first["state"], twin["state"]) == ("open", "closed")
    assert len(github.issues) == 5
    assert len(asked(github, "GET", "/issues")) == 3


def test_a_label_that_is_there_is_no_error(tmp_path: Path, github: GitHub, job: dict[str, str]) -> None:
    github.labels.append("drift")
    found(tmp_path)
    assert drift(tmp_path, job) is Exit.PASS
    assert len(github.issues) == 1


def test_issues_switched_off_end_the_job(
    tmp_path: Path, github: GitHub, job: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    github.faults = [Fault("GET", "/issues", 410, {"message": "Issues are disabled for this repo"})]
    found(tmp_path)
    assert drift(tmp_path, job) is Exit.CRASH
    assert "switched off" in capsys.readouterr().err


def test_security_has_one_issue_for_three_audits(tmp_path: Path, github: GitHub, job: dict[str, str]) -> None:
    audits(tmp_path, dependencies="found")
    assert security(tmp_path, job) is Exit.PASS
    assert [one["title"] for one in github.issues] == [security_issue.TOPIC.title_found]
    assert "numpy 2.2" in github.issues[0]["body"]
    audits(tmp_path)
    assert security(tmp_path, job) is Exit.PASS
    assert github.issues[0]["state"] == "closed"


def test_one_audit_that_could_not_run_keeps_the_issue_open(tmp_path: Path, github: GitHub, job: dict[str, str]) -> None:
    audits(tmp_path, image="could not run")
    assert security(tmp_path, job) is Exit.PASS
    assert github.issues[0]["title"] == security_issue.TOPIC.title_could_not_run
    (tmp_path / "audit-image" / "image.json").unlink()
    assert security(tmp_path, job) is Exit.PASS
    assert [(one["state"], one["title"]) for one in github.issues] == [
        ("open", security_issue.TOPIC.title_could_not_run)
    ]


def test_what_was_found_counts_for_more_than_what_could_not_run(
    tmp_path: Path, github: GitHub, job: dict[str, str]
) -> None:
    audits(tmp_path, image="could not run", workflows="found")
    assert security(tmp_path, job) is Exit.PASS
    assert github.issues[0]["title"] == security_issue.TOPIC.title_found


def test_an_audit_that_speaks_of_another_question_could_not_run(
    tmp_path: Path, github: GitHub, job: dict[str, str]
) -> None:
    audits(tmp_path)
    audit = tmp_path / "audit-image" / "image.json"
    audit.write_text((tmp_path / "audit-workflows" / "workflows.json").read_text())
    assert security(tmp_path, job) is Exit.PASS
    assert github.issues[0]["title"] == security_issue.TOPIC.title_could_not_run
