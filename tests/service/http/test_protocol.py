"""Requests that are wrong before there is a body: each connection gets one documented answer or is closed, in time."""

import json
import select
import socket

import pytest

from service.http.problems import BAD_REQUEST, HEADERS_TOO_LARGE, TOO_LARGE, TOO_SLOW, Kind
from testbed.clients import JSON, Process, metric_in, read_until_closed
from testbed.hostile import GOOD
from testbed.sent_framings import statuses
from testbed.transports import ANSWERED, HEAD, STOPPED, status_of, whole

SLOW_SOCKETS = 500


@pytest.mark.parametrize("name", ANSWERED)
def test_every_transport_is_answered_once_and_closed(process: Process, name: str) -> None:
    sent, status = ANSWERED[name]
    check_answer(process.exchange(sent), status)


@pytest.mark.parametrize("name", STOPPED)
def test_what_stops_is_answered_once_and_closed_in_time(hurried: Process, name: str) -> None:
    check_answer(hurried.exchange(STOPPED[name]), 408)


def check_answer(answer: bytes, status: int) -> None:
    assert status_of(answer) == status
    assert answer.count(b"HTTP/1.1 ") == 1
    assert len(answer) <= 2400
    if status >= 400:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"application/problem+json" in head
        assert json.loads(body)["status"] == status


COUNTED = {
    BAD_REQUEST: ANSWERED["a NUL in a header"][0],
    TOO_SLOW: STOPPED["headers that stop"],
    HEADERS_TOO_LARGE: ANSWERED["a header of 17 kB"][0],
    TOO_LARGE: ANSWERED["a body announced too large"][0],
}


@pytest.mark.parametrize("kind", COUNTED, ids=lambda kind: kind.slug)
def test_each_refusal_of_the_connection_is_counted(process: Process, hurried: Process, kind: Kind) -> None:
    refusing = hurried if kind is TOO_SLOW else process
    with refusing.client() as client:
        before = metric_in(client.get("/metrics").text, "refusals_total", problem=kind.slug)
        refusing.exchange(COUNTED[kind])
        assert metric_in(client.get("/metrics").text, "refusals_total", problem=kind.slug) == before + 1


def test_requests_in_one_piece_are_answered_in_their_order(process: Process) -> None:
    answer = process.exchange(whole(extra=b"") + whole(b"{", extra=b"") + whole())
    assert [status_of(b"HTTP/1.1 " + one) for one in answer.split(b"HTTP/1.1 ")[1:]] == [200, 400, 200]


TOO_LARGE_A_HEAD = b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
# What is refused without a task of its own, and how.
REFUSED = {
    "a large head": (TOO_LARGE_A_HEAD, 431),
    "no request": (b"no request at all\r\n\r\n", 400),
    "a bad header": (b"GET /livez HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n", 400),
    "a bad chunk": (CHUNKED + b"zz\r\n", 400),
    "another large head behind it": (TOO_LARGE_A_HEAD + whole(), 431),
}


@pytest.mark.parametrize("earlier", [1, 2, 5])
@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_waits_for_the_answers_before_it(process: Process, name: str, earlier: int) -> None:
    sent, status = REFUSED[name]
    answer = process.exchange(whole(extra=b"") * earlier + sent)
    assert statuses(answer) == [200] * earlier + [status]


@pytest.mark.parametrize("name", REFUSED)
def test_so_does_one_that_comes_in_a_later_piece(process: Process, name: str) -> None:
    sent, status = REFUSED[name]
    with process.connect() as connection:
        connection.sendall(whole(extra=b"") + whole(extra=b"") + sent[:5])
        connection.sendall(sent[5:])
        assert statuses(read_until_closed(connection)) == [200, 200, status]


@pytest.mark.parametrize("stopped", [b"GET /livez HT", HEAD + b"Content-Length: 100\r\n\r\n{", CHUNKED + b"5\r\n{"])
def test_so_does_one_for_what_stops(hurried: Process, stopped: bytes) -> None:
    assert statuses(hurried.exchange(whole(extra=b"") * 2 + stopped)) == [200, 200, 408]


def test_a_request_that_arrives_byte_by_byte_in_time_is_answered(process: Process) -> None:
    with process.connect() as connection:
        for byte in whole():
            connection.sendall(bytes([byte]))
        assert status_of(read_until_closed(connection)) == 200


SPACES = b" " * 60_000
# Requests with a body of more than 16 kB, and how each is answered.
LARGE_BODIES = {
    "answered before its body": (b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", SPACES, 200),
    "too large for its route": (HEAD + b"Content-Length: 60000\r\n\r\n", SPACES, 413),
    "in chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nea60\r\n", SPACES + b"\r\n0\r\n\r\n", 413),
    "nowhere": (b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", SPACES, 404),
}


@pytest.mark.parametrize(("header_bytes", "status"), [(12_000, 200), (17_000, 431)])
@pytest.mark.parametrize("name", LARGE_BODIES)
def test_a_head_behind_a_large_body_has_its_own_room(
    process: Process, name: str, header_bytes: int, status: int
) -> None:
    begun, body, answered = LARGE_BODIES[name]
    following = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Large: " + b"x" * header_bytes + b"\r\n\r\n"
    with process.connect() as connection:
        connection.sendall(begun + body[:-20_000])
        connection.sendall(body[-20_000:] + following)
        received = read_until_closed(connection)
    found = statuses(received)
    assert found[-1] == status
    # What cannot be parsed closes at once, also where the request before it has no answer yet.
    assert found in ([answered, status], [status]) if status == 431 else found == [answered, status]


def test_a_second_slow_request_on_a_good_connection_is_ended_too(hurried: Process) -> None:
    answer = hurried.exchange(whole(extra=b"") + HEAD)
    assert [status_of(b"HTTP/1.1 " + one) for one in answer.split(b"HTTP/1.1 ")[1:]] == [200, 408]


def test_a_client_that_waits_for_100_continue_gets_it_only_for_a_body_that_fits(process: Process) -> None:
    expecting = HEAD + b"Expect: 100-continue\r\nConnection: close\r\n"
    with process.connect() as connection:
        connection.sendall(expecting + b"Content-Length: %d\r\n\r\n" % len(GOOD))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(GOOD)
        assert status_of(read_until_closed(connection)) == 200
    assert status_of(process.exchange(expecting + b"Content-Length: 9999999\r\n\r\n")) == 413


def test_slow_clients_are_closed_in_time_and_disturb_nobody(hurried: Process) -> None:
    slow = [hurried.connect() for _ in range(SLOW_SOCKETS)]
    for number, connection in enumerate(slow):
        connection.sendall(HEAD if number % 2 else HEAD + b"Content-Length: 300\r\n\r\n{")
    answers: list[int] = []
    with hurried.client() as client:
        while slow:
            answers.append(client.post("/predict", content=GOOD, headers=JSON).status_code)
            slow = [connection for connection in slow if not is_closed(connection)]
    assert set(answers) == {200}


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has closed; reads what it said before."""
    readable, _, _ = select.select([connection], [], [], 0)
    if not readable:
        return False
    try:
        if connection.recv(65_536):
            return False
    except ConnectionError:
        pass
    connection.close()
    return True
