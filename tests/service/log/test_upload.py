"""Closed files are uploaded once, whatever ends or fails in between; here the bucket is a folder, by obstore."""

import fcntl
import gzip
import hashlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
from obstore.store import LocalStore, ObjectStore

from contracts.exits import UsageError
from contracts.outside.buckets import Bucket, log_of, segment_key
from service.log.upload import Uploads
from service.log.writer import Limits, LogKeeper, RecordLog
from service.metrics import Metrics
from testbed.clients import metric_in
from testbed.programs import eventually
from tests.refusals import refuses

NEVER = Limits(rotate_bytes=2**60, rotate_seconds=1e9, keep_bytes=2**60, keep_seconds=1e9)
FIRST = "predictions-20261127T101502.123456Z-17.jsonl"
SECOND = "predictions-20261127T101503.000000Z-17-web.jsonl"
LABELS = "labels-20261127T101504.000000Z-17.jsonl"
LINE = b'{"v":1,"id":"1"}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path / "log"


@pytest.fixture
def bucket(tmp_path: Path) -> LocalStore:
    (tmp_path / "bucket").mkdir()
    return LocalStore(tmp_path / "bucket")


def sent(folder: Path, store: ObjectStore, seconds: float = 60.0) -> tuple[Uploads, Metrics]:
    """The uploads after one round."""
    metrics = Metrics()
    uploads = Uploads(folder, store, metrics)
    uploads.start()
    uploads.finish(seconds)
    return uploads, metrics


def objects(store: ObjectStore) -> dict[str, bytes]:
    names = [one["path"] for listed in obstore.list(store) for one in listed]
    return {name: gzip.decompress(bytes(obstore.get(store, name).bytes())) for name in names}


def key_of(name: str, contents: bytes = LINE) -> str:
    return segment_key(name, hashlib.sha256(contents).hexdigest())


def test_a_closed_file_is_put_under_its_month_its_name_and_its_digest(folder: Path, bucket: LocalStore) -> None:
    for name in (FIRST, SECOND, LABELS):
        (folder / name).write_bytes(LINE)
    uploads, metrics = sent(folder, bucket)
    assert objects(bucket) == {key_of(name): LINE for name in (FIRST, SECOND, LABELS)}
    assert key_of(FIRST).startswith("2026-11/predictions-20261127T101502.123456Z-17-")
    assert uploads.counts.uploaded.values == {("predictions",): 2, ("labels",): 1, ("shadow",): 0}
    assert metric_in(metrics.exposition().decode(), "log_upload_backlog") == 0


def test_files_of_one_name_from_two_machines_do_not_collide() -> None:
    assert key_of(FIRST, b"one") != key_of(FIRST, b"two")


def test_a_file_that_is_being_written_an_empty_one_and_other_files_stay(folder: Path, bucket: LocalStore) -> None:
    log = RecordLog(folder, "predictions", NEVER, Metrics())
    log.append(LINE)
    (folder / LABELS).touch()
    (folder / "sources-1.jsonl").write_bytes(LINE)
    sent(folder, bucket)
    assert objects(bucket) == {}
    log.close()
    sent(folder, bucket)
    assert list(objects(bucket).values()) == [LINE]


def test_what_was_sent_is_not_sent_again(folder: Path, bucket: LocalStore) -> None:
    (folder / FIRST).write_bytes(LINE)
    sent(folder, bucket)
    uploads, _ = sent(folder, bucket)
    assert uploads.counts.uploaded.values[("predictions",)] == 0
    assert len(objects(bucket)) == 1


def test_an_upload_whose_answer_was_lost_is_found_there_and_changes_nothing(folder: Path, bucket: LocalStore) -> None:
    (folder / FIRST).write_bytes(LINE)
    sent(folder, bucket)
    put = obstore.head(bucket, key_of(FIRST))["last_modified"]
    (folder / f"{FIRST}.sent").unlink()
    uploads, _ = sent(folder, bucket)
    assert uploads.counts.uploaded.values[("predictions",)] == 1
    assert uploads.counts.failures.values[("predictions",)] == 0
    assert obstore.head(bucket, key_of(FIRST))["last_modified"] == put


def test_a_process_that_was_killed_left_a_file_that_the_next_one_sends(folder: Path, bucket: LocalStore) -> None:
    killed = (folder / FIRST).open("wb")
    fcntl.flock(killed, fcntl.LOCK_EX)
    killed.write(LINE + b'{"v":1,"id":"to')
    killed.flush()
    sent(folder, bucket)
    assert objects(bucket) == {}
    killed.close()
    sent(folder, bucket)
    assert list(objects(bucket).values()) == [LINE + b'{"v":1,"id":"to']


