"""The export: the records of a window, whole, once, whichever process wrote them."""

import datetime as dt
import json
import zlib
from pathlib import Path

import pytest

from service.api.export import accepts_gzip
from testbed.clients import InProcess
from testbed.served_folders import ROW

NOON = dt.datetime(2026, 3, 23, 12, tzinfo=dt.UTC)


def write(folder: Path, name: str, *minutes: int) -> None:
    folder.mkdir(exist_ok=True)
    lines = ""
    for minute in minutes:
        at_us = int((NOON + dt.timedelta(minutes=minute)).timestamp() * 1e6)
        record = {"v": 1, "id": f"{minute:036d}".replace("-", "0"), "at_us": at_us, "model": "m"}
        lines += json.dumps(record, separators=(",", ":")) + "\n"
    (folder / name).write_text(lines)


def exported(service: InProcess, **window: str) -> list[str]:
    answer = service.get("/requests", params=window)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line)["id"][-2:] for line in answer.text.splitlines()]


def test_predictions_and_labels_come_as_they_are_stored(service: InProcess) -> None:
    identity = service.post("/predict", ROW).json()["id"]
    service.post("/feedback", {"labels": [{"id": identity, "actual": "no"}]})
    lines = service.get("/requests").text.splitlines()
    assert [json.loads(line) for line in lines] == service.records() + service.records("labels")


def test_the_window_begins_with_since_and_ends_before_until(service: InProcess) -> None:
    write(service.log, "predictions-a-1.jsonl", 0, 1, 2, 3)
    assert exported(service, since="2026-03-23T12:01:00Z", until="2026-03-23T12:03:00Z") == ["01", "02"]
    assert exported(service, since="2026-03-23T14:02:00+02:00") == ["02", "03"]
    assert exported(service, until="2026-03-23T12:01:00Z") == ["00"]


def test_every_process_of_the_folder_is_exported(service: InProcess) -> None:
    write(service.log, "predictions-a-1.jsonl", 1)
    write(service.log, "predictions-b-2.jsonl", 2)
    write(service.log, "labels-a-1.jsonl", 3)
    write(service.log, "shadow-a-1.jsonl", 4)
    assert exported(service) == ["01", "02", "03"]


def test_a_torn_line_is_left_out(service: InProcess) -> None:
    write(service.log, "predictions-a-1.jsonl", 1, 2)
    path = service.log / "predictions-a-1.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    with path.open("ab") as file:
        file.write(b'\n{"v":1,"id":"half\n')
    write(service.log, "predictions-b-1.jsonl", 3)
    with (service.log / "predictions-b-1.jsonl").open("ab") as file:
        file.write(b'{"v":1,"id":"torn')
    assert exported(service) == ["01", "03"]


def test_a_log_larger_than_a_chunk_comes_whole(service: InProcess) -> None:
    write(service.log, "predictions-a-1.jsonl", *range(20_000))
    assert len(exported(service)) == 20_000


def test_it_is_compressed_where_the_client_takes_gzip(service: InProcess) -> None:
    write(service.log, "predictions-a-1.jsonl", *range(1000))
    plain = service.get("/requests", headers={"accept-encoding": "identity"})
    packed = service.get("/requests", headers={"accept-encoding": "br, gzip;q=0.5"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert int(plain.headers.get("content-length", len(plain.content))) > 5 * len(zlib.compress(plain.content))


def test_an_empty_log_is_an_empty_answer(service: InProcess) -> None:
    assert service.get("/requests").content == b""


@pytest.mark.parametrize("window", [
    {"since": "yesterday"}, {"since": "2026-03-23"}, {"since": "2026-03-23T12:00:00"}, {"until": ""},
    {"since": "2026-13-01T00:00:00Z"}, {"since": "1795432365495637"}, {"since": "9999999-01-01T00:00:00Z"},
    {"since": "2026-03-23T12:00:00Z", "until": "2026-03-23T12:00:00Z"},
    {"since": "2026-03-24T12:00:00Z", "until": "2026-03-23T12:00:00Z"},
])  # fmt: skip
def test_a_window_that_is_none_is_refused(service: InProcess, window: dict[str, str]) -> None:
    answer = service.get("/requests", params=window)
    assert answer.status_code == 400
    assert answer.json()["type"].endswith(":bad-window")


@pytest.mark.parametrize(("header", "accepted"), [
    ("gzip", True), ("GZIP", True), ("deflate, gzip", True), ("gzip;q=0.1", True), ("gzip; q=1", True),
    ("", False), ("identity", False), ("gzip;q=0", False), ("gzip;q=0.00", False), ("gzippy", False), ("br", False),
])  # fmt: skip
def test_gzip_is_used_only_where_it_is_accepted(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
