"""Labels: each gets its outcome, is counted, and is kept only where it belongs to a prediction."""

import datetime as dt
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from contracts.request_log import ANY_KEY, LabelRecord
from testbed.clients import InProcess
from testbed.served_folders import ROW, write_folder
from tests.service.log.test_writer import disk_full_after

NEVER_MADE = "01a20810-28ff-7abe-9eb0-0fe602519762"


def predicted(service: InProcess, **headers: str) -> str:
    return str(service.post("/predict", ROW, **headers).json()["id"])


def outcomes(service: InProcess, *labels: Any, **headers: str) -> list[str]:
    answer = service.post("/feedback", {"labels": list(labels)}, **headers)
    assert answer.status_code == 202
    content = answer.json()
    assert content["recorded"] == content["outcomes"].count("recorded")
    return list(content["outcomes"])


def test_a_label_that_the_disk_refuses_is_not_said_to_be_recorded(service: InProcess) -> None:
    label = {"id": predicted(service), "actual": "no"}
    with disk_full_after(0):
        answer = service.post("/feedback", {"labels": [label]})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert service.metric("log_records_dropped_total", log="labels") == 1
    assert service.metric("feedback_total", outcome="recorded") == 0
    assert outcomes(service, label) == ["recorded"]


def test_a_label_of_a_prediction_is_recorded(service: InProcess) -> None:
    identity = predicted(service)
    now_us = time.time_ns() // 1000
    assert outcomes(service, {"id": identity, "actual": "no", "observed_us": now_us}) == ["recorded"]
    (line,) = service.records("labels")
    record = LabelRecord.model_validate(line)
    assert (record.id, record.actual, record.observed_us) == (identity, "no", now_us)
    assert service.metric("feedback_total", outcome="recorded") == 1
    assert service.metric("last_feedback_timestamp_seconds") == pytest.approx(time.time(), abs=60)


def test_labels_of_derived_ids_and_of_batches_are_recorded(service: InProcess) -> None:
    batch = service.post("/predict/batch", {"rows": [ROW] * 3}).json()["predictions"]
    identities = [one["id"] for one in batch] + [predicted(service, idempotency_key="order-1")]
    assert outcomes(service, *({"id": one, "actual": "yes"} for one in identities)) == ["recorded"] * 4


def test_a_label_without_a_prediction_is_unknown_and_not_kept(service: InProcess) -> None:
    predicted(service)
    assert outcomes(service, {"id": NEVER_MADE, "actual": "no"}) == ["unknown"]
    assert service.records("labels") == []
    assert service.metric("feedback_total", outcome="unknown") == 1
    assert service.metric("last_feedback_timestamp_seconds") == 0


def test_the_first_of_two_labels_stays(service: InProcess) -> None:
    identity = predicted(service)
    both = [{"id": identity, "actual": "no"}, {"id": identity, "actual": "yes"}]
    assert outcomes(service, *both) == ["recorded", "repeated"]
    assert outcomes(service, both[1]) == ["repeated"]
    assert [one["actual"] for one in service.records("labels")] == ["no"]


def test_another_process_on_the_same_folder_knows_predictions_and_labels(folder: Path, tmp_path: Path) -> None:
    first, second = (InProcess(folder, tmp_path / "log") for _ in range(2))
    identity = predicted(first)
    assert outcomes(second, {"id": identity, "actual": "no"}) == ["recorded"]
    assert outcomes(first, {"id": identity, "actual": "no"}) == ["repeated"]


@pytest.mark.parametrize("header", ["idempotency_key", "x_request_id"])
def test_a_replay_on_another_replica_is_answered_as_the_first_time_and_writes_nothing(
    folder: Path, tmp_path: Path, header: str
) -> None:
    first, second = (InProcess(folder, tmp_path / "log") for _ in range(2))
    labelled, other = predicted(first), predicted(first)
    assert outcomes(first, {"id": labelled, "actual": "no"}, **{header: "order-1"}) == ["recorded"]
    labels = [{"id": labelled, "actual": "no"}, {"id": other, "actual": "no"}, {"id": other, "actual": "yes"}]
    asked = [outcomes(service, *labels, **{header: "order-2"}) for service in (first, second, first)]
    assert asked == [["repeated", "recorded", "repeated"]] * 3
    assert [(line["id"], line["actual"]) for line in first.records("labels")] == [(labelled, "no"), (other, "no")]


