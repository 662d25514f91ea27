"""Clients that never read their answers: 40 exports of a large log, then 200 times the largest file of /docs.

Memory may grow by 50 MB at most. Other clients must not be slowed: their p99 is compared with and without, in turns.
"""

import json
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

from benchmarks.faults.figure import Figure, all_of, at_most, note, quantile
from benchmarks.faults.service_under_test import RunningService, running_service
from deploy.load_client import Exchange, LoadClient, request_bytes
from testbed.hostile import GOOD
from testbed.served_folders import write_folder

EXPORTS, PAGES = 40, 200
LOG_MB = 100
MAX_GROWN_MB = 50.0
MAX_TIMES_P99 = 2.0
OTHERS_A_SECOND = 500
SECONDS, ROUNDS = 4.0, 5
WINDOW_SECONDS = 1.0
EXPORT = request_bytes("/requests")
PAGE = request_bytes("/docs/swagger-ui-bundle.js")


def run(folder: Path) -> list[Figure]:
    """A new service for each kind of answer, because the first one's memory does not shrink again."""
    model = write_folder(folder / "model")
    kinds: tuple[tuple[str, bytes, int], ...] = (("exports", EXPORT, EXPORTS), ("pages", PAGE, PAGES))
    figures = []
    for name, request, count in kinds:
        log = folder / name
        write_log(log)
        with running_service(model, log) as service:
            figures += beside(service, f"{count} unread {name}", request, count)
    return figures


def write_log(folder: Path) -> None:
    """A finished file of LOG_MB, of records as the service writes them."""
    folder.mkdir()
    record = {"v": 1, "id": "01a20810-28ff-7abe-9eb0-0fe602519762", "at_us": time.time_ns() // 1000, "model": "m"}
    line = json.dumps(record | {"features": json.loads(GOOD), "prediction": "yes"}, separators=(",", ":")) + "\n"
    (folder / "predictions-0-0.jsonl").write_text(line * (LOG_MB * 1_000_000 // len(line)))


def beside(service: RunningService, name: str, request: bytes, count: int) -> list[Figure]:
    """The others without and with this many clients that do not read, in turns, after a warm-up."""
    others(service, SECONDS)
    idle = most = service.process.resident_bytes()
    without: list[Exchange] = []
    meanwhile: list[Exchange] = []
    for _ in range(ROUNDS):
        without += others(service, SECONDS)[0]
        with ExitStack() as stack:
            for _ in range(count):
                ask_and_never_read(stack, service, request)
            answered, highest = others(service, SECONDS)
        meanwhile += answered
        most = max(most, highest)
    served = sum(one.status == 200 for one in meanwhile)
    return [
        at_most(f"beside {name}: memory grown at its highest", (most - idle) / 1e6, MAX_GROWN_MB, " MB"),
        all_of(f"beside {name}: other clients' requests answered 200", served, len(meanwhile), "requests"),
        at_most(f"beside {name}: their p99, of that without", p99(meanwhile) / p99(without), MAX_TIMES_P99, " times"),
        note(f"beside {name}: p99 without and with", f"{1000 * p99(without):.2f} and {1000 * p99(meanwhile):.2f} ms"),
    ]


def ask_and_never_read(stack: ExitStack, service: RunningService, request: bytes) -> None:
    """Send a request with a small receive buffer, and leave the answer unread."""
    opened = stack.enter_context(socket.socket())
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    opened.settimeout(SECONDS)
    opened.connect(service.address)
    opened.sendall(request)


def others(service: RunningService, seconds: float) -> tuple[list[Exchange], int]:
    """The results of a steady load, and the service's peak memory meanwhile, in bytes."""
    request = request_bytes("/predict", GOOD)
    ended: list[Exchange] = []
    most = sent = 0
    with LoadClient(service.address, at_most=64) as client:
        started = perf_counter()
        while (now := perf_counter()) < started + seconds or client.waiting:
            due = started + sent / OTHERS_A_SECOND
            if started + seconds > now >= due and client.send(request, due):
                sent += 1
                if sent % 50 == 0:
                    most = max(most, service.process.resident_bytes())
            ended += client.poll(0.001)
    return ended, most


def p99(exchanges: Sequence[Exchange]) -> float:
    """p99 in seconds: the median over windows of one second, so that a single pause of the machine does not decide."""
    first = exchanges[0].due
    windows: dict[int, list[float]] = {}
    for one in exchanges:
        windows.setdefault(int((one.due - first) / WINDOW_SECONDS), []).append(one.seconds)
    return quantile([quantile(seconds, 0.99) for seconds in windows.values()], 0.5)
