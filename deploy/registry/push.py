"""`make push REPOSITORY=user/name`: pushes the image that `make build` made, and prints its permanent name.

Reads   build/image/image.json, and the image on this engine
Writes  repository:sha-<commit> in the registry and, where every stage has passed for it, its attestation
        (attestation.py); build/image/pushed.json, and the pushed digest into provenance.json; on
        standard output nothing but `repository@sha256:…`
Exits   0 pushed · 3 the registry holds something else · 2 no image, no such repository · 1 the registry does not answer
"""

import argparse
import json
import sys
from pathlib import Path

from contracts.exits import Exit, UsageError
from contracts.image import Image, PushedImage
from contracts.pipeline_toml.reader import load_config
from contracts.schema import read_json, write_json
from contracts.stage import Build, StageRecord
from deploy.admission.evidence import read_case
from deploy.admission.rules import NotAdmittedError, attestation_of, require
from deploy.command import run_command
from deploy.digests import on_engine
from deploy.image.provenance import subject
from deploy.registry.attestation import attest
from deploy.registry.registry import WrongDigestError, check_repository, look_up, push


def main() -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make push", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--repository", default="", help="user/name on Docker Hub, or host/name elsewhere")
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"), help="default: pipeline.toml")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    asked = parser.parse_args()
    build = Build(asked.build)

    def work() -> str:
        pushed = push_built(build, asked.repository)
        print(f"push: {_attested(build, asked.config, asked.repository)}", file=sys.stderr)
        return pushed.reference

    return run_command("push", work)


def push_built(build: Build, repository: str) -> PushedImage:
    """Push what the build stage made. Raises UsageError, FindingError and EngineError."""
    if not repository:
        raise UsageError(
            "REPOSITORY is not set; required: where to push to, as in `make push REPOSITORY=user/name`.",
            code="no-repository",
        )
    check_repository(repository)
    folder = build.stage("build")
    image, here = _built_image(folder)
    tag = image.reference.rpartition(":")[2]
    reference = push(here, repository, tag)
    held = look_up(reference)
    if held.image_id != image.image_id:
        raise WrongDigestError(f"{reference} holds image {held.image_id}; required: {image.image_id}.")
    pushed = PushedImage(reference=reference, tag=tag, image_id=held.image_id, packed_bytes=held.packed_bytes)
    _name_subject(folder / "provenance.json", reference)
    write_json(folder / "pushed.json", pushed)
    return pushed


def _built_image(folder: Path) -> tuple[Image, str]:
    """The image of the last `make build`, and its engine id. Raises UsageError if it failed or the image is gone."""
    record = read_json(folder / "stage.json", StageRecord, "make build")
    if record.exit_code != 0:
        raise UsageError(
            f"The last `make build` ended with code {record.exit_code} ({record.headline}). Run it again.",
            code="build-failed",
        )
    image = read_json(folder / "image.json", Image, "make build")
    here = on_engine(image)
    if here is None:
        raise UsageError(f"{image.reference} is no longer on this engine. Run `make build` again.", code="image-gone")
    return image, here


def _attested(build: Build, config: Path, repository: str) -> str:
    """Attest the pushed image if every stage has passed for it; else say what is missing."""
    try:
        case = require(read_case(build, load_config(config)), "No attestation")
    except (UsageError, NotAdmittedError) as error:
        return f"pushed without an attestation, so `make deploy` refuses it. {error} Then `make push` again."
    return f"attested in {attest(attestation_of(case), repository)}"


def _name_subject(statement: Path, reference: str) -> None:
    """Set the provenance's subject to the digest in the registry."""
    document = json.loads(statement.read_text(encoding="utf-8"))
    repository, _, digest = reference.partition("@")
    document["subject"] = [subject(repository, digest)]
    statement.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
