"""The scheduled job on real parts: a real service that is replayed to and exports, a real HTTP server, real logs."""

import datetime as dt
import gzip
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from contracts.data_manifest import DataManifest, Table
from contracts.exits import Exit, UsageError
from contracts.features import MISSING
from contracts.model_folder import MODEL_FILES, Metric, model_digest, read_card, sha256_of
from contracts.request_log import LabelRecord
from contracts.scheduled_drift import RequestsBrought
from contracts.schema import read_json, write_json
from contracts.stage import Build, StageRecord, execute
from contracts.verdict import DriftVerdict
from reports.scheduled import check, requests
from reports.scheduled.fetch import fetch_log, is_export, shown, with_window
from reports.scheduled.replay import Window, replay
from reports.scheduled.texts import IS_LATE, LASTING
from testbed.served_folders import FEATURES, write_folder
from tests.refusals import refuses
from tests.reports.logged_requests import NOON_US, records, rows, write_config, write_log, write_model

DAY_US = 86_400_000_000


def champion(root: Path) -> tuple[Build, str]:
    """A champion's folder whose graph nobody runs here, with a figure to be measured against."""
    build = Build(root / "build")
    write_model(build)
    folder = build.champion
    folder.parent.mkdir(parents=True, exist_ok=True)
    build.challenger.rename(folder)
    reference = pd.read_parquet(folder / "reference.parquet")
    reference.assign(late=np.where(reference["prediction"] > 0.3, "true", "false")).to_parquet(
        folder / "reference.parquet"
    )
    metric = Metric(value=0.9, low=0.88, high=0.92, confidence=0.95)
    card = read_card(folder).model_copy(
        update={
            "metrics": {"roc_auc": metric},
            "threshold": 0.3,
            "files": {n: sha256_of(folder / n) for n in MODEL_FILES},
        }
    )
    write_json(folder / "model.json", card)
    return build, model_digest(folder)


def bring_log(
    build: Build,
    digest: str,
    traffic: pd.DataFrame,
    last: str,
    actual: np.ndarray | None = None,
    days: np.ndarray | None = None,
) -> None:
    """What `make requests` leaves, with labels where `actual` is given: of these days, or of ten."""
    days = np.arange(len(traffic)) % 10 if days is None else days
    folder = build.stage("requests")
    made = records(traffic, digest)
    write_log(folder, made)
    for old in folder.glob("labels-*.jsonl"):
        old.unlink()
    if actual is not None:
        labels = [
            LabelRecord(id=one.id, at_us=NOON_US, actual=str(truth), observed_us=NOON_US + int(day) * DAY_US)
            for one, truth, day in zip(made, actual, days, strict=True)
        ]
        (folder / "labels-1-1.jsonl").write_text("".join(one.model_dump_json() + "\n" for one in labels))
    end = dt.datetime.fromisoformat(last)
    brought = RequestsBrought(
        kind="file", about="a file", first=(end - dt.timedelta(days=7)).isoformat(), last=last, days=7,
        predictions=len(made), labels=0 if actual is None else len(made),
    )  # fmt: skip
    write_json(folder / "requests.json", brought)


def watched(build: Build, root: Path, history: Path | None) -> tuple[Exit, DriftVerdict]:
    config = write_config(root / "pipeline.toml")
    code = execute("scheduled-drift", config, build, lambda context: check.judge_window(context, history))
    return code, read_json(build.stage("drift") / "verdict.json", DriftVerdict, "make scheduled-drift")


def test_drift_calls_nobody_before_it_lasts(tmp_path: Path) -> None:
    build, digest = champion(tmp_path)
    moved = rows(900, seed=3).assign(temp=lambda table: table["temp"] + 20)
    codes, lasting = [], []
    for last in ("2013-10-08", "2013-10-08", "2013-10-15"):
        bring_log(build, digest, moved, f"{last}T00:00:00")
        code, verdict = watched(build, tmp_path, tmp_path / "history")
        assert verdict.persistence
        codes.append(code)
        lasting.append((verdict.persistence.windows, verdict.persistence.is_lasting))
    assert codes == [Exit.PASS, Exit.PASS, Exit.FINDING]
    assert lasting == [(1, False), (1, False), (2, True)]
    assert (build.stage("drift") / "drift.md").read_text().startswith(f"## {LASTING}")


