"""The digests of one image, and which of them an engine or a registry goes by. Nothing else asks an engine for `.Id`.

image id   the digest of the configuration, as OCI's image specification defines it: names the contents, and is the
           same on every engine and in every registry. image.json and pushed.json hold this one
manifest   names the configuration and the packed layers: what a registry has under a tag, and what a deploy takes
index      names manifests: one for each platform, and their attestations. It stands in a manifest's place
engine id  what this engine calls it (`.Id`): the image id on the older image store; on containerd's, the default
           since Docker Engine 29, the manifest or the index. It is good for running an image here, and no more
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
    """What this engine calls the image of that name, tag or digest. Raises EngineError where it has none."""
    return docker("image", "inspect", "--format", "{{.Id}}", name)


def image_id(name: str) -> str:
    """The image id of what this engine has under that name. Raises EngineError where it has none."""
    here = engine_id(name)
    return _saved_image_id(here) if has_containerd_store() else here


def on_engine(image: Image) -> str | None:
    """The engine id of the image that image.json describes; None where its name is gone or names other contents."""
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
    """The containerd store shows no configuration's digest; its archive has it. Half a second for 120 MB."""
    with subprocess.Popen(["docker", "save", here], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as saving:
        assert saving.stdout is not None
        found = configuration_in(saving.stdout)
    if saving.returncode != 0 or not found:
        raise EngineError(f"`docker save` of {here} ended with code {saving.returncode} and no configuration in it.")
    return found


def configuration_in(archive: IO[bytes]) -> str:
    """The digest of the one image's configuration in what `docker save` writes; empty where there is not one.

    It is taken from the configuration's bytes, not from what the archive says of them.
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
