"""The site: what production runs and why, from build/ alone or from a history; never more than what is true."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.exits import Exit
from contracts.model_folder import read_card
from contracts.schema import write_json
from contracts.stage import Build
from reports.site.build import build_site, main
from reports.site.first_page import link_of_commit, link_of_image
from reports.site.history.drill_tables import read_drill_tables
from reports.site.history.folder import JSON_BYTES
from reports.site.history.workflow_run import workflow_run
from reports.words.verdict import rejection
from tests.reports.records import drift_verdict, write_record
from tests.reports.run_histories import GITHUB, append, complete_run, write_drills, write_run_history

LINK = re.compile(r'(?:href|src)="([^"]+)"')
SINCE = re.compile(r'In production since <time datetime="([^"]+)"')
UNREADABLE = re.compile(r"(\d+) entr(?:y|ies) could not be read")


def site(root: Path, environment: dict[str, str] | None = None, *, history: bool = True) -> str:
    folder = root / "history" if history else None
    return build_site("flights", Build(root / "build"), folder, environment or {}).read_text(encoding="utf-8")


def test_from_build_alone_it_shows_this_run_and_what_it_put_into_production(tmp_path: Path) -> None:
    build = complete_run(tmp_path / "build")
    page = site(tmp_path, history=False)
    for text in (
        "In production since",
        "A sentence about carrier.",
        "0.7400",
        "2.50 ms",
        "One run so far",
        read_card(build.challenger).data_digest,
    ):
        assert text in page


def test_a_challenger_that_waits_is_not_shown_as_production(tmp_path: Path) -> None:
    complete_run(tmp_path / "build", promote=False)
    page = site(tmp_path, history=False)
    assert not SINCE.search(page)
    assert f"Rejected: {rejection(None, ('floor',))}" in page


def test_on_a_laptop_production_is_the_champions_folder(tmp_path: Path) -> None:
    build = complete_run(tmp_path / "build", promote=False)
    card = json.loads((build.challenger / "model.json").read_text()) | {"estimator": "an_earlier_model"}
    build.champion.mkdir()
    (build.champion / "model.json").write_text(json.dumps(card))
    page = site(tmp_path, history=False)
    assert "an_earlier_model" in page
    assert SINCE.search(page)


def test_with_a_history_production_is_the_last_deploy_and_not_the_last_run(tmp_path: Path) -> None:
    write_run_history(tmp_path / "history", tmp_path / "past", 2)
    page = site(tmp_path)
    assert SINCE.findall(page) == ["2026-01-01T05:17:00Z"]
    assert f"Rejected: {rejection(None, ('floor',))}" in page
    assert 'href="https://github.com/acme/flights/actions/runs/1000/attempts/1"' in page
    assert 'href="https://hub.docker.com/r/acme/flights"' in page
    assert f'href="https://github.com/acme/flights/commit/{"0" * 40}"' in page


def test_after_a_rollback_production_is_the_earlier_image_with_its_own_decision(tmp_path: Path) -> None:
    write_run_history(tmp_path / "history", tmp_path / "past", 2)
    build = Build(tmp_path / "rollback")
    write_record(build, "deploy")
    rollout = {"image": "acme/flights@sha256:" + "2" * 64, "exit_code": 0, "reason": "Latency doubled."}
    (build.stage("deploy") / "rollout.json").write_text(json.dumps(rollout))
    append(tmp_path / "history", build, 5, "rollback")
    page = site(tmp_path)
    assert "by a rollback" in page
    assert "Latency doubled." in page
    assert "0.7400" in page


def test_a_failed_rollback_changes_nothing_in_production(tmp_path: Path) -> None:
    write_run_history(tmp_path / "history", tmp_path / "past", 1)
    build = Build(tmp_path / "rollback")
    write_record(build, "deploy", 1, "The host did not answer.")
    (build.stage("deploy") / "rollout.json").write_text('{"image": "acme/flights@sha256:9", "exit_code": 1}')
    append(tmp_path / "history", build, 5, "rollback")
    page = site(tmp_path)
    assert SINCE.findall(page) == ["2026-01-01T05:17:00Z"]
    assert '<b class="bad">ready</b> at deploy' in page or "failed" in page


def test_every_link_leads_to_a_file_of_the_site_or_to_a_plain_address(tmp_path: Path) -> None:
    write_run_history(tmp_path / "history", tmp_path / "past", 9)
    page = build_site("flights", Build(tmp_path / "build"), tmp_path / "history", GITHUB)
    for path in page.parent.rglob("index.html"):
        for link in LINK.findall(path.read_text(encoding="utf-8")):
            if not link.startswith(("https://", "data:,")):
                target = (path.parent / link).resolve()
                assert target.is_file(), (path, link)
                assert target.is_relative_to(page.parent.resolve())


def test_only_files_that_a_page_needs_are_published(tmp_path: Path) -> None:
    write_run_history(tmp_path / "history", tmp_path / "past", 1)
    (kept,) = (tmp_path / "history" / "kept").glob("*-run-*")
    (kept / "credentials").write_text("secret")
    (kept / "drift" / "evil.html").write_text("<script>")
    site(tmp_path)
    published = {path.name for path in (tmp_path / "build" / "site").rglob("*")}
    assert not published & {"credentials", "evil.html", "history"}


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(JSON_BYTES + 1)


def fold(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [link, grow, fold])
@pytest.mark.parametrize("name", ["drift/evidently.html", "drift/verdict.json", "train/model/model.json"])
def test_a_kept_run_with_a_file_that_no_job_keeps_is_not_published_and_named(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    write_run_history(tmp_path / "history", tmp_path / "past", 2)
    *_, kept = sorted((tmp_path / "history" / "kept").glob("*-run-*"))
    damage(kept / name)
    page = site(tmp_path)
    assert UNREADABLE.findall(page) == ["1"]
    assert f"kept/{kept.name}" in page
    published = tmp_path / "build" / "site" / "runs"
    assert not (published / kept.name).exists()
    assert len(list(published.glob("*-run-*/report/index.html"))) == 1


def test_a_name_that_is_not_utf_8_is_announced_too(tmp_path: Path) -> None:
    write_run_history(tmp_path / "history", tmp_path / "past", 2)
    (tmp_path / "history" / "runs" / "2026" / os.fsdecode(b"caf\xe9.json")).write_text("{}")
    assert UNREADABLE.findall(site(tmp_path)) == ["1"]


def test_an_entry_that_cannot_be_read_is_announced(tmp_path: Path) -> None:
    write_run_history(tmp_path / "history", tmp_path / "past", 2)
    (tmp_path / "history" / "runs" / "2026" / "20260102T051700Z-run-1010-1.json").write_text("{")
    assert UNREADABLE.findall(site(tmp_path)) == ["1"]


def test_a_year_of_runs_is_a_page_of_less_than_two_megabytes(tmp_path: Path) -> None:
    write_run_history(tmp_path / "history", tmp_path / "past", 30)
    entries = sorted((tmp_path / "history" / "runs").glob("*/*.json"))
    for year in range(27, 40):
        for path in entries:
            text = path.read_text().replace('"2026-', f'"20{year}-').replace('"2026', f'"20{year}')
            copy = path.parents[1] / f"20{year}" / path.name.replace("2026", f"20{year}", 1)
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(text)
    page = site(tmp_path)
    assert "840 runs since 2026-01-01" in page
    assert not UNREADABLE.search(page)
    assert len(page.encode()) < 2_000_000


def test_the_site_is_the_same_bytes_for_the_same_history(tmp_path: Path) -> None:
    write_run_history(tmp_path / "history", tmp_path / "past", 3)
    assert site(tmp_path) == site(tmp_path)


def test_drills_that_did_not_go_as_planned_are_shown_open(tmp_path: Path) -> None:
    complete_run(tmp_path / "build")
    write_drills(tmp_path / "build" / "drills", passed=False)
    page = site(tmp_path, history=False)
    assert '<b class="bad">0 of 2</b>' in page
    assert "not as planned" in page


def test_the_last_drills_travel_with_the_history(tmp_path: Path) -> None:
    write_run_history(tmp_path / "history", tmp_path / "past", 1)
    page = site(tmp_path)
    assert '<b class="good">2 of 2</b>' in page
    assert "False alarms, carrier" in page


def test_a_table_of_drills_that_does_not_fit_is_named(tmp_path: Path) -> None:
    write_drills(tmp_path)
    (tmp_path / "drills.json").write_text("[]")
    (tmp_path / "rates" / "drift.json").write_text('{"rows": []}')
    assert read_drill_tables(tmp_path).unreadable == ("drills.json", "drift.json")


def test_rates_of_another_form_become_tables_with_their_notes(tmp_path: Path) -> None:
    cells = [{"pair": "another seed", "draws": 40, "promoted": {"gate": 38, "new >= old": 22}}]
    (tmp_path / "gate.json").write_text(json.dumps({"margin": 0.01, "metric": "roc_auc", "cells": cells}))
    (table,) = read_drill_tables(tmp_path / "none", tmp_path).rates
    assert (table.title, table.note) == ("Rates measured, gate: cells", "margin 0.01, metric roc_auc")
    assert table.columns == ("pair", "draws", "promoted gate", "promoted new >= old")
    assert table.rows == (("another seed", 40, 38, 22),)


def test_the_rates_that_were_measured_are_all_shown() -> None:
    seen = read_drill_tables(Path("nowhere"), Path(__file__).parents[3] / "drills" / "rates")
    assert seen.unreadable == ()
    assert {table.title.split()[2].strip(":") for table in seen.rates} >= {"clean", "gate", "load", "drift"}


def test_labels_that_came_in_are_shown_as_performance(tmp_path: Path) -> None:
    for day, value in enumerate((0.71, 0.69)):
        watch = Build(tmp_path / str(day))
        write_record(watch, "drift")
        seen = {"metric": "roc_auc", "labels": 3210, "reference": 0.74, "current": value}
        verdict = drift_verdict("sha256:" + "a" * 64).model_dump() | {"performance": seen}
        write_json(watch.stage("drift") / "verdict.json", type(drift_verdict("x")).model_validate(verdict))
        append(tmp_path / "history", watch, day, "drift")
    page = site(tmp_path)
    assert "in production: roc_auc" in page
    assert "3,210 labels" in page


@pytest.mark.parametrize("commit", ["0" * 39, "0" * 40 + "-dirty", "../" + "0" * 40, "0" * 40 + "\n"])
def test_only_a_clean_commit_has_a_link(commit: str) -> None:
    run = workflow_run(GITHUB)
    assert link_of_commit(run, "0" * 40) == "https://github.com/acme/flights/commit/" + "0" * 40
    assert link_of_commit(run, commit) == ""
    assert link_of_commit(None, "0" * 40) == ""


@pytest.mark.parametrize(
    ("reference", "link"),
    [
        ("acme/flights@sha256:" + "1" * 64, "https://hub.docker.com/r/acme/flights"),
        ("docker.io/acme/flights@sha256:" + "1" * 64, "https://hub.docker.com/r/acme/flights"),
        ("localhost:5000/acme/flights@sha256:" + "1" * 64, ""),
        ("ghcr.io/acme/flights@sha256:" + "1" * 64, ""),
        ("acme/flights:latest", ""),
        ('acme/flights"x@sha256:' + "1" * 64, ""),
    ],
)
def test_only_an_image_on_docker_hub_has_a_link(reference: str, link: str) -> None:
    assert link_of_image(reference) == link


def test_the_command_writes_the_site_and_says_its_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build = complete_run(tmp_path / "build")
    assert main(["--build", str(build.root)]) is Exit.PASS
    assert "kB" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "said"), [([], "make pipeline"), (["--history", "gone"], "gone is no folder")])
def test_nothing_to_show_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["--build", str(tmp_path), *arguments]) is Exit.USAGE
    assert said in capsys.readouterr().err
