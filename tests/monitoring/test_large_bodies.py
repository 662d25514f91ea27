"""A body that is too large is answered so, each time, directly and through the edge: a reset is no answer."""

import http.client
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from testbed.clients import read_until_closed
from testbed.serving import Serving, serving

TIMES = 8
PIECE = b" " * 10_000
PATHS = ("/predict", "/predict/batch", "/feedback", "/v2/models/tiny/infer")
# Above what the route takes; above MAX_BODY_BYTES; up to four times of that.
SIZES = (1_100_000, 8_000_000, 9_000_000, 30_000_000)


@pytest.fixture(scope="module")
def stack(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("edge"), model) as started:
        yield started


@pytest.fixture(params=["directly", "through the edge"])
def address(stack: Serving, request: pytest.FixtureRequest) -> str:
    return urlsplit(stack.url if request.param == "through the edge" else stack.replica_urls[0]).netloc


def status_of(connection: http.client.HTTPConnection, path: str, size: int, headers: Mapping[str, str]) -> int | str:
    """What comes of one POST, sent whole before the answer is read."""
    try:
        if "Transfer-Encoding" in headers:
            connection.request("POST", path, iter([PIECE] * (size // len(PIECE))), headers, encode_chunked=True)
        else:
            connection.request("POST", path, b" " * size, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


def statuses(address: str, path: str, size: int, **headers: str) -> Counter[int | str]:
    """Of TIMES connections."""
    became: Counter[int | str] = Counter()
    for _ in range(TIMES):
        connection = http.client.HTTPConnection(address, timeout=20)
        became[status_of(connection, path, size, {"Content-Type": "application/json"} | headers)] += 1
        connection.close()
    return became


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", PATHS)
def test_each_body_that_is_too_large_is_told_so(address: str, path: str, size: int) -> None:
    assert statuses(address, path, size) == {413: TIMES}
    assert statuses(address, path, size, Connection="close") == {413: TIMES}


@pytest.mark.parametrize("size", SIZES)
def test_so_is_one_of_unstated_length(address: str, size: int) -> None:
    assert statuses(address, "/predict", size, **{"Transfer-Encoding": "chunked"}) == {413: TIMES}


def test_what_is_refused_for_another_reason_is_told_that_too(address: str) -> None:
    assert statuses(address, "/predict", 8_000_000, **{"Content-Type": "text/plain"}) == {415: TIMES}
    assert statuses(address, "/feedback", 8_000_000, **{"Content-Type": "text/plain"}) == {415: TIMES}
    assert statuses(address, "/v2/models/other/infer", 8_000_000, Connection="close") == {404: TIMES}


def test_the_connection_serves_the_next_request(address: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=20)
    for _ in range(TIMES):
        assert status_of(connection, "/predict", 3_000_000, {"Content-Type": "application/json"}) == 413
        connection.request("GET", "/livez")
        assert connection.getresponse().read() == b'{"status":"live"}'
    connection.close()


def test_what_no_client_sends_by_mistake_is_refused_unread(address: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.putrequest("POST", "/predict")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(4 * 8 * 1024 * 1024 + 4))
    connection.endheaders(b" " * 200_000)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (413, "close")
    connection.close()


def test_one_setting_moves_the_limit_of_service_and_edge(model: Path, tmp_path: Path) -> None:
    with serving(tmp_path, model, MAX_BODY_BYTES="10000") as started:
        for url in (started.url, started.replica_urls[0]):
            address = urlsplit(url).netloc
            assert statuses(address, "/feedback", 9_000) == {400: TIMES}
            assert statuses(address, "/feedback", 11_000) == {413: TIMES}


def test_one_setting_is_when_service_and_edge_close_an_idle_connection(model: Path, tmp_path: Path) -> None:
    with serving(tmp_path, model, KEEP_ALIVE_SECONDS="1") as started:
        for url in (started.url, started.replica_urls[0]):
            # A quarter of what it is unless it is set.
            with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=15) as client:
                client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                assert read_until_closed(client).startswith(b"HTTP/1.1 200")
