"""What a client can make the edge keep: half a megabyte over HTTP/2 must not take the memory of everybody's edge.

HTTP/2 says a header once and then repeats it with one byte (RFC 7541), and a request whose body does not come holds its
headers. compose.yaml gives the edge 512 MB. The client here speaks HTTP/2 by hand, as no library would.
"""

import json
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbed.programs import free_port, status_of
from testbed.serving import EDGE_CONFIG, ROW, Serving, serving
from tests.monitoring.test_edge import certificate, whole_answer

DOMAIN = "api.example.org"
BODY = json.dumps(ROW).encode()
CONNECTIONS, STREAMS = 50, 100
MOST_GROWN_MB = 128
DATA, HEADERS, SETTINGS = 0, 1, 4
END_OF_HEADERS = 4
# Half of a request: its head without the end of its body.
HALF = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"


def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    return struct.pack("!I", len(content))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + content


def integer(value: int, first: int) -> bytes:
    """RFC 7541, 5.1, with a prefix of seven bits."""
    if value < 127:
        return bytes([first | value])
    found = [first | 127]
    value -= 127
    while value >= 128:
        found.append(value % 128 | 128)
        value //= 128
    return bytes([*found, value])


def text(value: bytes) -> bytes:
    return integer(len(value), 0) + value


def request(stream: int, repeats: int, body: bytes) -> bytes:
    """A POST that does not end. The first of a connection names a header of 4 kB; one byte repeats it."""
    block = b"\x83\x87\x04" + text(b"/predict") + b"\x01" + text(b"x")
    block += b"\x40" + text(b"x-a") + text(b"a" * 4_000) if stream == 1 else b"\xbe"
    block += b"\xbe" * (repeats - 1)
    return frame(HEADERS, END_OF_HEADERS, stream, block) + (frame(DATA, 0, stream, body) if body else b"")


@dataclass
class Edge:
    serving: Serving
    tls_port: int
    worker: int

    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.worker}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def opened(self) -> ssl.SSLSocket:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.tls_port), timeout=30))


@contextmanager
def tls_edge(folder: Path, model: Path, **given: str) -> Iterator[Edge]:
    certificate(folder, DOMAIN)
    port = free_port()
    settings = {"DOMAIN": DOMAIN, "EDGE_CERTIFICATES": str(folder), "EDGE_TLS_BIND": f"127.0.0.1:{port}"}
    with serving(folder, model, **settings, **given) as started:
        yield Edge(started, port, worker_of(started))


def worker_of(started: Serving) -> int:
    """The edge's process that serves: the child of the one that was started with the configuration."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    processes = [line.split(None, 2) for line in listed.splitlines() if str(EDGE_CONFIG) in line]
    by_pid = {int(pid): int(parent) for pid, parent, _ in processes}
    port = started.inside.rpartition(":")[2]
    ours = [
        pid for pid, parent in by_pid.items()
        if parent in by_pid and f":{port}" in Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    ]  # fmt: skip
    assert len(ours) == 1
    return ours[0]


@pytest.mark.parametrize(
    ("repeats", "body"),
    [(29, b""), (3, b""), (3, b" " * 16_000), (1, b" " * 4_000)],
    ids=["headers of 116 kB", "headers of 12 kB", "headers and a body", "bodies"],
)
def test_many_requests_that_do_not_end_take_little_memory_and_disturb_nobody(
    model: Path, tmp_path: Path, repeats: int, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with tls_edge(tmp_path, model) as edge, ExitStack() as stack:
        before, sent, most = edge.resident_mb(), 0, 0.0
        for _ in range(CONNECTIONS):
            client = stack.enter_context(edge.opened())
            requests = b"".join(request(2 * number + 1, repeats, body) for number in range(STREAMS))
            content = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, b"") + requests
            client.settimeout(2)
            with suppress(OSError):  # what is refused need not be read
                client.sendall(content)
            sent += len(content)
            most = max(most, edge.resident_mb())
        time.sleep(1)
        most = max(most, edge.resident_mb())
        assert most - before < MOST_GROWN_MB
        with capsys.disabled():
            print(f"\n{CONNECTIONS * STREAMS:,} requests in {sent / 1e6:.1f} MB: {most - before:.0f} MB grown")


def other_address(edge: Serving, source: str) -> int:
    host, port = edge.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10, source_address=(source, 0)) as client:
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
        client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        return int(client.makefile("rb").readline().split()[1])


def test_one_address_has_its_share_of_open_requests_and_others_have_theirs(model: Path, tmp_path: Path) -> None:
    with serving(tmp_path, model, EDGE_CLIENT_REQUESTS="4", BODY_SECONDS="60") as started, ExitStack() as stack:
        host, port = started.url.removeprefix("http://").split(":")
        for _ in range(4):
            client = stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
            client.sendall(HALF)
        time.sleep(0.5)
        assert b" 503 " in whole_answer(started.url, HALF).splitlines()[0]
        assert other_address(started, "127.0.0.2") == 200
        stack.close()
        time.sleep(0.5)
        assert status_of(f"{started.url}/predict", BODY) == 200


def test_one_address_has_its_share_of_idle_connections_and_others_have_theirs(model: Path, tmp_path: Path) -> None:
    with serving(tmp_path, model, EDGE_CLIENT_CONNECTIONS="20") as started, ExitStack() as stack:
        host, port = started.url.removeprefix("http://").split(":")
        held = [stays_open(stack, host, int(port)) for _ in range(30)]
        assert held == [True] * 20 + [False] * 10
        assert other_address(started, "127.0.0.2") == 200
        stack.close()
        time.sleep(0.5)
        assert status_of(f"{started.url}/predict", BODY) == 200


def stays_open(stack: ExitStack, host: str, port: int) -> bool:
    """Open a connection, and keep it until the stack ends. A refused one may be reset before `connect` returns."""
    with suppress(ConnectionResetError):
        client = stack.enter_context(socket.create_connection((host, port), timeout=10))
        client.settimeout(0.2)
        with suppress(TimeoutError):
            return client.recv(1) != b""
        return True
    return False
