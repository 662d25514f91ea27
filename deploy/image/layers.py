"""Reads an image's layers out of the archive that `docker save` writes: what is in each, and how large it is."""

import gzip
import json
import os
import re
import tarfile
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from deploy.engine import EngineError

# The first line of the Dockerfile's last stage: what comes before it in the history is the base.
FIRST_OF_OURS = "ENV MODEL_DIR="
# Files that say what is installed: kept while a layer is read.
INVENTORY = re.compile(
    r"(.+\.dist-info/METADATA|var/lib/dpkg/status|usr/lib/os-release|usr/local/include/python3\.\d+/patchlevel\.h)"
)
GZIP_MARK = b"\x1f\x8b"
CHUNK = 1 << 20


@dataclass(frozen=True)
class LayerContent:
    """One layer. `names`: every path in it, without a leading slash.

    `unpacked_bytes` is the sum of its files; `inventory` has the files that INVENTORY names.
    """

    digest: str
    made_by: str
    is_base: bool
    names: tuple[str, ...]
    unpacked_bytes: int
    inventory: Mapping[str, bytes]


def read_layers(archive: Path) -> tuple[LayerContent, ...]:
    """Every layer of the one image in the archive, the base's first. Raises EngineError."""
    with tarfile.open(archive) as tar:
        manifest = _manifest(tar)
        config = json.load(_member(tar, manifest["Config"]))
        makers, digests, paths = _makers(config["history"]), config["rootfs"]["diff_ids"], manifest["Layers"]
        if not len(makers) == len(digests) == len(paths):
            raise EngineError(
                f"{len(digests)} layers, but a history of {len(makers)}: the image was squashed or edited."
            )
        return tuple(
            _read(_member(tar, path), digest, made_by, is_base)
            for path, digest, (made_by, is_base) in zip(paths, digests, makers, strict=True)
        )


def packed_sizes(archive: Path) -> list[int]:
    """Bytes of each layer after gzip, which is how a registry keeps it (within a few per cent); in order."""
    with tarfile.open(archive) as tar:
        paths = _manifest(tar)["Layers"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # zlib leaves the interpreter's lock
        return list(pool.map(lambda path: _packed_size(archive, path), paths))


def _manifest(tar: tarfile.TarFile) -> dict[str, Any]:
    images: list[dict[str, Any]] = json.load(_member(tar, "manifest.json"))
    if len(images) != 1:
        raise EngineError(f"The archive holds {len(images)} images; required: one.")
    return images[0]


def _makers(history: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    """For each layer: the instruction that made it, and whether it is the base's."""
    lines = [entry.get("created_by") or "" for entry in history]
    ours = next((at for at, line in enumerate(lines) if line.startswith(FIRST_OF_OURS)), None)
    if ours is None:
        raise EngineError(
            f"The image's history has no line {FIRST_OF_OURS}…: it was not made by this Dockerfile.",
            code="other-dockerfile",
        )
    return [
        (line, at < ours)
        for at, (line, entry) in enumerate(zip(lines, history, strict=True))
        if not entry.get("empty_layer")
    ]


def _read(blob: IO[bytes], digest: str, made_by: str, is_base: bool) -> LayerContent:
    names: list[str] = []
    inventory: dict[str, bytes] = {}
    size = 0
    with tarfile.open(fileobj=gzip.open(blob) if _is_gzip(blob) else blob) as layer:
        for member in layer:
            name = member.name.removeprefix("./")
            names.append(name)
            if member.isreg():
                size += member.size
                if INVENTORY.fullmatch(name):
                    inventory[name] = _member(layer, member).read()
    return LayerContent(digest, made_by, is_base, tuple(names), size, inventory)


def _packed_size(archive: Path, path: str) -> int:
    with tarfile.open(archive) as tar:
        blob = _member(tar, path)
        if _is_gzip(blob):
            return blob.seek(0, os.SEEK_END)
        packer = zlib.compressobj(wbits=31)
        size = 0
        while chunk := blob.read(CHUNK):
            size += len(packer.compress(chunk))
        return size + len(packer.flush())


def _is_gzip(blob: IO[bytes]) -> bool:
    mark = blob.read(2)
    blob.seek(0)
    return mark == GZIP_MARK


def _member(tar: tarfile.TarFile, member: str | tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(member)
    if file is None:
        raise EngineError(f"{member} in the image's archive is not a file.")
    return file
