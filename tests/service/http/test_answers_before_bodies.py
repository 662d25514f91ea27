"""A request that is refused by its headers is answered before its body arrives, once, and its connection goes on."""

import json
import os
import select
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.http.body import DISCARD_FACTOR, PAUSE_SECONDS
from testbed.clients import PATIENCE_SECONDS, Process, read_until_closed, running
from testbed.nginx import POOLED, WEBSOCKET, nginx
from testbed.programs import free_port, program
from testbed.sent_framings import statuses
from tests.service.http.test_api_keys import entry

BEGUN, REST = b'{"rows"', b":[]}"
FRAMINGS = {
    "a stated length": (b"Content-Length: %d\r\n\r\n" % len(BEGUN + REST) + BEGUN, REST),
    "chunks": (b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(BEGUN), BEGUN), b"4\r\n:[]}\r\n0\r\n\r\n"),
}
ROUTES = (
    b"POST /predict",
    b"POST /predict/batch",
    b"POST /feedback",
    b"POST /v2/models/drawn/infer",
    b"POST /v2/models/drawn/versions/1/infer",
    b"GET /requests",
    b"HEAD /model",
    b"PUT /metrics",
    b"POST /nothing",
    b"POST /%70redict",
)
TYPES = {"JSON": b"application/json", "Arrow": b"application/vnd.apache.arrow.stream"}
KEYS = {"no key": b"", "a wrong key": b"Authorization: Bearer wrong\r\n"}
PLAIN = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module", params=["at once", "coalesced"])
def guarded(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Process]:
    """A service that wants a key. `coalesced`: with another request at work, beside which answers are sent together."""
    root = tmp_path_factory.mktemp("guarded")
    keys = root / "keys.json"
    keys.write_text(json.dumps({"keys": [entry("feedback-key", "feedback"), entry("any", "predict")]}))
    with running(folder, root / "log", API_KEYS_FILE=str(keys)) as started:
        if request.param == "at once":
            yield started
            return
        with started.connect() as other:
            other.sendall(head(b"POST /predict", b"Authorization: Bearer any\r\n") + b"Content-Length: 9\r\n\r\n{")
            yield started


def head(line: bytes, extra: bytes = b"", content_type: bytes = TYPES["JSON"]) -> bytes:
    """A request's head, but for what says where its body ends."""
    return b"%b HTTP/1.1\r\nHost: x\r\nContent-Type: %b\r\n%b" % (line, content_type, extra)


