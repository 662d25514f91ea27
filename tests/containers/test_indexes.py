"""Indexes of images, made by hand in a real registry: attestations and other platforms are looked through."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from contracts.image import MODEL_LABEL, PushedImage
from deploy.digests import image_id
from deploy.engine import docker_bytes, engine_platform
from deploy.image.build import self_test
from deploy.registry.push import push_built
from deploy.registry.registry import WrongDigestError, described, look_up, move_tag, pull
from tests.containers.conftest import Built
from tests.containers.hand_made import INDEX, Repository

pytestmark = pytest.mark.image_store
NOBODY = {"os": "unknown", "architecture": "unknown"}


@dataclass(frozen=True)
class Entries:
    """What an index can hold, in a repository that has the built image: `ours`, without its platform."""

    repository: Repository
    pushed: PushedImage

    def ours(self) -> dict[str, Any]:
        digest = self.pushed.reference.partition("@")[2]
        raw = docker_bytes("buildx", "imagetools", "inspect", "--raw", self.pushed.reference)
        return {"mediaType": json.loads(raw)["mediaType"], "digest": digest, "size": len(raw)}

    def ours_with_its_platform(self) -> dict[str, Any]:
        return self.ours() | {"platform": platform_here()}

    def another(self, architecture: str) -> dict[str, Any]:
        """An image of no layers for Linux there."""
        platform = {"os": "linux", "architecture": architecture}
        return self.repository.put_image(platform | {"rootfs": {"type": "layers", "diff_ids": []}}) | {
            "platform": platform
        }

    def attestation(self) -> dict[str, Any]:
        """What buildx puts beside an image: a manifest of no platform that speaks of it."""
        about = {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": self.ours()["digest"],
        }
        return self.another("unknown") | {"platform": NOBODY, "annotations": about}


def platform_here() -> dict[str, str]:
    system, _, architecture = engine_platform().partition("/")
    return {"os": system, "architecture": architecture}


@pytest.fixture(scope="module")
def entries(built: Built, registry: str) -> Entries:
    name = f"{registry}/user/indexed"
    return Entries(Repository(name), push_built(built.build, name))


def indexes(entries: Entries) -> dict[str, str]:
    """References that stand for several manifests, with one image for this engine in each."""
    ours, other, attestation = entries.ours_with_its_platform(), entries.another("s390x"), entries.attestation()
    put_index, beside = entries.repository.put_index, [ours, attestation]
    nested = entries.repository.put({"schemaVersion": 2, "mediaType": INDEX, "manifests": beside})
    return {
        "an index of one": put_index([ours]),
        "an attestation beside it": put_index(beside),
        "no platform is said": put_index([entries.ours()]),
        "another platform beside it": put_index([other, ours]),
        "both, and attestations": put_index([attestation, other, ours]),
        "an index in an index": put_index([nested | {"platform": platform_here()}, other]),
    }


def test_an_index_is_looked_through_to_the_image_of_this_engine(built: Built, entries: Entries) -> None:
    for what, reference in indexes(entries).items():
        held = look_up(reference)
        assert held.image_id == built.image.image_id, what
        assert held.digest == reference.partition("@")[2], what
        assert held.manifest == entries.pushed.reference.partition("@")[2], what
        assert held.packed_bytes == entries.pushed.packed_bytes, what
        assert described(reference).labels[MODEL_LABEL] == built.image.model, what


def test_what_is_pulled_by_an_index_is_the_image_that_was_built(built: Built, entries: Entries) -> None:
    reference = indexes(entries)["both, and attestations"]
    assert image_id(pull(reference)) == built.image.image_id
    self_test(reference, built.image.model)


def test_a_tag_moves_to_an_index_and_to_a_manifest_as_they_are(entries: Entries) -> None:
    for reference in (*indexes(entries).values(), entries.pushed.reference):
        move_tag(reference, "moved")
        assert look_up(f"{entries.repository.name}:moved") == look_up(reference)


@pytest.mark.parametrize(
    ("architectures", "said"),
    [
        ([], r"for none; required: exactly one for linux/"),
        (["s390x", "riscv64"], r"for linux/s390x, linux/riscv64; required"),
    ],
)
def test_an_index_without_an_image_for_this_engine_is_refused(
    entries: Entries, architectures: list[str], said: str
) -> None:
    others = [entries.another(one) for one in architectures]
    reference = entries.repository.put_index([*others, entries.attestation()])
    with pytest.raises(WrongDigestError, match=said):
        look_up(reference)


def test_an_index_with_two_images_for_this_engine_is_refused(entries: Entries) -> None:
    reference = entries.repository.put_index(
        [entries.ours_with_its_platform(), entries.another(platform_here()["architecture"])]
    )
    with pytest.raises(WrongDigestError, match="exactly one"):
        look_up(reference)
