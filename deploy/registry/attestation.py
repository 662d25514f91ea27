"""What lies beside an image in the registry once every stage has passed for it, and how it is read again.

An image of nothing but a label and a file, under a tag that is the image id: `name:sha256-<64 hex digits>.evidence`. It
can be there only after the last stage, it names the contents and not a tag, and every registry and image store has it.
Who may push to the registry may also write one; docs/deploys.md says what that means.
"""

import tempfile
from pathlib import Path

from pydantic import ValidationError

from contracts.exits import FindingError
from contracts.image import Attestation
from contracts.schema import write_json
from deploy.engine import docker
from deploy.registry.registry import NoSuchImageError, described, push

LABEL = "gatehouse.evidence"
FILE = "evidence.json"
RECIPE = f"FROM scratch\nCOPY {FILE} /{FILE}\n"


class AttestationError(FindingError):
    """What the registry holds beside the image is no attestation of it."""


def tag_of(image_id: str) -> str:
    """The tag under which an image's attestation is."""
    return f"{image_id.replace(':', '-')}.evidence"


def attest(attestation: Attestation, repository: str) -> str:
    """Push it beside its image, and return the digest that it has. Raises what `push` raises."""
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
    """The attestation of this very image; None where the registry has none.

    Raises AttestationError for one that cannot be read or speaks of another image, EngineError without an answer.
    """
    name = f"{repository}:{tag_of(image_id)}"
    try:
        text = described(name).labels.get(LABEL, "")
    except NoSuchImageError:
        return None
    try:
        found = Attestation.model_validate_json(text)
    except ValidationError as error:
        raise AttestationError(f"{name} is no attestation: {error.errors()[0]['msg']}. Push the image again.") from None
    if found.image != image_id:
        raise AttestationError(f"{name} speaks of image {found.image}, not of {image_id}.")
    return found
