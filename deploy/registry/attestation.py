"""The attestation that every stage passed for an image: stored beside it in the registry.

It is an image with only a label and a file, under the tag `name:sha256-<64 hex digits>.evidence`, which is the image
id. It exists only after the last stage, names the contents rather than a tag, and works with every registry and image
store. Anyone who may push to the registry can write one; docs/deploys.md says what that means.
"""

import tempfile
from pathlib import Path

from pydantic import ValidationError

from contracts.exits import FindingError
from contracts.image import Attestation
from contracts.schema import write_json
from deploy.engine import docker
from deploy.login import LOGIN_REFUSED
from deploy.registry.registry import NoSuchImageError, described, push

LABEL = "gatehouse.evidence"
FILE = "evidence.json"
RECIPE = f"FROM scratch\nCOPY {FILE} /{FILE}\n"


class AttestationError(FindingError):
    """The registry's attestation is unreadable, of another image, or not for this user."""


def tag_of(image_id: str) -> str:
    """The tag of an image's attestation."""
    return f"{image_id.replace(':', '-')}.evidence"


def attest(attestation: Attestation, repository: str) -> str:
    """Push it beside its image, and return its digest. Raises as `push` does."""
    tag = tag_of(attestation.image)
    with tempfile.TemporaryDirectory() as folder:
        write_json(Path(folder) / FILE, attestation)
        (Path(folder) / "Dockerfile").write_text(RECIPE, encoding="utf-8")
        name = f"gatehouse-evidence:{tag}"
        label = f"--label={LABEL}={attestation.model_dump_json()}"
        docker("buildx", "build", "--load", "--provenance=false", "--sbom=false", f"--tag={name}", label, folder)
    try:
        return push(name, repository, tag)
    finally:
        docker("image", "rm", "--force", name)


def read_attestation(repository: str, image_id: str) -> Attestation | None:
    """The attestation of this image; None if the registry has none.

    Raises AttestationError if it is unreadable, of another image or not for this user, EngineError if the registry
    does not answer.
    """
    name = f"{repository}:{tag_of(image_id)}"
    try:
        text = described(name).labels.get(LABEL, "")
    except NoSuchImageError as error:
        if error.code == LOGIN_REFUSED:
            raise AttestationError(f"The attestation cannot be read: {error}") from None
        return None
    try:
        found = Attestation.model_validate_json(text)
    except ValidationError as error:
        raise AttestationError(f"{name} is no attestation: {error.errors()[0]['msg']}. Push the image again.") from None
    if found.image != image_id:
        raise AttestationError(f"{name} attests image {found.image}, not {image_id}.")
    return found
