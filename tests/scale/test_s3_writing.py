"""The request log of many replicas in a real S3 server: nothing lost, nothing twice, whatever fails on the way."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.exceptions import AlreadyExistsError

from contracts.outside.buckets import Bucket, segment_key
from contracts.request_log import PREDICTIONS_GLOB
from testbed.programs import eventually
from tests.scale.replicas import has_sent_all, lost_and_doubled, metric, predict, replica, stored
from tests.scale.s3_server import FaultyLine, S3Server

# The uploader waits for up to a minute between attempts.
SECONDS = 240.0
OUTAGE_SECONDS = 60.0


def test_what_is_closed_goes_at_once_and_the_rest_at_shutdown(
    server: S3Server, model: Path, tmp_path: Path, address: str
) -> None:
    with replica(model, tmp_path / "log", server, address) as service:
        ids = predict(service)
        eventually(lambda: metric(service, "log_segments_uploaded_total", log="predictions") > 0, "one was sent")
        ids += predict(service, batches=1)
        assert 0 < len(stored(server, address)) < len(ids)
        assert service.stop() == 0
    assert lost_and_doubled(server, address, ids) == (0, 0)
    assert len(list((tmp_path / "log").glob(PREDICTIONS_GLOB))) == len(list((tmp_path / "log").glob("*.sent")))


def test_a_server_that_is_down_costs_no_answer_and_no_segment(
    server: S3Server, model: Path, tmp_path: Path, address: str
) -> None:
    with replica(model, tmp_path / "log", server, address) as service:
        server.down(keep=True)
        try:
            ids = predict(service)
            eventually(lambda: metric(service, "log_upload_failures_total", log="predictions") >= 2, "two attempts")
            assert metric(service, "log_upload_backlog") > 0
            assert metric(service, "log_upload_waiting_seconds") > 0
        finally:
            server.up()
        eventually(has_sent_all(service), "everything was sent", SECONDS)
        assert metric(service, "log_upload_waiting_seconds") == 0
        assert service.stop() == 0
    assert lost_and_doubled(server, address, ids) == (0, 0)


def test_an_outage_of_a_minute_costs_no_answer_and_no_segment(
    server: S3Server, model: Path, tmp_path: Path, address: str
) -> None:
    with replica(model, tmp_path / "log", server, address) as service:
        ids = predict(service)
        eventually(lambda: metric(service, "log_segments_uploaded_total", log="predictions") > 0, "one was sent")
        server.down(keep=True)
        try:
            again = time.monotonic() + OUTAGE_SECONDS
            while time.monotonic() < again:
                ids += predict(service, batches=1)
                time.sleep(2)
            assert metric(service, "log_upload_waiting_seconds") > OUTAGE_SECONDS / 2
        finally:
            server.up()
        eventually(has_sent_all(service), "everything was sent", SECONDS)
        assert metric(service, "log_segments_lost_total", log="predictions") == 0
        assert service.stop() == 0
    assert lost_and_doubled(server, address, ids) == (0, 0)


def test_a_server_that_is_killed_while_it_takes_a_segment_has_all_of_them_once_it_is_back(
    server: S3Server, line: FaultyLine, model: Path, tmp_path: Path, address: str
) -> None:
    line.state = "slow"
    with replica(model, tmp_path / "log", server, address, line.url) as service:
        before = line.connections
        ids = predict(service)
        eventually(lambda: line.connections > before, "an upload began")
        server.kill()
        try:
            failures = partial(metric, service, "log_upload_failures_total", log="predictions")
            eventually(lambda: failures() > 0, "an upload broke off")
        finally:
            server.up()
        line.state = "open"
        eventually(has_sent_all(service), "everything was sent", SECONDS)
        assert service.stop() == 0
    assert lost_and_doubled(server, address, ids) == (0, 0)


@pytest.mark.parametrize("state", ["slow", "busy", "gone"])
def test_a_server_that_is_slow_busy_or_hangs_up_costs_no_answer_and_no_segment(
    server: S3Server, line: FaultyLine, model: Path, tmp_path: Path, address: str, state: Any
) -> None:
    line.state = state
    with replica(model, tmp_path / "log", server, address, line.url) as service:
        ids = predict(service)
        if state == "slow":
            eventually(lambda: line.connections, "an upload began")
        else:
            eventually(lambda: metric(service, "log_upload_failures_total", log="predictions") >= 2, "two attempts")
            line.state = "open"
        eventually(has_sent_all(service), "everything was sent", SECONDS)
        assert service.stop() == 0
    assert lost_and_doubled(server, address, ids) == (0, 0)


def test_a_key_that_is_refused_costs_no_segment_once_it_is_right(
    server: S3Server, model: Path, tmp_path: Path, address: str
) -> None:
    with replica(model, tmp_path / "log", server, address, AWS_SECRET_ACCESS_KEY="wrong") as service:
        ids = predict(service)
        eventually(lambda: metric(service, "log_upload_failures_total", log="predictions") >= 2, "two refusals")
        assert service.stop() == 0
    assert stored(server, address) == []
    with replica(model, tmp_path / "log", server, address) as service:
        eventually(has_sent_all(service), "everything was sent", SECONDS)
        assert service.stop() == 0
    assert lost_and_doubled(server, address, ids) == (0, 0)


def test_a_server_that_is_full_costs_no_segment_once_it_has_room(
    server: S3Server, model: Path, tmp_path: Path, address: str
) -> None:
    with replica(model, tmp_path / "log", server, address) as service:
        with server.full():
            ids = predict(service)
            eventually(lambda: metric(service, "log_upload_failures_total", log="predictions") > 0, "a refusal")
        eventually(has_sent_all(service), "everything was sent", SECONDS)
        assert service.stop() == 0
    assert lost_and_doubled(server, address, ids) == (0, 0)


@pytest.mark.parametrize("state", ["gone", "slow"])
def test_a_replica_that_is_killed_before_or_while_it_uploads_sends_it_when_it_starts(
    server: S3Server, line: FaultyLine, model: Path, tmp_path: Path, address: str, state: Any
) -> None:
    line.state = state
    with replica(model, tmp_path / "log", server, address, line.url) as service:
        before = line.connections
        ids = predict(service)
        eventually(lambda: line.connections > before, "an upload began")
        service.child.kill()
        service.child.wait()
    assert len(stored(server, address)) < len(ids)
    with replica(model, tmp_path / "log", server, address) as service:
        eventually(has_sent_all(service), "what was left was sent", SECONDS)
        assert service.stop() == 0
    assert lost_and_doubled(server, address, ids) == (0, 0)


def test_what_waits_is_bounded_by_the_logs_own_limit_and_what_it_took_is_counted(
    server: S3Server, line: FaultyLine, model: Path, tmp_path: Path, address: str
) -> None:
    line.state = "gone"
    # Retention looks once a minute, and first when the service starts.
    with replica(model, tmp_path / "log", server, address, line.url) as service:
        predict(service, batches=16)
        assert service.stop() == 0
    with replica(model, tmp_path / "log", server, address, line.url, LOG_KEEP_MB="2") as service:
        eventually(lambda: metric(service, "log_segments_lost_total", log="predictions") > 0, "the oldest went")
        eventually(lambda: metric(service, "log_upload_backlog_bytes") <= 2 * 2**20, "no more than two mebibytes wait")


def test_a_name_that_is_taken_is_not_written_again(server: S3Server, address: str) -> None:
    store = Bucket(address, server.environment["AWS_ENDPOINT_URL_S3"]).store()
    key = segment_key("predictions-20261127T101502.123456Z-17.jsonl", "0" * 64)
    obstore.put(store, key, b"first", mode="create")
    with pytest.raises(AlreadyExistsError):
        obstore.put(store, key, b"second", mode="create")
    assert bytes(store.get(key).bytes()) == b"first"
