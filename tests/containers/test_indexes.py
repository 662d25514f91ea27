"""Indexes of images, made by hand in a real registry: attestations and other platforms are looked through."""

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from contracts.image import MODEL_LABEL, PushedImage
from deploy.digests import image_id, sha256
from deploy.engine import docker
from deploy.image.build import self_test
from deploy.registry.push import push_built
from deploy.registry.registry import WrongDigestError, labels_of, look_up, move_tag, pull
from tests.containers.conftest import Built

INDEX, MANIFEST = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"
pytestmark = pytest.mark.image_store
NOBODY = {"os": "unknown", "architecture": "unknown"}


@dataclass(frozen=True)
class Repository:
    """One repository, and the image of this engine's platform that was pushed to it."""

    name: str
    pushed: PushedImage

    def reference(self, content: dict[str, Any]) -> str:
        return f"{self.name}@{sha256(json.dumps(content).encode())}"

    def put(self, content: dict[str, Any], media_type: str) -> dict[str, Any]:
        """Put a manifest or an index there; its descriptor."""
        body = json.dumps(content).encode()
        self._send("PUT", f"manifests/{sha256(body)}", body, media_type)
        return {"mediaType": media_type, "digest": sha256(body), "size": len(body)}

    def put_index(self, entries: Sequence[dict[str, Any]]) -> str:
        """Put an index of these there; its reference."""
        return (
            f"{self.name}@{self.put({'schemaVersion': 2, 'mediaType': INDEX, 'manifests': entries}, INDEX)['digest']}"
        )

    def ours(self) -> dict[str, Any]:
        """The pushed image as an entry of an index."""
        raw = docker("buildx", "imagetools", "inspect", "--raw", self.pushed.reference)
        return {
            "mediaType": json.loads(raw)["mediaType"],
            "digest": self.pushed.reference.partition("@")[2],
            "size": len(raw),
            "platform": platform_here(),
        }

    def another(self, platform: dict[str, str]) -> dict[str, Any]:
        """An image of no layers, as an entry for that platform."""
        config = json.dumps({**platform, "rootfs": {"type": "layers", "diff_ids": []}, "config": {}}).encode()
        location = self._send("POST", "blobs/uploads/", b"", "application/octet-stream")
        self._send("PUT", f"{location}&digest={sha256(config)}", config, "application/octet-stream")
        about = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(config), "size": len(config)}
        content = {"schemaVersion": 2, "mediaType": MANIFEST, "config": about, "layers": []}
        return self.put(content, MANIFEST) | {"platform": platform}

    def attestation(self) -> dict[str, Any]:
        """What buildx puts beside an image: a manifest of no platform that speaks of it."""
        about = {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": self.ours()["digest"],
        }
        return self.another(NOBODY) | {"annotations": about}

    def _send(self, method: str, path: str, body: bytes, media_type: str) -> str:
        host, _, repository = self.name.partition("/")
        url = path if path.startswith("http") else f"http://{host}/v2/{repository}/{path}"
        request = urllib.request.Request(url, body, {"content-type": media_type}, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.headers.get("location", ""))


def platform_here() -> dict[str, str]:
    system, _, architecture = docker("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}").partition("/")
    return {"os": system, "architecture": architecture}


@pytest.fixture(scope="module")
def repository(built: Built, registry: str) -> Repository:
    name = f"{registry}/user/indexed"
    return Repository(name, push_built(built.build, name))


def indexes(repository: Repository) -> dict[str, str]:
    """References that stand for several manifests, with one image for this engine in each."""
    ours, other = repository.ours(), repository.another({"os": "linux", "architecture": "s390x"})
    beside = repository.put_index([ours, repository.attestation()])
    raw = docker("buildx", "imagetools", "inspect", "--raw", beside)
    nested = {"mediaType": INDEX, "digest": beside.partition("@")[2], "size": len(raw), "platform": platform_here()}
    return {
        "an index of one": repository.put_index([ours]),
        "an attestation beside it": beside,
        "no platform is said": repository.put_index([{key: ours[key] for key in ("mediaType", "digest", "size")}]),
        "another platform beside it": repository.put_index([other, ours]),
        "both, and attestations": repository.put_index([repository.attestation(), other, ours]),
        "an index in an index": repository.put_index([nested, other]),
    }


def test_an_index_is_looked_through_to_the_image_of_this_engine(built: Built, repository: Repository) -> None:
    for what, reference in indexes(repository).items():
        held = look_up(reference)
        assert held.image_id == built.image.image_id, what
        assert held.digest == reference.partition("@")[2], what
        assert held.manifest == repository.pushed.reference.partition("@")[2], what
        assert held.packed_bytes == repository.pushed.packed_bytes, what
        assert labels_of(reference)[MODEL_LABEL] == built.image.model, what


def test_what_is_pulled_by_an_index_is_the_image_that_was_built(built: Built, repository: Repository) -> None:
    reference = indexes(repository)["both, and attestations"]
    assert image_id(pull(reference)) == built.image.image_id
    self_test(reference, built.image.model)


def test_a_tag_moves_to_an_index_and_to_a_manifest_as_they_are(repository: Repository) -> None:
    for reference in (*indexes(repository).values(), repository.pushed.reference):
        move_tag(reference, "moved")
        assert look_up(f"{repository.name}:moved") == look_up(reference)


@pytest.mark.parametrize(
    ("platforms", "said"),
    [
        ([], r"for none; required: exactly one for linux/"),
        ([("linux", "s390x"), ("linux", "riscv64")], r"for linux/s390x, linux/riscv64; required"),
    ],
)
def test_an_index_without_an_image_for_this_engine_is_refused(
    repository: Repository, platforms: list[tuple[str, str]], said: str
) -> None:
    others = [repository.another({"os": system, "architecture": name}) for system, name in platforms]
    reference = repository.put_index([*others, repository.attestation()])
    with pytest.raises(WrongDigestError, match=said):
        look_up(reference)


def test_an_index_with_two_images_for_this_engine_is_refused(repository: Repository) -> None:
    reference = repository.put_index([repository.ours(), repository.another(platform_here())])
    with pytest.raises(WrongDigestError, match="exactly one"):
        look_up(reference)
