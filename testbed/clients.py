"""How tests talk to the service: in this process to test its rules, or as a process of its own."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from contracts.request_log import LogName
from service.http.api_keys import Keys
from service.prediction.served_model import load_served_model
from service.serve import Service
from service.settings import Settings, read_settings

ROOT = Path(__file__).parents[1]
JSON = {"content-type": "application/json"}
# On a busy machine any process may wait for seconds. So a test sets the limits that it is about and relaxes all others.
PATIENCE_SECONDS = 120.0
PATIENT = dict.fromkeys(
    ("MAX_WAIT_SECONDS", "HEADER_SECONDS", "BODY_SECONDS", "WRITE_SECONDS", "GRACE_SECONDS"), str(PATIENCE_SECONDS)
)


class InProcess:
    """The real application, called without a server."""

    def __init__(self, model: Path, log: Path, keys: Keys | None = None, **settings: str) -> None:
        self.log = log
        self.settings = settings_of(model, log, **settings)
        log.mkdir(parents=True, exist_ok=True)
        self.service = Service(self.settings, load_served_model(model), keys)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.service.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, document: object, **headers: str) -> httpx.Response:
        return self.send(path, json.dumps(document).encode(), **headers)

    def send(self, path: str, body: bytes, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", path, content=body, headers=JSON | named)

    def records(self, name: LogName = "predictions") -> list[dict[str, Any]]:
        return records_in(self.log, name)

    def metric(self, name: str, /, **labels: str) -> float:
        return metric_in(self.get("/metrics").text, name, **labels)


def settings_of(model: Path, log: Path, **settings: str) -> Settings:
    return read_settings({"MODEL_DIR": str(model), "REQUEST_LOG_DIR": str(log), **PATIENT, **settings})


def records_in(folder: Path, name: LogName) -> list[dict[str, Any]]:
    """Every whole record in all files of a log."""
    lines = [line for path in sorted(folder.glob(f"{name}-*.jsonl")) for line in path.read_bytes().split(b"\n")]
    return [json.loads(line) for line in lines if line]


def metric_in(exposition: str, name: str, /, **labels: str) -> float:
    """The value of one series; KeyError if it does not exist."""
    wanted = "gatehouse_" + name
    if labels:
        wanted += "{" + ",".join(f'{key}="{labels[key]}"' for key in sorted(labels)) + "}"
    for line in exposition.splitlines():
        series, _, value = line.rpartition(" ")
        if series == wanted:
            return float(value)
    raise KeyError(wanted)


@dataclass
class Process:
    """A service that listens, as a child process."""

    child: "subprocess.Popen[bytes]"
    host: str
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def events(self, wanted: str) -> Iterator[dict[str, Any]]:
        """Lines of this kind, as they are written."""
        assert self.child.stdout is not None
        for line in self.child.stdout:
            event = json.loads(line)
            if event["event"] == wanted:
                yield event

    def event(self, wanted: str) -> dict[str, Any]:
        """The next line of this kind."""
        return next(self.events(wanted))

    def client(self, **headers: str) -> httpx.Client:
        """A client with a long timeout."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Client(base_url=self.url, headers=named, timeout=PATIENCE_SECONDS)

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=PATIENCE_SECONDS)

    def exchange(self, *pieces: bytes) -> bytes:
        """Send these bytes over one connection; returns all that is received until it is closed."""
        with self.connect() as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
            except OSError:
                pass
            return read_until_closed(connection)

    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.child.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> int:
        """Send SIGTERM; returns the exit code."""
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(timeout=PATIENCE_SECONDS)


def read_until_closed(connection: socket.socket) -> bytes:
    """All that is received until the other side closes or resets."""
    received = b""
    try:
        while piece := connection.recv(65_536):
            received += piece
    except ConnectionError:
        pass
    return received


@contextmanager
def running(model: Path, log: Path, **settings: str) -> Iterator[Process]:
    """A real service on a free port, killed at the end if it still runs."""
    child = start(model, log, **settings)
    try:
        assert child.stdout is not None
        for line in child.stdout:
            event = json.loads(line)
            if event["event"] == "listening":
                yield Process(child, event["host"], event["port"], log)
                break
        else:
            raise AssertionError(f"the service ended with exit code {child.wait()}")
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def start(model: Path, log: Path, *arguments: str, **settings: str) -> "subprocess.Popen[bytes]":
    """Start the command; it may fail."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "MODEL_DIR": str(model),
        "REQUEST_LOG_DIR": str(log),
        "PORT": "0",
        "DRAIN_SECONDS": "0",
        **PATIENT,
        **settings,
    }
    command = [sys.executable, "-m", "service", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