@pytest.fixture
def silent() -> Iterator[Bucket]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield Bucket("s3://bucket/log", f"http://127.0.0.1:{listening.getsockname()[1]}")


def test_with_a_bucket_that_does_not_answer_finish_ends_in_time(
    folder: Path, silent: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    (folder / FIRST).write_bytes(LINE)
    uploads, metrics = sent(folder, silent.store(), seconds=0.5)
    assert metric_in(metrics.exposition().decode(), "log_upload_backlog") == 1
    assert metric_in(metrics.exposition().decode(), "log_upload_waiting_seconds") > 0
    assert uploads.counts.uploaded.values[("predictions",)] == 0


def test_a_bucket_that_fails_is_counted_and_tried_again_until_it_takes_everything(folder: Path, tmp_path: Path) -> None:
    (folder / FIRST).write_bytes(LINE)
    (folder / LABELS).write_bytes(LINE)
    store = LocalStore(tmp_path / "bucket", mkdir=True)
    (tmp_path / "bucket" / "2026-11").touch()  # a file where the folder of the month is to be
    metrics = Metrics()
    uploads = Uploads(folder, store, metrics, look_every=0.01, most_pause=0.02)
    uploads.start()
    eventually(lambda: sum(uploads.counts.failures.values.values()) >= 3, "three failures")
    text = metrics.exposition().decode()
    assert (metric_in(text, "log_upload_backlog"), metric_in(text, "log_upload_backlog_bytes")) == (2, 2 * len(LINE))
    (tmp_path / "bucket" / "2026-11").unlink()
    eventually(lambda: sum(uploads.counts.uploaded.values.values()) == 2, "both were sent")
    uploads.finish(60)
    assert metric_in(metrics.exposition().decode(), "log_upload_waiting_seconds") == 0
    assert len(objects(store)) == 2


def test_a_file_that_cannot_be_sent_does_not_stop_the_others(folder: Path, bucket: LocalStore) -> None:
    (folder / FIRST).write_bytes(LINE)
    (folder / SECOND).write_bytes(LINE)
    (folder / f"{FIRST}.sent").symlink_to(folder / "nowhere" / "mark")  # it cannot be marked
    uploads = Uploads(folder, bucket, Metrics(), look_every=0.01, most_pause=0.02)
    uploads.start()
    eventually(lambda: uploads.counts.uploaded.values[("predictions",)] == 1, "the second was sent")
    uploads.finish(60)
    assert key_of(SECOND) in objects(bucket)


@pytest.mark.parametrize(("is_sent", "lost"), [(True, 0), (False, 1)])
def test_a_file_that_retention_deleted_is_lost_only_if_it_was_not_sent(
    folder: Path, bucket: LocalStore, is_sent: bool, lost: int
) -> None:
    (folder / FIRST).write_bytes(LINE)
    uploads = Uploads(folder, bucket, Metrics())
    if is_sent:
        sent(folder, bucket)
    keeper = LogKeeper(folder, Limits(2**60, 1e9, keep_bytes=1, keep_seconds=1e9), 1.0, uploads.count_lost)
    keeper.clean(time.time())
    assert not (folder / FIRST).exists()
    assert uploads.counts.lost.values[("predictions",)] == lost


def test_the_mark_of_a_deleted_file_is_deleted(folder: Path, bucket: LocalStore) -> None:
    (folder / FIRST).write_bytes(LINE)
    sent(folder, bucket)
    (folder / FIRST).unlink()
    sent(folder, bucket)
    assert list(folder.iterdir()) == []


def test_only_files_of_a_log_have_a_name_in_the_bucket() -> None:
    assert log_of(SECOND) == "predictions"
    for name in ("sources-1.jsonl", "predictions-1-2.jsonl", f".{FIRST}", f"{FIRST}.sent"):
        assert log_of(name) == ""
        with pytest.raises(ValueError, match="segment"):
            segment_key(name, "0" * 64)


@pytest.mark.parametrize(
    ("address", "prefix"), [("s3://bucket", ""), ("s3://bucket/", ""), ("s3://bucket/a/b/", "a/b")]
)
def test_an_address_is_a_bucket_and_a_prefix(address: str, prefix: str) -> None:
    assert (Bucket(address).name, Bucket(address).prefix) == ("bucket", prefix)


def test_without_the_group_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with refuses(UsageError, "no-object-storage", "s3://bucket", "IMAGE_REQUIREMENTS=s3"):
        Bucket("s3://bucket").store()
