"""The artifact service over HTTP, by the calls that the actions make."""

import io
import json
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.workflows.artifact_server import SERVICE, serving
from tests.workflows.artifact_store import ArtifactStore


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


@pytest.fixture
def address(store: ArtifactStore) -> Iterator[str]:
    with serving(store) as told:
        yield told["ACTIONS_RESULTS_URL"]


def call(address: str, method: str, **sent: Any) -> dict[str, Any]:
    request = urllib.request.Request(f"{address.rstrip('/')}{SERVICE}{method}", json.dumps(sent).encode())
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def put(url: str, body: bytes) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, body, method="PUT")) as answer:
        assert answer.status == 201


def zipped(**files: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def upload(address: str, name: str, **files: str) -> str:
    url = call(address, "CreateArtifact", name=name, version=7)["signed_upload_url"]
    put(url, zipped(**files))
    return str(call(address, "FinalizeArtifact", name=name)["artifact_id"])


def test_what_was_uploaded_is_listed_and_comes_back(address: str, store: ArtifactStore) -> None:
    number = upload(address, "train", model="bytes")
    (listed,) = call(address, "ListArtifacts")["artifacts"]
    assert (listed["name"], listed["database_id"]) == ("train", number)
    with urllib.request.urlopen(call(address, "GetSignedArtifactURL", name="train")["signed_url"]) as answer:
        assert answer.headers["Content-Type"] == "application/zip"
        assert zipfile.ZipFile(io.BytesIO(answer.read())).read("model") == b"bytes"
    assert (store.listed()[0].folder / "model").read_text() == "bytes"


def test_blocks_are_put_together_in_the_order_of_their_list(address: str, store: ArtifactStore) -> None:
    url = call(address, "CreateArtifact", name="train", version=7)["signed_upload_url"]
    content = zipped(model="bytes")
    for name, part in (("b", content[20:]), ("a", content[:20])):
        put(f"{url}&comp=block&blockid={name}", part)
    put(f"{url}&comp=blocklist", b"<BlockList><Latest>a</Latest><Latest>b</Latest></BlockList>")
    call(address, "FinalizeArtifact", name="train")
    assert (store.listed()[0].folder / "model").read_text() == "bytes"


def test_a_name_is_taken_once_an_attempt(address: str, store: ArtifactStore) -> None:
    upload(address, "train", model="first")
    with pytest.raises(HTTPError, match="409"):
        upload(address, "train", model="again")
    store.attempt = 2
    upload(address, "train", model="second")
    assert len(call(address, "ListArtifacts")["artifacts"]) == 2
    assert (store.latest()[0].folder / "model").read_text() == "second"


def test_one_is_found_by_its_number_and_gone_when_deleted(address: str) -> None:
    numbers = [upload(address, name, model="bytes") for name in ("train", "drift")]
    (found,) = call(address, "ListArtifacts", id_filter=numbers[1])["artifacts"]
    assert found["name"] == "drift"
    call(address, "DeleteArtifact", name="drift")
    assert [one["name"] for one in call(address, "ListArtifacts")["artifacts"]] == ["train"]


def test_it_is_kept_for_the_days_that_are_asked_for(address: str, store: ArtifactStore) -> None:
    call(address, "CreateArtifact", name="short", version=7, expires_at="2000-01-01T00:00:00Z")
    assert store.artifacts[0].gone_on <= 1
