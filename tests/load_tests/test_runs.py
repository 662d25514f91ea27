"""Real runs of Locust: against our service, and against services with a planted fault."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyarrow.parquet
import pytest
from run import load_test
from service_process import SERVICE, ServiceError, served

from contracts.exits import Exit, FindingError, UsageError
from contracts.model_folder import ModelFolderError, model_digest
from contracts.request_log import NOT_TRAFFIC, PREDICTIONS_GLOB, SOURCES_GLOB, PredictionRecord, SourceRecord
from contracts.schema import read_json
from contracts.stage import Build, Context, Outcome
from contracts.verdict import LoadVerdict
from testbed.tiny_build import LOAD, PIPELINE_TOML, config, tiny_build
from tests.refusals import refuses

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TARGET": "process"}
MISBEHAVING = Path(__file__).with_name("misbehaving_service.py")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return tiny_build(tmp_path_factory.mktemp("build"))


def misbehaving(fault: str) -> tuple[str, ...]:
    return (sys.executable, str(MISBEHAVING), fault)


def load(build: Build, folder: Path, fault: str, **limits: float) -> tuple[Outcome, LoadVerdict]:
    outcome = load_test(Context(config(**limits), build, folder), misbehaving(fault))
    return outcome, read_json(folder / "verdict.json", LoadVerdict, "make load-test")


def of_load(verdict: LoadVerdict) -> tuple[str, ...]:
    """Without what the misbehaving service lacks in any case: other routes, a log."""
    return tuple(code for code in verdict.reason_codes if code not in ("other_routes", "request_log"))


def command(build: Build, folder: Path, **load: float) -> list[str]:
    """The stage's command, with a pipeline.toml for these values of [load]."""
    lines = [f"{key} = {value}" for key, value in (LOAD | load).items()]
    (folder / "pipeline.toml").write_text(PIPELINE_TOML + "\n".join(lines) + "\n")
    return [
        sys.executable, "load-tests/run.py", "--config", str(folder / "pipeline.toml"), "--build", str(build.root),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def passed(build: Build) -> Path:
    """The folder of one good run by the stage's own command, against our service."""
    subprocess.run(command(build, build.root), cwd=ROOT, env=ENVIRONMENT, check=True)
    return build.stage("load-test")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_right_service_passes_and_every_due_request_was_counted(build: Build, passed: Path) -> None:
    verdict = read_json(passed / "verdict.json", LoadVerdict, "make load-test")
    assert (verdict.verdict, verdict.reasons, verdict.target) == ("pass", (), "process")
    assert verdict.model == model_digest(build.challenger)
    assert (verdict.requests, verdict.failures) == (100, 0)
    assert 0 < verdict.p50_ms <= verdict.p95_ms <= verdict.p99_ms <= verdict.largest_ms
    assert verdict.cpu_us_per_request > 0
    assert verdict.peak_mb > 10


def test_locusts_own_figures_are_those_of_the_verdict_finer_than_a_millisecond(passed: Path) -> None:
    verdict = read_json(passed / "verdict.json", LoadVerdict, "make load-test")
    locusts = rows_of(passed / "locust_stats.csv")[-1]
    assert int(locusts["Request Count"]) == verdict.requests
    seen = [float(locusts[share]) for share in ("50%", "95%", "99%")]
    assert seen == [verdict.p50_ms, verdict.p95_ms, verdict.p99_ms]
    assert any(not float(locusts[share]).is_integer() for share in ("50%", "75%", "90%", "95%", "99%"))
    assert f'"0.95": {verdict.p95_ms}' in (passed / "locust.html").read_text(encoding="utf-8")
    assert '"locustfile": "load-tests/locustfile.py"' in (passed / "locust.html").read_text(encoding="utf-8")


def test_the_request_log_has_every_request_warm_up_included_and_fits_its_schema(build: Build, passed: Path) -> None:
    lines = [line for log in (passed / "requests").glob(PREDICTIONS_GLOB) for line in log.read_text().splitlines()]
    records = [PredictionRecord.model_validate_json(line) for line in lines]
    lines = [line for source in (passed / "requests").glob(SOURCES_GLOB) for line in source.read_text().splitlines()]
    rows = {source.id: source.row for source in map(SourceRecord.model_validate_json, lines)}
    assert rows.keys() == {record.id for record in records}
    records = [record for record in records if rows[record.id] != NOT_TRAFFIC]
    assert len(records) == 100 + 30
    assert {record.model for record in records} == {model_digest(build.challenger)}
    assert any(record.features["distance"] is None for record in records)
    distances = [float(record.features["distance"]) for record in records if record.features["distance"] is not None]
    assert min(distances) < -3.9
    assert max(distances) > 3.9


def locusts_own_command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """From the checkout's root, as a person types it."""
    return subprocess.run(
        [sys.executable, "-m", "locust", "-f", "load-tests/locustfile.py", "--headless", *arguments],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_plan_can_be_replayed_with_locusts_own_command(build: Build, passed: Path, tmp_path: Path) -> None:
    plan = str(passed / "plan.json")
    with served(build.challenger, tmp_path / "requests", tmp_path / "service.log") as service:
        for longest in ("1s", "5s", "20s"):  # a busy machine may not send anything in the first second
            ended = locusts_own_command("-u", "2", "-t", longest, "--host", service.url, "--plan", plan)
            assert ended.returncode == 0, ended.stderr
            if "POST" in ended.stderr:
                break
    assert "POST" in ended.stderr


def test_locusts_own_command_without_a_plan_says_what_makes_one(tmp_path: Path) -> None:
    ended = locusts_own_command("--host", "http://127.0.0.1:9", "--plan", str(tmp_path / "plan.json"))
    assert ended.returncode == Exit.USAGE
    assert "make load-test" in ended.stderr


@pytest.mark.parametrize(
    ("fault", "said", "code"),
    [("wrong prediction", "wrong prediction", "wrong_answers"), ("cut off", "no whole answer", "errors")],
)
def test_a_wrong_answer_with_status_200_fails(fault: str, said: str, code: str, build: Build, tmp_path: Path) -> None:
    outcome, verdict = load(build, tmp_path, fault, seconds=0.5)
    assert outcome.exit_code is Exit.FINDING
    assert verdict.failures == verdict.requests == 50
    assert f"50 × {said}" in outcome.headline
    assert of_load(verdict) == (code,)


def test_one_failed_request_in_a_hundred_fails_and_is_named(build: Build, tmp_path: Path) -> None:
    outcome, verdict = load(build, tmp_path, "one in a hundred fails")
    assert outcome.exit_code is Exit.FINDING
    assert verdict.failures == 1
    assert "status 500" in outcome.headline
    assert of_load(verdict) == ("errors",)
    assert rows_of(tmp_path / "locust_failures.csv")[0]["Error"] == "status 500"


def test_a_stall_is_found_by_all_the_requests_that_were_due_in_it(build: Build, tmp_path: Path) -> None:
    outcome, verdict = load(build, tmp_path, "stalls", max_p95_ms=200.0, max_stall_ms=300.0)
    assert outcome.exit_code is Exit.FINDING
    # A busy machine is late beside it, too.
    assert {"p95_limit", "stall"} <= set(of_load(verdict)) <= {"p95_limit", "stall", "p50_limit", "p99_limit", "rate"}
    assert "load.max_p95_ms" in outcome.headline
    assert verdict.failures == 0
    assert verdict.p95_ms > 200
    assert verdict.largest_ms >= 450


def test_a_service_that_cannot_keep_up_is_found_by_its_rate(build: Build, tmp_path: Path) -> None:
    outcome, verdict = load(build, tmp_path, "slow", seconds=0.5, min_rate_share=0.95)
    assert outcome.exit_code is Exit.FINDING
    assert "rate" in of_load(verdict)
    assert verdict.requests_per_second < 60


def test_memory_that_grows_with_every_request_is_found(build: Build, tmp_path: Path) -> None:
    outcome, verdict = load(build, tmp_path, "leaks", max_growth_mb=10.0)
    assert outcome.exit_code is Exit.FINDING
    assert of_load(verdict) == ("memory_growth", "memory_leak")
    assert 15 < verdict.growth_mb < 40


def against_itself(build: Build, folder: Path, fault: str) -> LoadVerdict:
    """The challenger as it is or with a fault, beside the same model without one."""
    own = Build(folder / "build")
    own.root.mkdir()
    for part in ("train", "data"):
        (own.root / part).symlink_to(build.root / part)
    own.champion.symlink_to(build.challenger)
    own.stage("load-test").mkdir()
    context = Context(config(seconds=2.0, blocks=10), own, own.stage("load-test"))
    load_test(context, *((misbehaving(fault), misbehaving("none")) if fault else (SERVICE, SERVICE)))
    return read_json(own.stage("load-test") / "verdict.json", LoadVerdict, "make load-test")


def test_a_challenger_that_burns_more_than_the_champion_is_found_by_its_ratio(build: Build, tmp_path: Path) -> None:
    verdict = against_itself(build, tmp_path, "burns")
    # Its latency is higher, too, but whether that shows, or what else is late, is up to what else the machine does.
    assert {"slower_cpu"} <= set(of_load(verdict)) <= {"slower_cpu", "slower_p50", "slower_p95", "rate", "stall"}
    assert verdict.paired is not None
    assert (verdict.paired.champion, verdict.paired.blocks) == (verdict.model, 10)
    assert {one.figure: one.low > 1.1 for one in verdict.paired.ratios}["cpu"]
    assert verdict.requests == 200
    log = tmp_path / "build" / "load-test" / "locust_stats.csv"
    named = ["/predict (challenger)", "/predict (champion)"]
    assert [row["Name"] for row in rows_of(log)] == [*named, "Aggregated"]
    page = log.with_name("locust.html").read_text(encoding="utf-8")
    assert all(f'"name": "{name}"' in page for name in named)
    hosts = r'"host": "http://[\d.:]+ \(challenger\), http://[\d.:]+ \(champion\)"'
    assert re.search(hosts, page)
    assert all(f'"{name}": {{"ratio": 0.5' in page for name in ("Challenger", "Champion"))


def test_an_equal_champion_is_loaded_in_the_same_way_and_nobody_is_refused(build: Build, tmp_path: Path) -> None:
    verdict = against_itself(build, tmp_path, "")
    assert (verdict.verdict, verdict.reasons) == ("pass", ())
    assert verdict.paired is not None
    assert verdict.paired.failures == 0
    assert verdict.paired.served.endswith("as a process")
    assert all(one.low <= one.ratio <= one.high for one in verdict.paired.ratios)


def test_a_champion_that_cannot_be_trusted_is_never_taken_for_none(build: Build, tmp_path: Path) -> None:
    for part in ("train", "data"):
        (tmp_path / part).symlink_to(build.root / part)
    (tmp_path / "champion").mkdir()
    with pytest.raises(ModelFolderError):
        load_test(Context(config(), Build(tmp_path), tmp_path), misbehaving("none"))


def test_a_service_that_dies_under_load_ends_the_stage_with_its_last_words(build: Build, tmp_path: Path) -> None:
    with refuses(ServiceError, "service-ended", "code 7", "out of luck"):
        load(build, tmp_path, "dies")
    assert not (tmp_path / "verdict.json").exists()


@contextmanager
def heard_by_children(number: signal.Signals) -> Iterator[None]:
    """What is started meanwhile heeds this signal: an ignored one stays ignored in every child.

    A shell without job control makes what it starts in the background ignore SIGINT; `nohup` and `trap` do the like.
    """
    before = signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_a_shell_made_us_ignore_is_heard_by_a_child(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with heard_by_children(number):
            child = subprocess.Popen(["sleep", "300"])
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)
    child.send_signal(number)
    assert child.wait() == -number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stage_that_is_interrupted_leaves_no_process_behind(
    number: signal.Signals, build: Build, tmp_path: Path
) -> None:
    own = Build(tmp_path / "build")
    own.root.mkdir()
    for part in ("train", "data"):
        (own.root / part).symlink_to(build.root / part)
    with heard_by_children(number):
        stage = psutil.Popen(command(own, tmp_path, seconds=60.0), cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    try:
        while len(started := stage.children()) < 2:
            assert stage.poll() is None
        stage.send_signal(number)
        assert stage.wait() != 0
        assert [process for process in started if process.is_running()] == []
    finally:
        for process in (*started, stage):
            if process.is_running():
                process.kill()


def test_a_script_that_cannot_import_the_checkout_says_how_to_run_it() -> None:
    without = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        [sys.executable, "load-tests/run.py"], cwd=ROOT, env=without, capture_output=True, text=True, check=False
    )
    assert ended.returncode == Exit.USAGE
    assert "`make load-test`" in ended.stderr
    assert "Traceback" not in ended.stderr


def with_its_own_data(build: Build, folder: Path) -> Build:
    """The same build, whose data may be changed."""
    shutil.copytree(build.root / "data", folder / "data")
    (folder / "train").symlink_to(build.root / "train")
    return Build(folder)


def test_a_replay_that_data_json_does_not_describe_is_refused(build: Build, tmp_path: Path) -> None:
    own = with_its_own_data(build, tmp_path)
    table = tmp_path / "data" / "replay.parquet"
    rows = pyarrow.parquet.read_table(table)
    pyarrow.parquet.write_table(rows.slice(0, 999), table)
    with refuses(FindingError, "other-replay", "data.json", "`make data`"):
        load_test(Context(config(), own, tmp_path), misbehaving("none"))


def test_what_is_sent_and_data_json_does_not_describe_is_refused(build: Build, tmp_path: Path) -> None:
    own = with_its_own_data(build, tmp_path)
    file = tmp_path / "data" / "requests.parquet"
    rows = pyarrow.parquet.read_table(file)
    pyarrow.parquet.write_table(rows.slice(1), file)
    with refuses(FindingError, "other-replay", "requests.parquet"):
        load_test(Context(config(), own, tmp_path), misbehaving("none"))


@pytest.mark.parametrize(("absent", "first"), [("train", "make train"), ("data", "make data")])
def test_a_stage_out_of_order_says_which_command_comes_first(
    absent: str, first: str, build: Build, tmp_path: Path
) -> None:
    for part in {"train", "data"} - {absent}:
        (tmp_path / part).symlink_to(build.root / part)
    with pytest.raises(UsageError, match=f"Run `{first}` first"):
        load_test(Context(config(), Build(tmp_path), tmp_path), misbehaving("none"))