def answer_of(connection: socket.socket, is_head: bool = False) -> int:
    """The status of the next answer, of which everything is read."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += more(connection)
    start, _, body = received.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in start.split(b"\r\n")[1:])
    while not is_head and len(body) < int(fields[b"content-length"]):
        body += more(connection)
    return int(start[9:12])


def more(connection: socket.socket) -> bytes:
    piece = connection.recv(65_536)
    assert piece, "closed without an answer"
    return piece


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("line", ROUTES, ids=bytes.decode)
def test_a_body_is_not_waited_for_without_a_key(guarded: Process, line: bytes, framing: str) -> None:
    begun, rest = FRAMINGS[framing]
    for content_type, key in zip(TYPES.values(), KEYS.values(), strict=True):
        with guarded.connect() as connection:
            connection.sendall(head(line, key, content_type) + begun)
            # A path that is spelled otherwise is nowhere, whatever the key.
            assert answer_of(connection, line.startswith(b"HEAD")) == (404 if b"%" in line else 401)
            connection.sendall(rest + PLAIN)
            assert statuses(read_until_closed(connection)) == [200]


REFUSED = {
    "a key without the scope": (b"POST /predict", b"Authorization: Bearer feedback-key\r\n", b"application/json", 403),
    "another type": (b"POST /predict", b"Authorization: Bearer any\r\n", b"text/plain", 415),
    "another type, by the router": (b"POST /feedback", b"Authorization: Bearer feedback-key\r\n", b"text/plain", 415),
    "another type of answer": (
        b"POST /predict/batch",
        b"Authorization: Bearer any\r\nAccept: text/html\r\n",
        b"application/json",
        406,
    ),
    "another method": (b"POST /model", b"Authorization: Bearer any\r\n", b"application/json", 405),
    "no such route": (b"POST /nothing", b"Authorization: Bearer any\r\n", b"application/json", 404),
}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", REFUSED)
def test_nor_where_the_headers_tell_another_refusal(guarded: Process, name: str, framing: str) -> None:
    line, extra, content_type, status = REFUSED[name]
    begun, rest = FRAMINGS[framing]
    with guarded.connect() as connection:
        connection.sendall(head(line, extra, content_type) + begun)
        assert answer_of(connection) == status
        connection.sendall(rest + PLAIN)
        assert statuses(read_until_closed(connection)) == [200]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_connection_that_is_to_close_closes_after_the_body(guarded: Process, framing: str) -> None:
    begun, rest = FRAMINGS[framing]
    with guarded.connect() as connection:
        connection.sendall(head(b"POST /predict", b"Connection: close\r\n") + begun)
        assert answer_of(connection) == 401
        connection.sendall(rest)
        assert read_until_closed(connection) == b""


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_body_that_never_ends_gets_one_answer(folder: Path, tmp_path: Path, guarded: Process, framing: str) -> None:
    with running(
        folder, tmp_path / "log", API_KEYS_FILE=str(guarded.log.parent / "keys.json"), BODY_SECONDS="1"
    ) as hurried:
        assert statuses(hurried.exchange(head(b"POST /predict") + FRAMINGS[framing][0])) == [401]


def test_a_body_that_trickles_is_not_waited_for_either(folder: Path, tmp_path: Path, guarded: Process) -> None:
    keys = str(guarded.log.parent / "keys.json")
    with running(folder, tmp_path / "log", API_KEYS_FILE=keys, BODY_SECONDS="4") as slow, slow.connect() as connection:
        connection.sendall(head(b"POST /predict") + b"Content-Length: 100000\r\n\r\n")
        while not select.select([connection], [], [], 0.1)[0]:
            connection.sendall(b" ")
        assert answer_of(connection) == 401


MAX_BODY_BYTES = 100_000
MOST_DISCARDED = DISCARD_FACTOR * MAX_BODY_BYTES
# More than the sockets of both sides hold.
FLOOD = 60_000_000
CHUNK = b"10000\r\n" + b" " * 65_536 + b"\r\n"
FLOODED = {
    "no key": (b"POST /predict", b"", 401),
    "no such route": (b"POST /nothing", b"Authorization: Bearer any\r\n", 404),
    "another type, by the router": (
        b"POST /feedback", b"Authorization: Bearer feedback-key\r\nContent-Encoding: gzip\r\n", 415,
    ),
    "a body that nobody asked for": (b"GET /livez", b"", 200),
}  # fmt: skip


@pytest.fixture(scope="module")
def small(folder: Path, tmp_path_factory: pytest.TempPathFactory, guarded: Process) -> Iterator[Process]:
    """A service that discards up to MOST_DISCARDED bytes of a refused body."""
    keys = str(guarded.log.parent / "keys.json")
    log = tmp_path_factory.mktemp("small") / "log"
    with running(folder, log, API_KEYS_FILE=keys, MAX_BODY_BYTES=str(MAX_BODY_BYTES)) as started:
        yield started


def taken(connection: socket.socket) -> int:
    """How many bytes of a body in chunks without an end are taken before the connection is closed, up to FLOOD."""
    sent = 0
    try:
        while sent < FLOOD:
            connection.sendall(CHUNK)
            sent += len(CHUNK)
    except OSError:
        pass
    return sent


@pytest.mark.parametrize("is_slow_at_first", [False, True], ids=["at once", "after a pause"])
@pytest.mark.parametrize("name", FLOODED)
def test_of_a_body_without_an_end_a_bounded_part_is_read(small: Process, name: str, is_slow_at_first: bool) -> None:
    line, extra, status = FLOODED[name]
    with small.connect() as connection:
        connection.sendall(head(line, extra) + b"Transfer-Encoding: chunked\r\n\r\n")
        if is_slow_at_first:
            assert answer_of(connection) == status
        assert taken(connection) < FLOOD


def test_a_body_within_that_part_leaves_the_connection_open(small: Process) -> None:
    body = CHUNK * (MOST_DISCARDED // len(CHUNK)) + b"0\r\n\r\n"
    with small.connect() as connection:
        connection.sendall(head(b"POST /predict") + b"Transfer-Encoding: chunked\r\n\r\n" + body)
        assert answer_of(connection) == 401
        connection.sendall(PLAIN)
        assert statuses(read_until_closed(connection)) == [200]


def test_a_body_that_is_not_sent_before_100_continue_is_not_asked_for(guarded: Process) -> None:
    expecting = head(b"POST /predict", b"Expect: 100-continue\r\n") + b"Content-Length: 9\r\n\r\n"
    answer = guarded.exchange(expecting)
    assert statuses(answer) == [401]
    assert b"100 Continue" not in answer
    assert b"connection: close" in answer


def test_requests_in_one_piece_are_answered_once_each(guarded: Process) -> None:
    begun, rest = FRAMINGS["a stated length"]
    one = head(b"POST /predict") + begun + rest
    assert statuses(guarded.exchange(one * 20 + PLAIN)) == [401] * 20 + [200]


@pytest.mark.parametrize("size", [300_000, 3_000_000])
def test_a_client_of_http_2_gets_its_refusal_with_a_body_of_any_size(
    guarded: Process, tmp_path: Path, size: int
) -> None:
    port = free_port()
    locations = f"{WEBSOCKET}\nlisten 127.0.0.1:{port} http2;"
    curl = [
        program("curl"),
        "-s",
        "--http2-prior-knowledge",
        "-w",
        " %{http_code} %{time_total}",
        "-T",
        "-",
        "-X",
        "POST",
    ]
    command = [*curl, f"http://127.0.0.1:{port}/predict"]
    with nginx(tmp_path / "nginx", locations, POOLED.format(address=f"{guarded.host}:{guarded.port}")):
        said = [subprocess.run(command, input=b" " * size, capture_output=True).stdout.split()[-2:] for _ in range(8)]
    # On a busy machine curl itself may pause for so long that the answer goes first.
    flowing = [status for status, seconds in said if float(seconds) < PAUSE_SECONDS]
    assert set(flowing) <= {b"401"}
    assert flowing or os.getloadavg()[0] > (os.cpu_count() or 1)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_so_it_is_through_an_nginx_that_passes_bodies_on_as_they_arrive(
    guarded: Process, tmp_path: Path, framing: str
) -> None:
    begun, rest = FRAMINGS[framing]
    with nginx(tmp_path / "nginx", WEBSOCKET, POOLED.format(address=f"{guarded.host}:{guarded.port}")) as url:
        address = urlsplit(url).hostname, urlsplit(url).port
        for _ in range(5):
            with socket.create_connection(address, timeout=PATIENCE_SECONDS) as connection:
                connection.sendall(head(b"POST /predict") + begun)
                assert answer_of(connection) == 401
                connection.sendall(rest)
            with socket.create_connection(address, timeout=PATIENCE_SECONDS) as other:
                other.sendall(PLAIN)
                assert statuses(read_until_closed(other)) == [200]