def test_a_replay_writes_what_the_first_replica_did_not(folder: Path, tmp_path: Path) -> None:
    first, second = (InProcess(folder, tmp_path / "log") for _ in range(2))
    labels = [{"id": predicted(first), "actual": "no"} for _ in range(3)]
    outcomes(first, *labels, x_request_id="order-1")
    (path,) = first.log.glob("labels-*")
    os.truncate(path, path.stat().st_size - 5)
    assert outcomes(second, *labels, x_request_id="order-1") == ["recorded"] * 3
    assert service_labels(tmp_path / "log") == {label["id"] for label in labels}


def service_labels(log: Path) -> set[str]:
    """The predictions that have a label in a whole line."""
    lines = [line for path in log.glob("labels-*") for line in path.read_text().splitlines(keepends=True)]
    return {json.loads(line)["id"] for line in lines if line.endswith("\n")}


@pytest.mark.parametrize("again", [
    {"x_request_id": "order-2"}, {"idempotency_key": "order-2"},
    {"x_request_id": "order-1", "idempotency_key": "order-2"}, {},
], ids=["another name", "another key", "a key beside it", "no name"])  # fmt: skip
def test_what_another_request_brings_again_is_repeated(service: InProcess, again: dict[str, str]) -> None:
    label = {"id": predicted(service), "actual": "no"}
    assert outcomes(service, label, x_request_id="order-1") == ["recorded"]
    assert outcomes(service, label, **again) == ["repeated"]


def test_the_same_name_with_another_body_is_another_request(service: InProcess) -> None:
    identity = predicted(service)
    assert outcomes(service, {"id": identity, "actual": "no"}, x_request_id="order-1") == ["recorded"]
    assert outcomes(service, {"id": identity, "actual": "yes"}, x_request_id="order-1") == ["repeated"]


def test_a_label_that_comes_too_late_is_not_kept(folder: Path, tmp_path: Path) -> None:
    service = InProcess(folder, tmp_path / "log", FEEDBACK_DAYS="30")
    long_ago = int((dt.datetime.now(dt.UTC) - dt.timedelta(days=31)).timestamp() * 1e6)
    record = {"v": 1, "id": NEVER_MADE, "at_us": long_ago, "model": "m", "features": {}, "prediction": "no"}
    (service.log / "predictions-20200101T000000.000000Z-1.jsonl").write_text(
        json.dumps(record, separators=(",", ":")) + "\n"
    )
    assert outcomes(service, {"id": NEVER_MADE, "actual": "no"}) == ["late"]
    assert service.records("labels") == []


DAY = 86_400
# Seconds from now, LABEL_CLOCK_SKEW_SECONDS, and the outcome of a prediction that was made a moment ago.
DATED: dict[str, tuple[int, str, str]] = {
    "now": (0, "0", "recorded"),
    "as far ahead as a clock may be": (240, "300", "recorded"),
    "as far behind as a clock may be": (-240, "300", "recorded"),
    "a year before its prediction": (-365 * DAY, "300", "misdated"),
    "an hour before its prediction": (-3600, "300", "misdated"),
    "tomorrow": (DAY, "300", "misdated"),
    "ten minutes ahead": (600, "300", "misdated"),
    "ten minutes ahead, of a client whose clock is known": (600, "3600", "recorded"),
    "a replay of another year": (-3650 * DAY, "1000000000000", "recorded"),
}


@pytest.mark.parametrize("name", DATED)
def test_a_label_happens_after_its_prediction_and_not_in_the_future(folder: Path, tmp_path: Path, name: str) -> None:
    seconds, skew, outcome = DATED[name]
    service = InProcess(folder, tmp_path / "log", LABEL_CLOCK_SKEW_SECONDS=skew)
    label = {"id": predicted(service), "actual": "no", "observed_us": (int(time.time()) + seconds) * 1_000_000}
    assert outcomes(service, label) == [outcome]
    assert len(service.records("labels")) == (outcome == "recorded")
    assert service.metric("feedback_total", outcome=outcome) == 1


def test_a_label_that_is_dated_wrongly_keeps_no_other_out(service: InProcess) -> None:
    identity = predicted(service)
    assert outcomes(service, {"id": identity, "actual": "yes", "observed_us": 0}) == ["misdated"]
    assert outcomes(service, {"id": identity, "actual": "no"}) == ["recorded"]


