"""An open-loop client during a rollout: `python -m deploy.rollout.steady_client`, until its standard input closes.

Each request is due at a fixed time, whether or not earlier ones were answered, and its latency counts from then. Half
of the requests use kept connections, half new ones. There are no retries: each failure counts. Every pass over the rows
has another random order: in a fixed order, a round-robin edge would send each version the same few rows for ever.

Reads   --rows, a JSON list of rows to predict; standard input, whose end ends it
Writes  --out: one line of CSV for each request, as `Request` names its fields
"""

import argparse
import csv
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from random import Random
from time import perf_counter
from urllib.parse import urlsplit

import numpy as np

from deploy.load_client import Exchange, LoadClient, request_bytes

ANSWER_SECONDS = 10.0
MOST_CONNECTIONS = 1000
POLL_SECONDS = 0.1
STOP_SECONDS = 30.0
KINDS = ("new", "kept")


@dataclass(frozen=True)
class Request:
    """One request. `due`: seconds since 1970; `model`: the digest that answered; `error`: empty where all was right."""

    due: float
    latency_ms: float
    kind: str
    status: int
    model: str
    error: str


@dataclass(frozen=True)
class Summary:
    """The figures of many requests. `by_model`: answers per model digest; latencies in ms, NaN if there are none."""

    requests: int
    failed: int
    errors: tuple[str, ...]
    p50_ms: float
    p99_ms: float
    by_model: dict[str, int]


class SteadyClient:
    """Sends requests at a fixed rate and keeps the result of each."""

    def __init__(self, url: str, rows: Sequence[object], rate: float) -> None:
        place = urlsplit(url)
        self._address = place.hostname or "127.0.0.1", place.port or 80
        self._requests = [request_bytes("/predict", json.dumps(row).encode()) for row in rows]
        self._random, self._left = Random(0), list[bytes]()
        self._rate = rate
        self.seen: list[Request] = []

    def run(self, is_over: Callable[[], bool]) -> None:
        """Send until `is_over`, then wait for every answer."""
        # perf_counter paces the client; this converts it to wall time, to compare it with the time of the switch.
        offset = time.time() - perf_counter()
        started, number = perf_counter(), 0
        with LoadClient(self._address, MOST_CONNECTIONS) as client:
            while not (ended := is_over()) or client.waiting:
                due = started + number / self._rate
                if not ended and perf_counter() >= due and self._send(client, number, due):
                    number, due = number + 1, due + 1 / self._rate
                client.give_up(perf_counter() - ANSWER_SECONDS)
                pause = POLL_SECONDS if ended else min(POLL_SECONDS, max(0.0, due - perf_counter()))
                self.seen += [_request(one, offset) for one in client.poll(pause)]

    def _send(self, client: LoadClient, number: int, due: float) -> bool:
        kind = KINDS[number % 2]
        if not self._left:
            self._left = self._random.sample(self._requests, len(self._requests))
        if sent := client.send(self._left[-1], due, kind, on_new=kind == "new"):
            self._left.pop()
        return sent


def _request(seen: Exchange, offset: float) -> Request:
    model, error = "", ""
    if seen.status == 200:
        with suppress(ValueError, AttributeError):
            model = json.loads(seen.body).get("model", "")
    if not model:
        error = f"status {seen.status}: {seen.body[:80].decode(errors='replace')}"
    return Request(round(seen.due + offset, 6), round(seen.seconds * 1000, 3), seen.tag, seen.status, model, error)


class Running:
    """A client in a process of its own, so that this process does not slow it down."""

    def __init__(self, process: "subprocess.Popen[bytes]", out: Path) -> None:
        self._process, self._out = process, out

    def stop(self) -> list[Request]:
        """End it and return every request. Raises RuntimeError where the client itself failed."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        if self._process.wait(STOP_SECONDS) != 0:
            raise RuntimeError(f"the client ended with code {self._process.returncode}")
        return read_requests(self._out)


@contextmanager
def traffic(url: str, rows: Sequence[object], rate: float, folder: Path) -> Iterator[Running]:
    """A running client, whose `stop` returns its requests; always ended with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    rows_file, out = folder / "rows.json", folder / "requests.csv"
    rows_file.write_text(json.dumps(list(rows)), encoding="utf-8")
    # Not __name__, which is "__main__" if this is the command itself.
    command = [sys.executable, "-m", "deploy.rollout.steady_client", "--url", url]
    command += ["--rows", str(rows_file), "--rate", str(rate), "--out", str(out)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        yield Running(process, out)
    finally:
        process.kill()
        process.wait()


def read_requests(path: Path) -> list[Request]:
    """The requests that a client wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Request(
                float(row["due"]), float(row["latency_ms"]), row["kind"], int(row["status"]), row["model"], row["error"]
            )
            for row in csv.DictReader(file)
        ]


def summary(requests: Sequence[Request]) -> Summary:
    """The figures of many requests. Failed ones count in the latencies, too."""
    latencies = np.array([one.latency_ms for one in requests] or [np.nan])
    models = [one.model for one in requests if not one.error]
    return Summary(
        requests=len(requests),
        failed=sum(bool(one.error) for one in requests),
        errors=tuple(sorted({one.error for one in requests if one.error})),
        p50_ms=round(float(np.percentile(latencies, 50)), 2),
        p99_ms=round(float(np.percentile(latencies, 99)), 2),
        by_model={model: models.count(model) for model in sorted(set(models))},
    )


def _end_of_stdin() -> threading.Event:
    """Set once standard input closes."""
    ended = threading.Event()

    def read() -> None:
        sys.stdin.buffer.read()
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    return ended


def main() -> None:
    """Run as a process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="the edge")
    parser.add_argument("--rows", type=Path, required=True, help="a JSON list of rows")
    parser.add_argument("--rate", type=float, required=True, help="requests a second")
    parser.add_argument("--out", type=Path, required=True, help="a CSV file")
    asked = parser.parse_args()
    client = SteadyClient(asked.url, json.loads(asked.rows.read_text(encoding="utf-8")), asked.rate)
    client.run(_end_of_stdin().is_set)
    with asked.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Request)])
        writer.writeheader()
        writer.writerows(asdict(one) for one in client.seen)


if __name__ == "__main__":
    main()
