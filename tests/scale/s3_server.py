"""A real S3 server for tests, started by the command in S3_SERVER, and a line to it that fails as networks do.

`$S3_SERVER up BUCKET` starts it on S3_PORT, makes the bucket and prints `export NAME=value …` for its clients;
`$S3_SERVER down --keep` stops it and keeps what it has, without --keep it is gone. docs/scale.md says what stands in
where there is no such command.
"""

import os
import random
import resource
import shlex
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import psutil
import pytest

COMMAND = "S3_SERVER"
BUCKET = "gatehouse-test"
PIECE_BYTES = 8 * 1024
NO_ROOM_BYTES = 1


def skip(reason: str) -> None:
    """Skip the test with a sentence; where everything must run (make scale-test), fail it."""
    (pytest.fail if os.environ.get("NO_SKIPS") else pytest.skip)(reason)


class S3Server:
    """One server, up or down. `environment`: what its clients are told."""

    def __init__(self) -> None:
        command = os.environ.get(COMMAND)
        if not command:
            skip(f"{COMMAND} names no command that starts an S3 server (docs/scale.md).")
        self._command = shlex.split(str(command))
        # It takes the next four as well, and each of the five plus 10,000.
        port = os.environ.get("S3_PORT") or str(random.randrange(20_000, 30_000, 10))
        self._settings = os.environ | {"S3_PORT": port}
        self.environment: dict[str, str] = {}

    def up(self) -> None:
        said = self._run("up", BUCKET)
        self.environment = dict(one.split("=", 1) for one in shlex.split(said)[1:])

    def down(self, *, keep: bool) -> None:
        self._run("down", *(["--keep"] if keep else []))

    def kill(self) -> None:
        """kill -9, in the middle of whatever it does; it keeps what it has."""
        process = psutil.Process(self._process())
        process.kill()
        process.wait(10)
        self.down(keep=True)

    @property
    def port(self) -> int:
        return int(self._settings["S3_PORT"])

    @contextmanager
    def full(self) -> Iterator[None]:
        """No file of the server may grow: what it writes fails as on a full disk."""
        process = self._process()
        before = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (NO_ROOM_BYTES, before[1]))
        try:
            yield
        finally:
            resource.prlimit(process, resource.RLIMIT_FSIZE, before)

    def _process(self) -> int:
        """Whoever listens on its port."""
        found = (one.pid for one in psutil.net_connections("tcp") if one.laddr and one.laddr.port == self.port)
        return int(next(pid for pid in found if pid))

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments], env=self._settings, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout


Line = Literal["open", "slow", "busy", "gone"]
BUSY = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: 42\r\nConnection: close\r\n\r\n"
    b"<Error><Code>SlowDown</Code></Error>      "
)


class FaultyLine(socketserver.ThreadingTCPServer):
    """Listens before the server. `state`: passes everything on, at `bytes_a_second`, answers 503, or hangs up."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, bytes_a_second: int = 200_000) -> None:
        super().__init__(("127.0.0.1", 0), _Passed)
        self.server_port, self.bytes_a_second = port, bytes_a_second
        self.state: Line = "open"
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Passed(socketserver.BaseRequestHandler):
    server: FaultyLine

    def handle(self) -> None:
        self.server.connections += 1
        if self.server.state == "gone":
            return
        if self.server.state == "busy":
            self.request.recv(65_536)
            self.request.sendall(BUSY)
            return
        with socket.create_connection(("127.0.0.1", self.server.server_port)) as beyond:
            back = threading.Thread(target=self._pass, args=(beyond, self.request), daemon=True)
            back.start()
            self._pass(self.request, beyond)
            back.join()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(PIECE_BYTES):
                if self.server.state == "slow":
                    time.sleep(len(piece) / self.server.bytes_a_second)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return


@contextmanager
def faulty_line(port: int) -> Iterator[FaultyLine]:
    with FaultyLine(port) as line:
        threading.Thread(target=line.serve_forever, daemon=True).start()
        try:
            yield line
        finally:
            line.shutdown()
