"""Production's log in Parquet: `make requests` names the files, `make scheduled-drift` reads them where they are."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.exits import Exit, UsageError
from contracts.scheduled_drift import RequestsBrought
from contracts.schema import read_json
from contracts.stage import Build, execute
from reports.scheduled import requests
from reports.scheduled.parquet import parquet_of
from tests.refusals import refuses
from tests.reports.logged_requests import records, rows, write_config, write_log
from tests.reports.scheduled.test_check import champion, watched


def bring(build: Build, root: Path, url: Path, monkeypatch: pytest.MonkeyPatch) -> RequestsBrought:
    monkeypatch.setenv("REQUESTS_URL", str(url))
    assert execute("requests", write_config(root / "pipeline.toml"), build, requests.work) is Exit.PASS
    return read_json(build.stage("requests") / "requests.json", RequestsBrought, "make requests")


def test_a_log_in_parquet_gets_the_verdict_of_the_same_log_in_json_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, digest = champion(tmp_path)
    made = records(rows(900, seed=3).assign(temp=lambda table: table["temp"] + 20), digest)
    write_log(tmp_path / "log", made)
    for place, part in enumerate((made[:500], made[500:])):
        pq.write_table(
            pa.Table.from_pylist([one.model_dump() for one in part]), tmp_path / f"predictions-{place}.parquet"
        )
    judged = []
    for url in (tmp_path / "log" / "predictions-1-1.jsonl", tmp_path / "predictions-*.parquet"):
        brought = bring(build, tmp_path, url, monkeypatch)
        assert (brought.kind, brought.predictions) == ("file", 900)
        code, verdict = watched(build, tmp_path, None)
        judged.append((code, verdict.model_copy(update={"traffic": ""})))
    assert judged[0] == judged[1]
    assert judged[0][0] is Exit.FINDING
    assert len(brought.parquet) == 2
    assert not list(build.stage("requests").glob("predictions-*"))


def test_requests_of_json_lines_name_no_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build, digest = champion(tmp_path)
    write_log(tmp_path / "log", records(rows(300, seed=3), digest))
    bring(build, tmp_path, tmp_path / "log" / "predictions-1-1.jsonl", monkeypatch)
    assert "parquet" not in json.loads((build.stage("requests") / "requests.json").read_text())


@pytest.mark.parametrize("url", ["https://example.org/log.parquet", "s3://bucket/log.parquet"])
def test_parquet_elsewhere_is_refused_with_what_to_do(url: str) -> None:
    with refuses(UsageError, "parquet-elsewhere", url.split(":")[0]):
        parquet_of(url)
    assert parquet_of("https://example.org/requests") is None