def test_without_a_history_the_window_alone_counts(tmp_path: Path) -> None:
    build, digest = champion(tmp_path)
    bring_log(build, digest, rows(900, seed=3).assign(temp=lambda table: table["temp"] + 20), "2013-10-08T00:00:00")
    code, verdict = watched(build, tmp_path, None)
    assert (code, verdict.state, verdict.persistence) == (Exit.FINDING, "drift", None)


def test_labels_that_no_longer_follow_are_found_while_no_input_moved(tmp_path: Path) -> None:
    build, digest = champion(tmp_path)
    traffic = rows(3000, seed=3)
    shuffled = np.random.default_rng(1).permutation(np.where(traffic["prediction"] > 0.3, "true", "false"))
    bring_log(build, digest, traffic, "2013-10-08T00:00:00", shuffled)
    code, verdict = watched(build, tmp_path, None)
    assert (verdict.inputs, verdict.predictions, code) == ("stable", "stable", Exit.FINDING)
    assert verdict.performance
    assert (verdict.performance.outcome, verdict.performance.days, verdict.performance.labels) == ("worse", 10, 3000)


def test_weeks_add_up_until_they_show_that_inputs_are_a_day_late(tmp_path: Path) -> None:
    """The predictions of each day are right for the day before. A week is too short to tell; the history's are not."""
    build, digest = champion(tmp_path)
    random = np.random.default_rng(5)
    shares = random.uniform(0.1, 0.4, 36)
    seen = []
    for first, last in ((0, 7), (7, 35)):
        days = np.repeat(np.arange(first, last), 100)
        traffic = rows(len(days), seed=first).assign(prediction=shares[days])
        actual = np.where(random.random(len(days)) < shares[days + 1], "true", "false")
        bring_log(build, digest, traffic, f"2013-10-{8 if first == 0 else 30:02}T00:00:00", actual, days)
        seen.append(watched(build, tmp_path, tmp_path / "history")[1])
    week, four_more = seen
    assert (week.timing, len(week.labelled_days)) == (None, 7)
    assert four_more.timing
    assert (four_more.timing.days, four_more.timing.is_late, four_more.state) == (30, True, "drift")
    assert f"{IS_LATE} | yes" in (build.stage("drift") / "drift.md").read_text()


def test_inputs_that_moved_while_labels_still_follow_call_nobody(tmp_path: Path) -> None:
    build, digest = champion(tmp_path)
    traffic = rows(3000, seed=3)
    moved = traffic.assign(temp=traffic["temp"] + 20)
    bring_log(build, digest, moved, "2013-10-08T00:00:00", np.where(traffic["prediction"] > 0.3, "true", "false"))
    code, verdict = watched(build, tmp_path, None)
    assert (verdict.inputs, verdict.state, code) == ("drift", "stable", Exit.PASS)
    assert verdict.performance
    assert verdict.performance.outcome == "held"


def test_too_few_requests_are_insufficient_and_call_nobody(tmp_path: Path) -> None:
    build, digest = champion(tmp_path)
    bring_log(build, digest, rows(40, seed=3), "2013-10-08T00:00:00")
    code, verdict = watched(build, tmp_path, tmp_path / "history")
    assert (code, verdict.state) == (Exit.PASS, "insufficient")


def test_a_failed_run_leaves_no_verdict_that_looks_fresh(tmp_path: Path) -> None:
    build, digest = champion(tmp_path)
    bring_log(build, digest, rows(900, seed=3), "2013-10-08T00:00:00")
    assert watched(build, tmp_path, None)[1].state == "stable"
    (build.stage("requests") / "requests.json").unlink()
    code = execute(
        "scheduled-drift", tmp_path / "pipeline.toml", build, lambda context: check.judge_window(context, None)
    )
    assert code is Exit.USAGE
    assert not (build.stage("drift") / "verdict.json").exists()
    assert not (build.stage("drift") / "drift.md").exists()


def test_a_damaged_history_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    build, digest = champion(tmp_path)
    bring_log(build, digest, rows(900, seed=3), "2013-10-08T00:00:00")
    (tmp_path / "history" / "drift").mkdir(parents=True)
    (tmp_path / "history" / "drift" / "x.json").write_text("not json")
    config = write_config(tmp_path / "pipeline.toml")
    code = execute("scheduled-drift", config, build, lambda context: check.judge_window(context, tmp_path / "history"))
    assert code is Exit.USAGE


