"""`make publish-image`: hands the built image to the next job, through the registry or as a file.

PUSH_TO=user/name pushes it and records its digest, as `make push` does, and attests that every stage passed for it.
Without PUSH_TO it becomes one file, so that a pull request, a fork or a repository without a registry can pass on the
same image without a secret.

Reads   build/image/image.json, and the image on this engine; PUSH_TO; for the attestation what every stage wrote
Writes  sha-<commit> and its attestation in the registry, and build/image/pushed.json; or build/packed-image/image.tar
Exits   0 sent on · 3 a stage did not pass for it, or the registry holds something else · 2 no image, no such
        repository · 1 no answer
"""

import argparse
import os
from pathlib import Path

from contracts.exits import Exit
from contracts.image import Image
from contracts.pipeline_toml.reader import load_config
from contracts.schema import read_json
from contracts.stage import Build
from deploy.admission.evidence import read_case
from deploy.admission.rules import attestation_of, require
from deploy.command import run_command
from deploy.engine import docker
from deploy.registry.attestation import attest
from deploy.registry.push import push_built

# Not beside image.json: this file is large and kept for a day, that one is small and kept as long as the run counts.
ARCHIVE = "packed-image/image.tar"


def main() -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make publish-image", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"), help="default: pipeline.toml")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    asked = parser.parse_args()
    build, push_to = Build(asked.build), os.environ.get("PUSH_TO", "")
    return run_command("publish-image", lambda: f"publish-image: {publish(build, asked.config, push_to)}")


def publish(build: Build, config: Path, push_to: str) -> str:
    """Push or save, and say which. Raises UsageError, FindingError and EngineError."""
    if push_to:
        case = require(read_case(build, load_config(config)), "Not published")
        pushed = push_built(build, push_to).reference
        return f"pushed {pushed}, attested in {attest(attestation_of(case), push_to)}"
    image = read_json(build.stage("build") / "image.json", Image, "make build")
    archive = build.root / ARCHIVE
    archive.parent.mkdir(exist_ok=True)
    docker("save", "--output", str(archive), image.reference)
    size = archive.stat().st_size / 1e6
    return f"PUSH_TO names no repository, so {image.reference} is in {archive} ({size:.0f} MB)."
