"""Each protected route in every spelling: none of them opens it without its key, and only plain ones with it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.clients import Process, metric_in, running
from testbed.spellings import spellings
from tests.service.http.test_api_keys import CALLS, entry, keys_of

JSON_TYPE = "Content-Type: application/json"


@pytest.fixture(scope="module")
def guarded(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A real service that asks for keys."""
    root = tmp_path_factory.mktemp("guarded")
    keys_of(root, entry("open-sesame", "predict", "feedback", "export", "metrics"))
    with running(folder, root / "log", API_KEYS_FILE=str(root / "keys.json")) as started:
        yield started


def status_of(answer: bytes) -> int:
    assert answer.count(b"HTTP/1.1 ") == 1
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("path", CALLS)
def test_no_spelling_of_a_route_opens_it_without_a_key(
    guarded: Process, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, method, body = CALLS[path]
    became: Counter[int] = Counter()
    for name, spelling in spellings(path):
        status = status_of(guarded.exchange(spelling.request(method, body, JSON_TYPE)))
        assert status in ((401, 400) if spelling.is_plain else (401, 404, 400)), name
        became[status] += 1
    assert became[401] >= 4
    with capsys.disabled():
        print(f"\n{path}: {became.total()} spellings, answers {dict(became)}")


@pytest.mark.parametrize("path", CALLS)
def test_only_the_plain_spelling_of_a_route_opens_it_with_its_key(guarded: Process, path: str) -> None:
    _, method, body = CALLS[path]
    for name, spelling in spellings(path):
        request = spelling.request(method, body, JSON_TYPE, "Authorization: Bearer open-sesame")
        status = status_of(guarded.exchange(request))
        assert (status < 300) == (spelling.is_plain and status != 400), name


def test_what_is_not_spelled_plainly_is_counted_as_no_route(guarded: Process) -> None:
    before = counted(guarded)
    guarded.exchange(b"GET /%72equests HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert counted(guarded) == before + 1


def counted(guarded: Process) -> float:
    answer = guarded.exchange(
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer open-sesame\r\n\r\n"
    )
    return metric_in(answer.decode(), "requests_total", route="(none)", status="4xx")
