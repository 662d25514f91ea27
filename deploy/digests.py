"""The digests of an image, and which of them an engine or a registry uses. No other module reads an engine's `.Id`.

image id   the digest of the configuration, as OCI's image specification defines it: names the contents, and is the
           same on every engine and in every registry. image.json and pushed.json hold this one
manifest   names the configuration and the packed layers: a registry has it under a tag, and a deploy takes it
index      names manifests, one per platform, and their attestations. It may take the place of a manifest
engine id  this engine's name for it (`.Id`): the image id on the older image store; on containerd's, the default since
           Docker Engine 29, the manifest or the index. Use it only to run an image here
"""

import hashlib
import json
import subprocess
import tarfile
from typing import IO

from contracts.image import Image
from deploy.engine import EngineError, docker

CONTAINERD_STORE = "io.containerd.snapshotter.v1"
# Far above any manifest or configuration, far below a layer of ours.
MOST_BYTES_OF_JSON = 4_000_000


def engine_id(name: str) -> str:
    """This engine's id of an image. `name`: with a tag or digest. Raises EngineError if it has none."""
    return docker("image", "inspect", "--format", "{{.Id}}", name)


def image_id(name: str) -> str:
    """The image id of an image on this engine. Raises EngineError if it has none."""
    here = engine_id(name)
    return _saved_image_id(here) if has_containerd_store() else here


def on_engine(image: Image) -> str | None:
    """The engine id of the image that image.json describes; None if its name is gone or names another image."""
    try:
        here = engine_id(image.reference)
    except EngineError:
        return None
    return here if image_id(here) == image.image_id else None


def has_containerd_store() -> bool:
    """Whether this engine keeps its images in containerd."""
    return CONTAINERD_STORE in docker("info", "--format", "{{json .DriverStatus}}")


def sha256(content: bytes) -> str:
    """`sha256:…` of these bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _saved_image_id(here: str) -> str:
    """From the archive of `docker save`, because the containerd store does not show it. Half a second for 120 MB."""
    with subprocess.Popen(["docker", "save", here], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as saving:
        assert saving.stdout is not None
        found = configuration_in(saving.stdout)
    if saving.returncode != 0 or not found:
        raise EngineError(f"`docker save` of {here} ended with code {saving.returncode} and no configuration in it.")
    return found


def configuration_in(archive: IO[bytes]) -> str:
    """The digest of the configuration in an archive of `docker save`; empty if it has not exactly one image.

    It is computed from the configuration's bytes, not taken from the archive's own index.
    """
    small: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=archive, mode="r|") as tar:
            for member in tar:
                if member.isreg() and member.size <= MOST_BYTES_OF_JSON and (file := tar.extractfile(member)):
                    small[member.name] = file.read()
        images = json.loads(small["manifest.json"])
        return sha256(small[images[0]["Config"]]) if len(images) == 1 else ""
    except (tarfile.TarError, KeyError, ValueError):
        return ""
