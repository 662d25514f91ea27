"""A registry is another machine: whatever it answers, a command ends with a sentence, and its word is not enough."""

import subprocess
import time
from collections.abc import Iterator

import pytest

from contracts.exits import CodedError
from deploy.engine import EngineError, docker_bytes
from deploy.registry.attestation import read_attestation, tag_of
from deploy.registry.registry import NoSuchImageError, WrongDigestError, described, look_up
from tests.containers.lying_registry import (
    EMPTY,
    HONEST,
    INDEX,
    MANIFEST,
    Answer,
    LyingRegistry,
    digest_of,
    lying_registry,
)

REPOSITORY = "user/flights"
ERRORS = b'{"errors": [{"code": "X", "message": "::error::x \\u001b[2J ##[add-mask]x"}]}'
ENTRY = {"mediaType": MANIFEST, "size": 10, "platform": {"os": "linux", "architecture": "amd64"}}
# Bodies of a manifest, and a word of what is said of each.
NO_MANIFESTS = {
    "a list": (b"[]", "json"),
    "null": (b"null", "no manifest"),
    "deep": (b"[" * 100_000, "max depth"),
    "a page": (b"<html>Log in first</html>", "invalid character"),
    "nothing": (b"{}", "no image"),
    "without configuration": (b'{"schemaVersion": 2, "layers": []}', "no image"),
    "a size below none": ({**HONEST, "layers": [{"digest": EMPTY, "size": -5}]}, "size"),
    "a size beyond all": ({**HONEST, "layers": [{"digest": EMPTY, "size": 10**30}]}, "size"),
    "a digest that is none": ({**HONEST, "config": {"digest": "../../etc/passwd", "size": 2}}, "digest"),
}


@pytest.fixture
def registry() -> Iterator[LyingRegistry]:
    with lying_registry() as started:
        yield started


def name_of(registry: LyingRegistry, tag: str) -> str:
    return f"{registry.address}/{REPOSITORY}:{tag}"


def test_an_honest_answer_is_taken(registry: LyingRegistry) -> None:
    digest = registry.tag("honest", HONEST)
    held = look_up(name_of(registry, "honest"))
    assert (held.digest, held.manifest, held.image_id) == (digest, digest, EMPTY)


@pytest.mark.parametrize("kind", NO_MANIFESTS)
def test_what_is_no_manifest_is_refused_with_a_sentence(registry: LyingRegistry, kind: str) -> None:
    document, word = NO_MANIFESTS[kind]
    registry.tag("lie", document)
    with pytest.raises((WrongDigestError, EngineError), match=word) as refused:
        look_up(name_of(registry, "lie"))
    assert len(str(refused.value).splitlines()) == 1


def test_another_content_under_a_digest_is_refused(registry: LyingRegistry) -> None:
    claimed = "sha256:" + "1" * 64
    registry.tag("lie", HONEST, claimed=claimed)
    with pytest.raises(WrongDigestError, match="has the digest"):
        look_up(f"{registry.address}/{REPOSITORY}@{claimed}")


@pytest.mark.parametrize(("depth", "is_taken"), [(1, True), (2, True), (3, True), (4, False), (40, False)])
def test_an_index_of_indexes_has_an_end(registry: LyingRegistry, depth: int, is_taken: bool) -> None:
    inner = registry.tag("inner", HONEST)
    for level in range(depth):
        kind = INDEX if level else MANIFEST
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**ENTRY, "mediaType": kind, "digest": inner}]}
        inner = registry.tag("outer", index, INDEX)
    if is_taken:
        assert look_up(name_of(registry, "outer")).image_id == EMPTY
        return
    with pytest.raises(WrongDigestError, match="no image"):
        look_up(name_of(registry, "outer"))


# What registries answer for an image that is not there, and for one that this user may not see.
NOT_FOR_THIS_USER = (401, 403, 404)


@pytest.mark.parametrize("status", [401, 403, 404, 418, 429, 500, 502, 503])
def test_a_refusal_is_said_and_never_means_that_nothing_is_there(registry: LyingRegistry, status: int) -> None:
    registry.answers["lie"] = registry.answers[tag_of(EMPTY)] = Answer(ERRORS, status)
    with pytest.raises(CodedError) as refused:
        look_up(name_of(registry, "lie"))
    assert isinstance(refused.value, NoSuchImageError) == (status in NOT_FOR_THIS_USER)
    assert not any(sign in str(refused.value) for sign in ("\x1b", "\n", "##["))
    if status not in NOT_FOR_THIS_USER:
        with pytest.raises(EngineError):
            read_attestation(f"{registry.address}/{REPOSITORY}", EMPTY)


def test_a_redirect_is_followed_without_the_key_and_its_content_is_checked(registry: LyingRegistry) -> None:
    claimed = "sha256:" + "2" * 64
    with lying_registry() as elsewhere:
        elsewhere.tag("lie", HONEST, claimed=claimed)
        target = f"http://{elsewhere.address}/v2/{REPOSITORY}/manifests/{claimed}"
        registry.answers[claimed] = Answer(b"", 307, headers={"Location": target})
        with pytest.raises(WrongDigestError, match="has the digest"):
            look_up(f"{registry.address}/{REPOSITORY}@{claimed}")
        assert elsewhere.asked
        assert {key for _, key in elsewhere.asked} == {""}


@pytest.mark.parametrize(
    "lie", [Answer(is_silent=True), Answer(is_endless=True, claimed="sha256:" + "e" * 64)], ids=["silent", "endless"]
)
def test_an_answer_without_an_end_is_waited_for_so_long_and_no_longer(registry: LyingRegistry, lie: Answer) -> None:
    registry.answers["lie"] = registry.answers["sha256:" + "e" * 64] = lie
    name, began = name_of(registry, "lie"), time.monotonic()
    with pytest.raises(EngineError):
        docker_bytes("buildx", "imagetools", "inspect", "--raw", name, seconds=4.0)
    assert time.monotonic() - began < 30
    assert name not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "configuration", [b"[]", b'{"os": 5}', b'{"os": "linux", "architecture": "amd64", "config": {"Labels": 5}}']
)
def test_a_configuration_that_is_none_is_refused(registry: LyingRegistry, configuration: bytes) -> None:
    registry.answers[digest_of(configuration)] = Answer(configuration, kind="application/octet-stream")
    of = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(configuration)}
    registry.tag("lie", {**HONEST, "config": {**of, "size": len(configuration)}})
    with pytest.raises((WrongDigestError, EngineError)) as refused:
        described(name_of(registry, "lie"))
    assert len(str(refused.value)) < 600