def test_a_prediction_that_retention_removed_is_unknown(service: InProcess) -> None:
    identity, other = predicted(service), predicted(service)
    assert outcomes(service, {"id": other, "actual": "no"}) == ["recorded"]
    for path in service.log.glob("predictions-*"):
        path.unlink()
    assert outcomes(service, {"id": identity, "actual": "no"}) == ["unknown"]


def test_a_torn_line_in_the_log_is_no_prediction(service: InProcess) -> None:
    identity = predicted(service)
    (path,) = service.log.glob("predictions-*")
    whole = path.read_bytes()
    os.truncate(path, len(whole) - 1)
    assert outcomes(service, {"id": identity, "actual": "no"}) == ["unknown"]
    path.write_bytes(whole)
    assert outcomes(service, {"id": identity, "actual": "no"}) == ["recorded"]


MALFORMED: dict[str, Any] = {
    "no object": "label",
    "null": None,
    "no id": {"actual": "no"},
    "no actual": {"id": NEVER_MADE},
    "an id that is none": {"id": "x", "actual": "no"},
    "an id as a number": {"id": 1, "actual": "no"},
    "another class": {"id": NEVER_MADE, "actual": "maybe"},
    "a boolean": {"id": NEVER_MADE, "actual": True},
    "null as the actual": {"id": NEVER_MADE, "actual": None},
    "one more member": {"id": NEVER_MADE, "actual": "no", "note": "x"},
    "a time as text": {"id": NEVER_MADE, "actual": "no", "observed_us": "yesterday"},
    "a time as a boolean": {"id": NEVER_MADE, "actual": "no", "observed_us": True},
    "a time before 1970": {"id": NEVER_MADE, "actual": "no", "observed_us": -1},
    "a time beyond the calendar": {"id": NEVER_MADE, "actual": "no", "observed_us": 10**30},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_label_is_said_to_be_and_does_not_lose_the_others(service: InProcess, name: str) -> None:
    identity = predicted(service)
    assert outcomes(service, MALFORMED[name], {"id": identity, "actual": "no"}) == ["malformed", "recorded"]


@pytest.mark.parametrize(("actual", "outcome"), [
    (1.5, "recorded"), (3, "recorded"), ("1.5", "recorded"), (True, "malformed"), ("1,5", "malformed"),
    (10**400, "malformed"),
])  # fmt: skip
def test_the_label_of_a_regression_is_a_finite_number(tmp_path: Path, actual: Any, outcome: str) -> None:
    service = InProcess(write_folder(tmp_path / "model", "regression"), tmp_path / "log")
    assert outcomes(service, {"id": predicted(service), "actual": actual}) == [outcome]


BODIES: dict[str, tuple[bytes, int]] = {
    "no JSON": (b"{", 400),
    "NaN": (b'{"labels":[{"id":"x","actual":NaN}]}', 202),
    "a key twice": (b'{"labels":[],"labels":[1]}', 400),
    "a key twice in a label": (b'{"labels":[{"id":"a","id":"b"}]}', 400),
    "no labels": (b'{"labels":[]}', 422),
    "a bare label": (b'{"id":"a","actual":"no"}', 422),
    "a list": (b"[]", 422),
    "too many": (b'{"labels":[' + b",".join([b"1"] * 1001) + b"]}", 422),
    "too large": (b'{"labels":["' + b"a" * 1_100_000 + b'"]}', 413),
    "too deep": (b'{"labels":' + b"[" * 100_000, 400),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_list_of_labels_is_refused(service: InProcess, name: str) -> None:
    body, status = BODIES[name]
    answer = service.send("/feedback", body)
    assert answer.status_code == status
    assert len(answer.content) <= 2000
    assert service.records("labels") == []


def test_a_label_of_a_prediction_that_another_replica_made_is_kept_for_who_reads_all_logs(
    folder: Path, tmp_path: Path
) -> None:
    bucket = {"REQUEST_LOG_BUCKET": "s3://bucket/log", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}
    first, second = (InProcess(folder, tmp_path / name, None, **bucket) for name in ("first", "second"))
    identity = predicted(first)
    assert outcomes(second, {"id": identity, "actual": "no"}) == ["recorded"]
    assert outcomes(second, {"id": identity, "actual": "yes"}) == ["repeated"]
    (line,) = second.records("labels")
    assert LabelRecord.model_validate(line).for_keys == (ANY_KEY,)
    assert outcomes(first, {"id": identity, "actual": "no"}) == ["recorded"]
    assert "for_keys" not in first.records("labels")[0]
