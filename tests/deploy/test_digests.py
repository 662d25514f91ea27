"""The configuration's digest out of an archive, in every form that `docker save` has had."""

import io
import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from deploy.digests import configuration_in, sha256

ROOT = Path(__file__).parents[2]
CONFIG = b'{"architecture":"amd64","os":"linux"}'
BLOB = f"blobs/sha256/{sha256(CONFIG).partition(':')[2]}"


def archive(files: dict[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return io.BytesIO(buffer.getvalue())


def listed(*configurations: str) -> bytes:
    return json.dumps([{"Config": one, "RepoTags": None, "Layers": []} for one in configurations]).encode()


@pytest.mark.parametrize("name", [BLOB, "0" * 64 + ".json"], ids=["blobs", "before Docker 25"])
def test_it_is_the_digest_of_the_configurations_own_bytes(name: str) -> None:
    for files in ({name: CONFIG, "manifest.json": listed(name)}, {"manifest.json": listed(name), name: CONFIG}):
        assert configuration_in(archive(files)) == sha256(CONFIG)


def test_a_layer_is_passed_over_and_nothing_of_it_kept() -> None:
    files = {"layer": bytes(5_000_000), BLOB: CONFIG, "manifest.json": listed(BLOB)}
    assert configuration_in(archive(files)) == sha256(CONFIG)


def test_what_an_archive_says_of_its_configuration_is_not_believed() -> None:
    forged = {BLOB: b'{"another":1}', "manifest.json": listed(BLOB)}
    assert configuration_in(archive(forged)) not in ("", sha256(CONFIG))


@pytest.mark.parametrize(
    "files",
    [{}, {"manifest.json": b"["}, {"manifest.json": listed()}, {"manifest.json": listed(BLOB)},
     {BLOB: CONFIG, "manifest.json": listed(BLOB, BLOB)}],
    ids=["empty", "torn list", "no image", "no configuration", "two images"],
)  # fmt: skip
def test_an_archive_without_exactly_one_image_names_nothing(files: dict[str, bytes]) -> None:
    assert configuration_in(archive(files)) == ""


def test_bytes_that_are_no_archive_name_nothing() -> None:
    whole = archive({BLOB: CONFIG, "layer": bytes(20_000), "manifest.json": listed(BLOB)}).getvalue()
    for content in (b"", b"x" * 2_000, whole[: len(whole) // 2]):
        assert configuration_in(io.BytesIO(content)) == ""


def test_no_other_module_asks_the_engine_what_it_calls_an_image() -> None:
    said = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    asking = {
        name for name in said.split() if re.search(r'"image", "inspect"[^)]*\{\{\.Id\}\}', (ROOT / name).read_text())
    }
    assert asking == {"deploy/digests.py"}
