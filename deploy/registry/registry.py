"""Talks to registries through the container engine, so that its logins and mirrors apply."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from contracts.exits import FindingError, UsageError
from deploy.digests import MOST_BYTES_OF_JSON, engine_id, sha256
from deploy.engine import EngineError, docker, docker_bytes, engine_platform
from deploy.login import LOGIN_REFUSED, is_refused, remedy
from deploy.registry.contents import DIGEST, Configuration, Content, Layer, first_error, platform_of

REPOSITORY = r"(?:[a-z0-9][a-z0-9.-]*(?::\d{1,5})?/)?[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*"
TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
# The engine has no error codes, only texts: these are of Docker Hub and of the reference registry.
NOT_THERE = ("manifest unknown", "not found", "repository does not exist", "name unknown", "name_unknown")
# The platform of an attestation in buildx, and its error for an option that it is too old for.
NO_PLATFORM = "unknown/unknown"
UNKNOWN_OPTION = "unknown flag"
# For a manifest or a configuration: some kB. A registry that sends no end would otherwise be read for ever.
ANSWER_SECONDS = 120.0
# An index of images has manifests. Some tools put an index into an index, and none goes deeper.
MOST_INDEXES = 3


class NameOfImageError(UsageError):
    """Not the name of a repository, a tag or a digest."""


class NoSuchImageError(UsageError):
    """The registry does not have the image, or does not show it to this user."""


class WrongDigestError(FindingError):
    """The registry holds another image than the one pushed, or several under one name."""


@dataclass(frozen=True)
class Held:
    """What a registry holds under one name, for this engine's platform.

    `digest` is the name's own: that of `manifest`, or of an index that has `manifest` for this platform.
    """

    digest: str
    manifest: str
    image_id: str
    packed_bytes: int

    @property
    def is_index(self) -> bool:
        return self.digest != self.manifest


@dataclass(frozen=True)
class Described:
    """An image's labels, and the platform that it runs on, such as linux/amd64."""

    labels: Mapping[str, str]
    platform: str


def check_repository(name: str) -> str:
    """The name, if it is one, without tag or digest. Raises NameOfImageError."""
    if not re.fullmatch(REPOSITORY, name):
        raise NameOfImageError(
            f"REPOSITORY is {name!r}; required: a repository without a tag, such as user/name or host.example/name."
        )
    return name


def check_reference(name: str) -> str:
    """The name, if it is a repository with exactly one tag or digest. Raises NameOfImageError."""
    if not re.fullmatch(rf"{REPOSITORY}(?::{TAG}|@{DIGEST})", name):
        raise NameOfImageError(f"{name!r} is no image; required: user/name:tag or user/name@sha256:<64 hex digits>.")
    return name


def check_digest_reference(name: str) -> str:
    """The name, if it is `repository@sha256:…`: a tag can be moved. Raises NameOfImageError."""
    if not re.fullmatch(rf"{REPOSITORY}@{DIGEST}", name):
        raise NameOfImageError(
            f"{name!r} is no digest; required: name@sha256:<64 hex digits>, as `make push` prints it."
        )
    return name


def pull(reference: str) -> str:
    """Fetch and return its engine id. Raises NoSuchImageError, or EngineError where the registry does not answer."""
    try:
        docker("pull", "--quiet", check_reference(reference))
    except EngineError as error:
        raise _refusal(reference, error) from None
    return engine_id(reference)


def push(image: str, repository: str, tag: str) -> str:
    """Push `image` as `repository:tag`, and return the reference by the digest that the registry gave it.

    Raises NoSuchImageError (not allowed there), WrongDigestError, or EngineError if the registry does not answer.
    """
    name = f"{check_repository(repository)}:{tag}"
    here = engine_id(image)
    docker("tag", here, name)
    try:
        said = docker("push", name)
    except EngineError as error:
        raise _refusal(name, error) from None
    reference = f"{repository}@{only_digest(said)}"
    held = look_up(reference)
    if here not in (held.digest, held.manifest, held.image_id):
        raise WrongDigestError(f"{reference} holds image {held.image_id}; required: {here}.")
    return reference


def only_digest(said: str) -> str:
    """The digest in the output of `docker push`. Raises WrongDigestError unless there is exactly one."""
    digests: list[str] = sorted(set(re.findall(rf"\bdigest: ({DIGEST})\b", said)))
    if len(digests) != 1:
        raise WrongDigestError(
            f"The registry gave {len(digests)} digests ({', '.join(digests)}); required: exactly one."
        )
    return digests[0]


