"""Measures what a prediction leaves behind: bytes of the log, series and samples, and the time to read a log again."""

import http.server
import shutil
import threading
import time
import urllib.request
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.capacity.load import closed, cpu_seconds
from benchmarks.capacity.serving import FULL, Bench
from contracts.model_folder import model_digest, read_card
from contracts.request_log import PREDICTIONS_GLOB
from reports.drift.log_reader import read_window
from service.log.upload import PACKING_LEVEL
from testbed.programs import answers, eventually, free_port, program, running

RECORDS_OF_A_FEW = 20_000
TARGETS, SCRAPES_SECONDS = 150, 20.0


@dataclass(frozen=True)
class LogVolume:
    """Bytes of a record, as written and as sent to a bucket; seconds of one core to pack it, and to read it again."""

    raw: float
    packed: float
    pack_seconds: float
    read_seconds: float


@dataclass(frozen=True)
class MetricVolume:
    """A replica's and an edge's series and the bytes of a scrape; what a series and a sample cost Prometheus."""

    series: int
    scrape_bytes: int
    edge_series: int
    bytes_of_a_series: float
    seconds_of_a_sample: float


def log_volume(bench: Bench, requests: Sequence[bytes], seed: int) -> LogVolume:
    """From the log of a real replica."""
    folder = bench.folder / "volumes"
    with bench.replicas(1, REQUEST_LOG_DIR=str(folder / "all"), LOG_ROTATE_MB="1024") as (server,):
        closed(server.address, requests, FULL, 3 * bench.seconds)
    (file,) = (folder / "all").glob(PREDICTIONS_GLOB)
    content = file.read_bytes()
    records = content.count(b"\n")
    began = time.process_time()
    packed = len(zlib.compress(content, PACKING_LEVEL))
    pack_seconds = time.process_time() - began
    few = folder / "few" / file.name
    few.parent.mkdir()
    few.write_bytes(b"".join(content.splitlines(keepends=True)[:RECORDS_OF_A_FEW]))
    read = {number: _read_seconds(bench.model, place, seed) for number, place in
            ((RECORDS_OF_A_FEW, few.parent), (records, file.parent))}  # fmt: skip
    shutil.rmtree(folder)
    more = (read[records] - read[RECORDS_OF_A_FEW]) / (records - RECORDS_OF_A_FEW)
    return LogVolume(len(content) / records, packed / records, pack_seconds / records, more)


def _read_seconds(model: Path, folder: Path, seed: int) -> float:
    """CPU seconds of the drift job's own reader."""
    began = time.process_time()
    read_window(folder, read_card(model), model_digest(model), seed)
    return time.process_time() - began


def metric_volume(bench: Bench) -> MetricVolume:
    """From real pages, and a real Prometheus that scrapes a replica's page as that of many."""
    with bench.replicas(2) as replicas, bench.edge(replicas) as edge:
        page = _page("http://{}:{}/metrics".format(*replicas[0].address))
        of_edge = _page(edge.kind.settings["inside"] + "/metrics")
    series = len(_series(page))
    bytes_of_one, seconds_of_one = _prometheus(bench.folder, page, series)
    return MetricVolume(series, len(page), len(_series(of_edge)), bytes_of_one, seconds_of_one)


def _page(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        page: bytes = answer.read()
        return page


def _series(page: bytes) -> list[bytes]:
    return [line for line in page.splitlines() if line and not line.startswith(b"#")]


def _prometheus(folder: Path, page: bytes, series: int) -> tuple[float, float]:
    """Bytes of memory for a series, and CPU seconds for a sample, beside a Prometheus with nothing to do."""
    idle, _, _ = _scraped(folder, page, 0)
    full, cpu, samples = _scraped(folder, page, TARGETS)
    return (full - idle) / (TARGETS * series), cpu / samples


def _scraped(folder: Path, page: bytes, targets: int) -> tuple[float, float, float]:
    """Resident bytes at the end, and CPU seconds and samples of the second half."""
    with _serving(page) as port:
        address = f"127.0.0.1:{port}"
        config = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [
                {"job_name": "replicas", "static_configs": [
                    {"targets": [address], "labels": {"replica": f"replica-{number}"}}
                    for number in range(targets)]}
            ],
        }  # fmt: skip
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        listens = free_port()
        options = {
            "config.file": folder / "prometheus.yml",
            "storage.tsdb.path": folder / f"tsdb-{targets}",
            "web.listen-address": f"127.0.0.1:{listens}",
        }
        command = (program("prometheus"), *(f"--{name}={value}" for name, value in options.items()))
        url = f"http://127.0.0.1:{listens}"
        with running(command, folder / "prometheus.log") as process:
            eventually(lambda: answers(f"{url}/-/ready"), "Prometheus is ready")
            time.sleep(SCRAPES_SECONDS / 2)
            before, counted = cpu_seconds(process.pid), _samples(url)
            time.sleep(SCRAPES_SECONDS / 2)
            cpu, samples = cpu_seconds(process.pid) - before, _samples(url) - counted
            status = Path(f"/proc/{process.pid}/status").read_text()
            return int(status.partition("VmRSS:")[2].split()[0]) * 1024.0, cpu, samples


def _samples(url: str) -> float:
    """Appended so far, from Prometheus' own page."""
    name = b"prometheus_tsdb_head_samples_appended_total"
    return sum(float(one.split()[-1]) for one in _series(_page(f"{url}/metrics")) if one.startswith(name))


@contextmanager
def _serving(page: bytes) -> Iterator[int]:
    """A page at every address, from a thread of its own."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