def replay_table(count: int) -> pd.DataFrame:
    """Rows as the data stage writes them, for the service's hand-made model."""
    random = np.random.default_rng(5)
    table: dict[str, object] = {}
    for feature in FEATURES:
        if feature.kind == "categorical":
            table[feature.name] = random.choice([*feature.categories], count)
        elif feature.kind == "boolean":
            table[feature.name] = random.integers(2, size=count).astype(np.float32)
        else:
            table[feature.name] = random.normal(size=count).astype(np.float32)
    table["answer"] = random.choice(["yes", "no"], count)
    table["at"] = pd.date_range("2013-10-01", periods=count, freq="h")
    return pd.DataFrame(table)


def replay_window(table: pd.DataFrame) -> Window:
    """The table beside its requests: doubles with more digits than float32 has, booleans, and null where missing."""
    sent = {}
    for feature in FEATURES:
        values: list[object] = [None if one in (MISSING,) or one != one else one for one in table[feature.name]]
        if feature.kind == "numeric":
            values = [None if one is None else float(str(one)) + 1e-9 for one in values]
        elif feature.kind == "boolean":
            values = [None if one is None else bool(one) for one in values]
        sent[feature.name] = pa.array(values)
    return Window(table, pa.table(sent))


def replay_manifest(count: int) -> DataManifest:
    window = Table(rows=count, digest="sha256:1", first="2013-10-01 00:00:00", last="2013-10-06 00:00:00")
    return DataManifest(
        source="x", source_sha256="0" * 64, task="binary", target="answer", classes=("no", "yes"), positive="yes",
        time="at", features=FEATURES, tables={"replay": window}, digest="sha256:2",
    )  # fmt: skip