def look_up(reference: str) -> Held:
    """What the registry holds there, without pulling it. Every digest is computed from the bytes received.

    Raises NoSuchImageError, WrongDigestError where nothing in it is for this engine's platform, and EngineError.
    """
    digest, content = _read(reference)
    manifest = digest
    for _ in range(MOST_INDEXES):
        if content.manifests is None:
            break
        entry = _for_this_engine(reference, content.manifests)
        manifest, content = _read(f"{repository_of(reference)}@{entry}")
    if content.config is None:
        raise WrongDigestError(f"{reference} is no image: its manifest names no configuration.", code="no-image")
    return Held(digest, manifest, content.config.digest, sum(layer.size for layer in content.layers))


def described(reference: str) -> Described:
    """An image's labels and platform, without pulling it. Raises as `look_up` does."""
    one = f"{repository_of(reference)}@{look_up(reference).manifest}"
    try:
        seen = Configuration.model_validate_json(_inspected(one, "--format", "{{json .Image}}"))
    except ValidationError as error:
        raise WrongDigestError(
            f"The configuration of {reference} is none: {first_error(error)}.", code="no-image"
        ) from None
    labels = seen.config.labels if seen.config else None
    return Described(labels or {}, f"{seen.os}/{seen.architecture}")


def move_tag(reference: str, tag: str) -> None:
    """Point `tag` at a digest in the registry, without changing its contents. Raises as `look_up` and `push` do."""
    held = look_up(check_digest_reference(reference))
    name = f"{repository_of(reference)}:{tag}"
    # Without this option buildx wraps a manifest in an index, which has another digest.
    unwrapped = () if held.is_index else ("--prefer-index=false",)
    try:
        docker("buildx", "imagetools", "create", *unwrapped, "--tag", name, reference)
    except EngineError as error:
        if UNKNOWN_OPTION not in str(error):
            raise _refusal(name, error) from None
        push(pull(reference), repository_of(reference), tag)
    moved = look_up(name)
    if moved != held:
        raise WrongDigestError(f"{name} became {moved.digest}, required {held.digest}: put the tag back by hand.")


def repository_of(reference: str) -> str:
    """The reference without its digest or tag, but with the port of its host."""
    return re.sub(rf"(@{DIGEST}|:{TAG})$", "", reference)


def _inspected(reference: str, *options: str) -> bytes:
    """What the registry answers. Raises NoSuchImageError, WrongDigestError, EngineError."""
    try:
        found = docker_bytes("buildx", "imagetools", "inspect", *options, reference, seconds=ANSWER_SECONDS)
    except EngineError as error:
        raise _refusal(reference, error) from None
    if len(found) > MOST_BYTES_OF_JSON:
        raise WrongDigestError(
            f"The registry's answer for {reference} has {len(found):,} bytes; a manifest has at most "
            f"{MOST_BYTES_OF_JSON:,}.",
            code="too-large",
        )
    return found


def _read(reference: str) -> tuple[str, Content]:
    """The digest and the content of a manifest or an index. Raises NoSuchImageError, WrongDigestError, EngineError."""
    raw = _inspected(reference, "--raw")
    digest = sha256(raw)
    if "@" in reference and not reference.endswith(digest):
        raise WrongDigestError(f"The registry's answer for {reference} has the digest {digest}.")
    try:
        return digest, Content.model_validate_json(raw)
    except ValidationError as error:
        raise WrongDigestError(
            f"The registry's answer for {reference} is no manifest: {first_error(error)}.", code="no-image"
        ) from None


def _for_this_engine(reference: str, entries: Sequence[Layer]) -> str:
    """The digest of this platform's entry in an index. Attestations are entries without a platform."""
    wanted = engine_platform()
    offered = [(platform_of(entry), entry.digest) for entry in entries]
    images = [one for one in offered if one[0] != NO_PLATFORM]
    fitting = [one for one in images if one[0] == wanted] if len(images) > 1 else images
    if len(fitting) != 1:
        platforms = ", ".join(platform or "not said" for platform, _ in images) or "none"
        raise WrongDigestError(
            f"{reference} is a list of images for {platforms}; required: exactly one for {wanted}, this engine's."
        )
    return fitting[0][1]


def _refusal(name: str, error: EngineError) -> Exception:
    if is_refused(str(error)):
        return NoSuchImageError(
            f"{name} is not there, or not for this user ({error}). {remedy(name, os.environ)}", code=LOGIN_REFUSED
        )
    if any(words in str(error).lower() for words in NOT_THERE):
        return NoSuchImageError(f"{name} is not in the registry ({error}).")
    return error
