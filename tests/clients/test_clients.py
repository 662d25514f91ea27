"""Each supported client gets what its documentation promises, directly and through the edge."""

import os
from collections.abc import Iterator

import pytest

from testbed.serving import Serving, serving
from testbed.tiny_build import write_model
from tests.clients.supported import CLIENTS, PAGE, Client


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("clients")
    write_model(folder / "model", max_batch_rows=1000)
    with serving(folder, folder / "model") as started:
        yield started


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
@pytest.mark.parametrize("way", ["directly", "through HAProxy"])
def test_each_call_of_a_supported_client_is_answered_as_expected(stack: Serving, client: Client, way: str) -> None:
    if not client.is_here() and not os.environ.get("CI"):
        pytest.skip(f"{client.command[0]} is not installed")
    found = client.statuses(stack.url if way == "through HAProxy" else stack.replica_urls[0])
    assert found.pop("version")
    assert found == {name: str(status) for name, status in client.expected.items()}


def test_the_page_has_every_client_and_no_call_that_failed() -> None:
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
    assert [row[0].removeprefix("| ") for row in rows if row[0] != "| ---"] == [client.name for client in CLIENTS]
    assert {cell.strip(" |") for row in rows for cell in row[2:]} <= {"yes", "–", "---"}
