"""What reads the log of all replicas from a real S3 server: `make requests`, the drift job, and DuckDB by hand."""

import datetime as dt
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb
import fsspec
import pytest
from obstore.fsspec import register

from contracts.exits import UsageError
from contracts.model_folder import model_digest, read_card
from contracts.outside.buckets import Bucket
from reports.drift.log_reader import read_window
from reports.scheduled.bucket import Span, fetch_segments, segments, window_of
from tests.refusals import refuses
from tests.scale.replicas import new_address, predict, replica
from tests.scale.s3_server import S3Server


@dataclass(frozen=True)
class Logged:
    """What replicas put under one prefix: the ids that they acknowledged, and labels for the first 500 of them."""

    bucket: Bucket
    ids: tuple[str, ...]


@pytest.fixture(scope="module")
def logged(server: S3Server, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Logged:
    """By two replicas, each with a folder of its own: the labels are for the first's, and come to the second."""
    address, folder = new_address(), tmp_path_factory.mktemp("logged")
    with (
        replica(model, folder / "one", server, address) as one,
        replica(model, folder / "two", server, address) as two,
    ):
        ids = [*predict(one), *predict(two)]
        with two.client() as client:
            answer = client.post("/feedback", json={"labels": [{"id": name, "actual": "yes"} for name in ids[:500]]})
            assert answer.json()["recorded"] == 500
        assert (one.stop(), two.stop()) == (0, 0)
    return Logged(Bucket(address, server.environment["AWS_ENDPOINT_URL_S3"]), tuple(ids))


def test_the_drift_job_reads_all_replicas_and_labels_that_came_to_another_one(
    model: Path, tmp_path: Path, logged: Logged
) -> None:
    (tmp_path / "brought").mkdir()
    now = dt.datetime.now(dt.UTC)
    _, span = window_of(logged.bucket.address, now, days=1)
    lines, share = fetch_segments(logged.bucket, span, now, 7, tmp_path / "brought")
    assert (lines.predictions, lines.labels, lines.refused, share) == (len(logged.ids), 500, 0, 1.0)
    window = read_window(tmp_path / "brought", read_card(model), model_digest(model), 7)
    assert window.requests == len(logged.ids)
    assert sum(one == "yes" for one in window.answers.actual) == 500


def test_a_large_window_is_drawn_by_ids_as_the_drift_job_draws(model: Path, tmp_path: Path, logged: Logged) -> None:
    now = dt.datetime.now(dt.UTC)
    span = Span(now - dt.timedelta(days=1), now)
    read = []
    for name, at_most in (("everything", 10**6), ("drawn", 4000)):
        (tmp_path / name).mkdir()
        lines, share = fetch_segments(logged.bucket, span, now, 7, tmp_path / name, at_most)
        read.append(read_window(tmp_path / name, read_card(model), model_digest(model), 7, at_most=1000))
    assert share == 4000 / len(logged.ids)
    assert 3000 < lines.predictions < 5000
    assert read[0].rows.equals(read[1].rows)
    assert list(read[0].answers.actual) == list(read[1].answers.actual)


def test_a_month_is_a_glob_for_duckdb(logged: Logged) -> None:
    register("s3")
    connection = duckdb.connect()
    connection.register_filesystem(fsspec.filesystem("s3", **logged.bucket.options()))
    month = f"{logged.bucket.address}/{time.strftime('%Y-%m', time.gmtime())}/predictions-*.jsonl.gz"
    (found,) = connection.execute(f"SELECT count(DISTINCT id) FROM read_json('{month}')").fetchall()[0]
    assert found == len(logged.ids)


def test_a_window_opens_no_segment_that_was_put_before_it_or_begun_after_it(logged: Logged) -> None:
    store, now = logged.bucket.store(), dt.datetime.now(dt.UTC)
    hour = dt.timedelta(hours=1)
    assert len(segments(store, "predictions", Span(now - hour, now + hour))[0]) >= 2
    assert segments(store, "predictions", Span(now + hour, now + 2 * hour)) == ([], 0)
    assert segments(store, "predictions", Span(now - 2 * hour, now - hour)) == ([], 0)


def test_a_bucket_that_cannot_be_read_says_so(server: S3Server, tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    missing = Bucket("s3://no-such-bucket/log", server.environment["AWS_ENDPOINT_URL_S3"])
    with refuses(UsageError, "no-bucket", "s3://no-such-bucket/log"):
        fetch_segments(missing, Span(now - dt.timedelta(days=1), now), now, 7, tmp_path)