def test_a_replay_asks_a_real_service_and_sends_the_truth_back(tmp_path: Path) -> None:
    model = write_folder(tmp_path / "model")
    done = replay(model, read_card(model), replay_manifest(120), replay_window(replay_table(120)), tmp_path / "log")
    assert (done.predictions, done.labels, done.left_out) == (120, 120, 0)
    lines = [json.loads(line) for file in (tmp_path / "log").glob("labels-*") for line in file.read_text().splitlines()]
    days = {one["observed_us"] // DAY_US for one in lines}
    assert days == {15_979, 15_980, 15_981, 15_982, 15_983}


def test_rows_that_the_service_refuses_are_left_out_and_counted(tmp_path: Path) -> None:
    model = write_folder(tmp_path / "model")
    card, table = read_card(model), replay_table(60)
    always = next(one for one in card.features if not one.may_be_missing)
    table[always.name] = table[always.name].astype(object)
    table.loc[:9, always.name] = MISSING if always.kind == "categorical" else np.nan
    done = replay(model, card, replay_manifest(60), replay_window(table), tmp_path / "log")
    assert (done.predictions, done.left_out) == (50, 10)


def test_a_table_of_another_model_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    model = write_folder(tmp_path / "model")
    card = read_card(model)
    window = replay_window(replay_table(9))
    name = card.features[0].name
    others = {
        "replay table has no column": Window(window.table.drop(columns=name), window.sent),
        "table of requests has no column": Window(window.table, window.sent.drop_columns([name])),
        "8 requests for 9 rows": Window(window.table, window.sent.slice(1)),
    }
    for said, other in others.items():
        with pytest.raises(UsageError, match=said):
            replay(model, card, replay_manifest(9), other, tmp_path / "log")
    assert not (tmp_path / "log").exists()


def test_a_replay_sends_the_values_of_the_source_and_not_those_that_were_converted(tmp_path: Path) -> None:
    model = write_folder(tmp_path / "model")
    window = replay_window(replay_table(40))
    replay(model, read_card(model), replay_manifest(40), window, tmp_path / "log")
    lines = [line for file in (tmp_path / "log").glob("predictions-*") for line in file.read_text().splitlines()]
    logged = [json.loads(line)["features"] for line in lines]
    assert len(logged) == 40
    for feature in FEATURES:
        assert [one[feature.name] for one in logged] == window.sent[feature.name].to_pylist(), feature.name


def test_requests_without_a_champion_or_an_address_says_what_to_do(tmp_path: Path) -> None:
    config = write_config(tmp_path / "pipeline.toml")
    code = execute("requests", config, Build(tmp_path / "build"), requests.work)
    record = read_json(tmp_path / "build" / "requests" / "stage.json", StageRecord, "make requests")
    assert code is Exit.USAGE
    assert "`make champion`" in record.headline


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers what the test put into `replies`, by path, and remembers what it was asked."""

    replies: dict[str, tuple[int, dict[str, str], bytes]]
    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        status, headers, body = self.replies[self.path.partition("?")[0]]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[tuple[str, type[Answering]]]:
    handler = type("Handler", (Answering,), {"replies": {}, "asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}", handler
        made.shutdown()
        thread.join()


def log_bytes(count: int = 30) -> bytes:
    made = records(rows(count, seed=2), "sha256:" + "a" * 64)
    labels = [LabelRecord(id=one.id, at_us=NOON_US, actual="true") for one in made]
    return "".join(one.model_dump_json() + "\n" for one in (*made, *labels)).encode()


def test_an_export_is_asked_for_its_window_with_the_key(tmp_path: Path, server: tuple[str, type[Answering]]) -> None:
    address, handler = server
    handler.replies["/requests"] = (200, {}, log_bytes())
    url = with_window(f"{address}/requests", "2013-10-01T00:00:00+00:00", "2013-10-08T00:00:00+00:00")
    found = fetch_log(url, "secret", tmp_path)
    assert (found.predictions, found.labels, found.torn, found.refused) == (30, 30, 0, 0)
    asked = "/requests?since=2013-10-01T00%3A00%3A00%2B00%3A00&until=2013-10-08T00%3A00%3A00%2B00%3A00"
    assert handler.asked == [(asked, "Bearer secret")]


def test_a_packed_log_is_unpacked(tmp_path: Path, server: tuple[str, type[Answering]]) -> None:
    address, handler = server
    handler.replies["/requests"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(log_bytes()))
    assert fetch_log(f"{address}/requests", "", tmp_path).predictions == 30


def test_a_file_of_lines_does_as_well(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl.gz").write_bytes(gzip.compress(log_bytes()))
    assert fetch_log(str(tmp_path / "log.jsonl.gz"), "", tmp_path).labels == 30
    assert fetch_log((tmp_path / "log.jsonl.gz").as_uri(), "", tmp_path).labels == 30


def test_a_torn_last_line_is_counted_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(log_bytes()[:-20])
    found = fetch_log(str(tmp_path / "log.jsonl"), "", tmp_path)
    assert (found.predictions, found.labels, found.torn) == (30, 29, 1)


def test_a_log_of_another_shape_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(log_bytes(3) + b'{"v":2}\n')
    with refuses(UsageError, "not-a-request-log", "1 of 7"):
        fetch_log(str(tmp_path / "log.jsonl"), "", tmp_path)


def test_a_packed_log_that_breaks_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress(log_bytes())[:-30])
    with pytest.raises(UsageError, match="broke off"):
        fetch_log(str(tmp_path / "log.gz"), "", tmp_path)


def test_more_than_its_bound_is_refused_however_well_it_was_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.scheduled.fetch.MOST_BYTES", 1_000_000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"\n" * 40_000_000))
    with refuses(UsageError, "too-large", "1,000,000 bytes"):
        fetch_log(str(tmp_path / "bomb.gz"), "", tmp_path)


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (401, {}, "REQUESTS_KEY is not accepted; required: a key of the service with the scope export"),
        (404, {}, "EDGE_EXPORT=on"),
        (302, {"Location": "http://127.0.0.1:1/elsewhere"}, "Redirects are not followed"),
        (503, {}, "[Rr]un `make requests` again"),
    ],
)
def test_an_export_that_refuses_says_what_to_do_and_never_the_key(
    tmp_path: Path, server: tuple[str, type[Answering]], status: int, headers: dict[str, str], says: str
) -> None:
    address, handler = server
    handler.replies["/requests"] = (status, headers, b"")
    with pytest.raises(UsageError, match=says) as refused:
        fetch_log(f"{address}/requests?token=hidden", "secret", tmp_path)
    assert "secret" not in str(refused.value)
    assert "hidden" not in str(refused.value)
    assert len(handler.asked) == 1


def test_a_key_does_not_go_over_an_open_line(tmp_path: Path) -> None:
    with refuses(UsageError, "key-in-clear-text", "http://models.example/requests"):
        fetch_log("http://models.example/requests", "secret", tmp_path)


@pytest.mark.parametrize("url", ["ftp://models.example/requests", "/not/there.jsonl", "http://127.0.0.1:1/requests"])
def test_an_address_that_cannot_be_read_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError):
        fetch_log(url, "", tmp_path)


def test_only_the_services_own_route_is_asked_for_a_window() -> None:
    assert is_export("https://models.example/v1/requests")
    assert not is_export("https://models.example/log.jsonl")
    assert not is_export("/data/requests")
    assert shown("https://user:word@models.example:8443/requests?token=x") == "https://models.example:8443/requests"
