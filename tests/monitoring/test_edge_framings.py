"""Where a request ends, through HAProxy and through an nginx of a user's own: both see it where the service does."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from testbed.framings import at_random, cut_anywhere, each
from testbed.nginx import POOLED, WEBSOCKET, nginx
from testbed.programs import text_of
from testbed.sent_framings import read_as_requests, tried
from testbed.serving import Serving, serving


@pytest.fixture(scope="module")
def edge(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("edge"), model) as started:
        yield started


@pytest.fixture(params=["HAProxy", "nginx"])
def url(request: pytest.FixtureRequest, edge: Serving, tmp_path: Path) -> Iterator[str]:
    if request.param == "HAProxy":
        yield edge.url
        return
    address = urlsplit(edge.replica_urls[0]).netloc
    with nginx(tmp_path / "nginx", WEBSOCKET, POOLED.format(address=address)) as started:
        yield started


def test_no_framing_is_answered_more_often_through_a_proxy_than_it_holds_requests(
    url: str, edge: Serving, capsys: pytest.CaptureFixture[str]
) -> None:
    address = urlsplit(url).hostname or "", urlsplit(url).port or 0
    seen = tried(address, chain(each(), islice(cut_anywhere(), 0, None, 20), islice(at_random(7), 300)))
    assert not seen.extra
    assert not seen.unanswered
    assert seen.others_without_theirs == 0
    assert sum(read_as_requests(text_of(f"{replica}/metrics")) for replica in edge.replica_urls) == 0
    assert seen.right > 200
    with capsys.disabled():
        print(f"\n{seen.tried} framings, {seen.requests} requests in them, {seen.answers} answers")
