"""`make fetch-image`: loads the image that an earlier job built onto this engine, by digest or from its file.

The image is compared with image.json: another image under that name is refused.

Reads   build/image/image.json, pushed.json; build/packed-image/image.tar
Writes  the image on this engine; `name` and `digest` as outputs of the step, for the signature
Exits   0 it is here · 3 it is another image · 2 nothing was published · 1 the registry or the engine does not answer
"""

import argparse
import os
from pathlib import Path

from contracts.exits import Exit, UsageError
from contracts.image import Image, PushedImage
from contracts.schema import read_json, require_file
from contracts.stage import Build
from deploy.command import run_command
from deploy.digests import image_id
from deploy.engine import EngineError, docker
from deploy.registry.publish_image import ARCHIVE
from deploy.registry.registry import WrongDigestError, check_digest_reference, look_up, pull

MOST_BYTES = 4_000_000_000


def main() -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make fetch-image", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    build = Build(parser.parse_args().build)

    def work() -> str:
        name, digest = fetch(build)
        if output := os.environ.get("GITHUB_OUTPUT"):
            with Path(output).open("a", encoding="utf-8") as file:
                file.write(f"name={name}\ndigest={digest}\n")
        return f"fetch-image: {name}@{digest} is here."

    return run_command("fetch-image", work)


def fetch(build: Build) -> tuple[str, str]:
    """Load the image, and return its name and digest: the registry's, or the image id if it was not pushed.

    Raises UsageError, WrongDigestError and EngineError.
    """
    folder = build.stage("build")
    image = read_json(folder / "image.json", Image, "make build")
    if (folder / "pushed.json").exists():
        pushed = read_json(folder / "pushed.json", PushedImage, "make publish-image")
        return _from_registry(image, check_digest_reference(pushed.reference))
    archive = build.root / ARCHIVE
    if not archive.exists():
        raise UsageError(
            f"There is neither {folder / 'pushed.json'} nor {archive}. Run `make publish-image` first; on GitHub, run "
            "all jobs again: the packed image is kept for a day."
        )
    return _from_archive(image, archive)


def _from_registry(image: Image, reference: str) -> tuple[str, str]:
    _require_same(look_up(reference).image_id, image, reference)
    docker("tag", pull(reference), image.reference)
    name, _, digest = reference.partition("@")
    return name, digest


def _from_archive(image: Image, archive: Path) -> tuple[str, str]:
    require_file(archive, "make publish-image", MOST_BYTES)
    docker("load", "--quiet", "--input", str(archive))
    try:
        seen = image_id(image.reference)
    except EngineError:
        raise WrongDigestError(f"{archive} does not hold {image.reference}.") from None
    _require_same(seen, image, str(archive))
    return image.reference.rpartition(":")[0], image.image_id


def _require_same(seen: str, image: Image, origin: str) -> None:
    if seen != image.image_id:
        raise WrongDigestError(f"{origin} holds image {seen}; required: {image.image_id}. It was not run.")
