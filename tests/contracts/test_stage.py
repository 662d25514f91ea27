"""How a stage ends: its exit code and its record."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.exits import Exit, FindingError, OutsideError, UsageError
from contracts.schema import MOST_JSON_BYTES, Schema, read_json, read_outside_json, write_json
from contracts.stage import Build, Context, Outcome, StageRecord, execute
from tests.refusals import refuses

CONFIG = Path("pipeline.toml")


class Note(Schema):
    text: str


def raises(error: BaseException) -> Callable[[Context], Outcome]:
    def work(_: Context) -> Outcome:
        raise error

    return work


def test_a_stage_that_passes_leaves_its_record(tmp_path: Path) -> None:
    code = execute("data", CONFIG, Build(tmp_path), lambda _: Outcome("ready", "3 rows"))
    record = json.loads((tmp_path / "data" / "stage.json").read_text())
    assert code == Exit.PASS
    assert (record["verdict"], record["headline"], record["exit_code"]) == ("ready", "3 rows", 0)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no such column"), Exit.USAGE),
        (FindingError("one class only"), Exit.FINDING),
        (ZeroDivisionError("by zero"), Exit.CRASH),
    ],
)
def test_each_kind_of_failure_has_its_code(tmp_path: Path, error: Exception, code: Exit) -> None:
    assert execute("data", CONFIG, Build(tmp_path), raises(error)) == code
    record = json.loads((tmp_path / "data" / "stage.json").read_text())
    assert record["exit_code"] == code
    assert str(error) in record["headline"]


@pytest.mark.parametrize(("kept", "now"), [("watch", "scheduled-drift"), ("drift", "drift")])
def test_a_record_with_the_old_name_of_a_stage_is_read(kept: str, now: str) -> None:
    record = {"exit_code": 0, "verdict": "stable", "headline": "", "seconds": 1.0, "peak_mb": 1.0}
    assert StageRecord.model_validate(record | {"stage": kept}).stage == now


def test_the_code_of_a_refusal_is_kept_beside_its_sentence(tmp_path: Path) -> None:
    execute("data", CONFIG, Build(tmp_path), raises(UsageError("There is no such column.", code="no-column")))
    assert json.loads((tmp_path / "data" / "stage.json").read_text())["code"] == "no-column"


def test_a_users_mistake_shows_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    execute("data", CONFIG, Build(tmp_path), raises(UsageError("sentence")))
    assert capsys.readouterr().err == "data: unusable. sentence\n"


def test_an_engine_that_fails_is_a_crash_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute("data", CONFIG, Build(tmp_path), raises(OutsideError("sentence"))) == Exit.CRASH
    assert capsys.readouterr().err == "data: failed. sentence\n"


def test_a_stage_that_is_interrupted_did_not_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute("data", CONFIG, Build(tmp_path), raises(KeyboardInterrupt())) == Exit.CRASH
    assert "Traceback" not in capsys.readouterr().err


def test_a_stage_starts_with_an_empty_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "old.json").write_text("{}")
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "kept.json").write_text("{}")
    execute("data", CONFIG, Build(tmp_path), lambda _: Outcome("ready", ""))
    assert not (tmp_path / "data" / "old.json").exists()
    assert (tmp_path / "train" / "kept.json").exists()


def test_a_broken_configuration_is_a_usage_error(tmp_path: Path) -> None:
    code = execute("data", tmp_path / "absent.toml", Build(tmp_path), lambda _: Outcome("ready", ""))
    assert code == Exit.USAGE


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_json(tmp_path / "note.json", Note(text="<ä>"))
    assert read_json(tmp_path / "note.json", Note, "make data") == Note(text="<ä>")
    assert [path.name for path in tmp_path.iterdir()] == ["note.json"]


@pytest.mark.parametrize("content", ["", "{}", '{"text": 1}', '{"text": "a", "more": 1}', '{"text": '])
def test_a_file_that_does_not_fit_is_refused_with_its_maker(tmp_path: Path, content: str) -> None:
    (tmp_path / "note.json").write_text(content)
    with refuses(UsageError, "unreadable", "`make data`"):
        read_json(tmp_path / "note.json", Note, "make data")


def test_an_absent_file_is_refused_with_its_maker(tmp_path: Path) -> None:
    with refuses(UsageError, "not-there", "`make data`"):
        read_json(tmp_path / "note.json", Note, "make data")


HALF = "\ud800"  # half of a surrogate pair, which cannot be written as UTF-8


@pytest.mark.parametrize(
    "error",
    [UsageError(f"load {HALF} raised"), FindingError(f"{HALF}"), OutsideError(f"{HALF} "), ValueError(f"a {HALF}b")],
)
def test_a_reason_with_half_of_a_surrogate_pair_is_recorded(tmp_path: Path, error: Exception) -> None:
    execute("data", CONFIG, Build(tmp_path), raises(error))
    record = read_json(tmp_path / "data" / "stage.json", StageRecord, "make data")
    assert str(error).replace(HALF, "\ufffd") in record.headline


def test_a_file_keeps_every_other_sign(tmp_path: Path) -> None:
    write_json(tmp_path / "note.json", Note(text=f"{HALF}Łódź 👩‍👩‍👧\0\x1b"))
    assert read_json(tmp_path / "note.json", Note, "make note").text == "\ufffdŁódź 👩‍👩‍👧\0\x1b"


def test_a_file_that_no_other_job_would_read_is_not_written(tmp_path: Path) -> None:
    with refuses(UsageError, "too-large"):
        write_json(tmp_path / "note.json", Note(text="x" * MOST_JSON_BYTES))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "code"), [("note.json/below", "not-there"), ("folder", "unreadable"), ("loop", "unreadable")]
)
def test_what_cannot_be_read_is_a_usage_error(tmp_path: Path, place: str, code: str) -> None:
    (tmp_path / "note.json").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with refuses(UsageError, code):
        read_json(tmp_path / place, Note, "make note")
    with refuses(UsageError, code if place.startswith("note") else "no-plain-file"):
        read_outside_json(tmp_path / place, Note, "make note", 100)


@pytest.mark.parametrize("place", ["a file", "a link to itself", "nowhere that can be written to"])
def test_a_build_folder_that_cannot_be_made_is_a_usage_error(
    tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "a link to itself").symlink_to(tmp_path / "a link to itself")
    root = Path("/proc/1") if place.startswith("nowhere") else tmp_path / place
    assert execute("data", CONFIG, Build(root), lambda _: Outcome("ready", "")) == Exit.USAGE
    assert "data: unusable. " in capsys.readouterr().err


@pytest.mark.parametrize("argument", ["config", "build"])
def test_a_path_that_is_not_utf_8_is_a_usage_error(tmp_path: Path, argument: str) -> None:
    odd = tmp_path / os.fsdecode(b"a\xff")
    config, build = (odd, tmp_path) if argument == "config" else (CONFIG, odd)
    assert execute("data", config, Build(build), lambda _: Outcome("ready", "")) == Exit.USAGE
    record = read_json(build / "data" / "stage.json", StageRecord, "make data")
    assert record.code == "path-not-utf-8"
