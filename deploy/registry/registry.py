"""What is asked of a registry, through the container engine, so that its login and its mirrors hold here too."""

import json
import re
from dataclasses import dataclass

from contracts.exits import FindingError, UsageError
from deploy.engine import EngineError, docker

REPOSITORY = r"(?:[a-z0-9][a-z0-9.-]*(?::\d{1,5})?/)?[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*"
TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
DIGEST = r"sha256:[0-9a-f]{64}"
# The engine has no code for what went wrong, only words: those of Docker Hub and of the registry that others build on.
NOT_THERE = ("manifest unknown", "not found", "repository does not exist", "name unknown", "name_unknown")
NOT_ALLOWED = ("denied", "unauthorized", "authentication required", "no basic auth credentials")


class NameOfImageError(UsageError):
    """Not the name of a repository, a tag or a digest."""


class NoSuchImageError(UsageError):
    """The registry answers, and does not have it, or does not show it to this user."""


class WrongDigestError(FindingError):
    """The registry holds something else than what was sent, or more than one thing under one name."""


@dataclass(frozen=True)
class Manifest:
    """What a registry says of one image: its id (the digest of its configuration) and its stored bytes."""

    image_id: str
    packed_bytes: int


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
    """Fetch and return the image's id. Raises NoSuchImageError, or EngineError where the registry does not answer."""
    try:
        docker("pull", "--quiet", check_reference(reference))
    except EngineError as error:
        raise _refusal(reference, error) from None
    return docker("image", "inspect", "--format", "{{.Id}}", reference)


def push(image_id: str, repository: str, tag: str) -> str:
    """Send the image under `repository:tag` and return the one digest that the registry gave it.

    Raises NoSuchImageError (not allowed there), WrongDigestError, or EngineError where the registry does not answer.
    """
    name = f"{check_repository(repository)}:{tag}"
    docker("tag", image_id, name)
    try:
        said = docker("push", name)
    except EngineError as error:
        raise _refusal(name, error) from None
    reference = f"{repository}@{only_digest(said)}"
    held = manifest(reference)
    if held.image_id != docker("image", "inspect", "--format", "{{.Id}}", image_id):
        raise WrongDigestError(f"{reference} holds image {held.image_id}, sent was {image_id}.")
    return reference


def only_digest(said: str) -> str:
    """The digest in what `docker push` says. Raises WrongDigestError where there is none, or more than one."""
    digests: list[str] = sorted(set(re.findall(rf"\bdigest: ({DIGEST})\b", said)))
    if len(digests) != 1:
        raise WrongDigestError(
            f"The registry gave {len(digests)} digests ({', '.join(digests)}); required: exactly one."
        )
    return digests[0]


def manifest(reference: str) -> Manifest:
    """Read an image's manifest. Raises NoSuchImageError, WrongDigestError for a list of several images, EngineError."""
    try:
        raw = json.loads(docker("buildx", "imagetools", "inspect", "--raw", reference))
    except EngineError as error:
        raise _refusal(reference, error) from None
    if "manifests" in raw:
        raise WrongDigestError(f"{reference} is a list of {len(raw['manifests'])} images; required: one image.")
    return Manifest(raw["config"]["digest"], sum(layer["size"] for layer in raw["layers"]))


def labels_of(reference: str) -> dict[str, str]:
    """An image's labels, without pulling it. Raises NoSuchImageError and EngineError."""
    try:
        said = docker("buildx", "imagetools", "inspect", "--format", "{{json .Image}}", reference)
    except EngineError as error:
        raise _refusal(reference, error) from None
    return dict(json.loads(said).get("config", {}).get("Labels") or {})


def move_tag(reference: str, tag: str) -> None:
    """Point `tag` at an image that the registry has, by digest. Raises as `pull` and `push` do."""
    image_id = pull(check_digest_reference(reference))
    repository = reference.partition("@")[0]
    moved = push(image_id, repository, tag)
    if moved != reference:
        raise WrongDigestError(f"{repository}:{tag} became {moved}, required {reference}: put the tag back by hand.")


def _refusal(name: str, error: EngineError) -> Exception:
    said = str(error).lower()
    if any(words in said for words in NOT_ALLOWED):
        return NoSuchImageError(f"{name} is not there, or not for this user: try `docker login` ({error}).")
    if any(words in said for words in NOT_THERE):
        return NoSuchImageError(f"{name} is not in the registry ({error}).")
    return error
