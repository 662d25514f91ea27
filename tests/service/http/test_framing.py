"""Where a request ends: however that is said, right or wrong, a body never becomes a request of its own."""

from collections.abc import Iterator
from itertools import chain, islice

import httpx
import pytest

from testbed.clients import Process, running
from testbed.framings import at_random, cut_anywhere, each
from testbed.sent_framings import read_as_requests, tried
from testbed.served_folders import write_folder


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A service that takes bodies of several reads."""
    root = tmp_path_factory.mktemp("roomy")
    folder = write_folder(root / "model", max_batch_rows=1000)
    with running(folder, root / "log", HEADER_SECONDS="1", BODY_SECONDS="1", KEEP_ALIVE_SECONDS="2") as started:
        yield started


def test_no_framing_is_answered_more_often_than_it_holds_requests(
    roomy: Process, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = tried((roomy.host, roomy.port), chain(each(), islice(cut_anywhere(), 0, None, 5), islice(at_random(7), 500)))
    assert not seen.extra
    assert not seen.unanswered
    assert seen.others_without_theirs == 0
    assert read_as_requests(httpx.get(f"{roomy.url}/metrics").text) == 0
    assert seen.right > 500
    with capsys.disabled():
        print(f"\n{seen.tried} framings, {seen.requests} requests in them, {seen.answers} answers")
