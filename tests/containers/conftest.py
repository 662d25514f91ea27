"""A real engine, a real registry, and one image built for the session. Everything made here is removed at the end.

PYTHON_IMAGE and BUILD_OPTIONS in the environment name another base and more options, as they do for `make build`.
"""

import contextlib
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.exits import Exit, UsageError
from contracts.image import Image
from contracts.pipeline_toml.reader import load_config
from contracts.schema import read_json
from contracts.stage import Build, execute
from deploy.digests import engine_id
from deploy.engine import check_engine, docker
from deploy.image import build as build_stage
from testbed.tiny_build import write_model
from tests.reports.records import DATA_DIGEST, pass_every_stage

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "load-tests"))  # scripts that import each other as siblings
REGISTRY_SECONDS = 10.0


@dataclass(frozen=True)
class Built:
    """A build folder for whose image every stage passed, by `config`; its image.json; its name on this engine."""

    build: Build
    config: Path
    image: Image
    here: str


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """Skips where no container engine answers."""
    try:
        check_engine()
    except UsageError as error:
        pytest.skip(f"no container engine: {error}")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """What `make build` makes of a model of three features.

    With a name and a card of its own, and so with an image of its own: sessions run side by side, and remove theirs.
    """
    own = secrets.token_hex(4)
    root = tmp_path_factory.mktemp("built")
    build = Build(root / "build")
    write_model(build.challenger, data_digest=DATA_DIGEST, versions={"session": own})
    config = root / "pipeline.toml"
    text = (ROOT / "pipeline.toml").read_text(encoding="utf-8")
    config.write_text(text.replace('name = "flights"', f'name = "gatehouse-test-{own}"'), encoding="utf-8")
    assert execute("build", config, build, build_stage.work) is Exit.PASS
    image = read_json(build.stage("build") / "image.json", Image, "make build")
    here = engine_id(image.reference)
    pass_every_stage(build, load_config(config), image)
    yield Built(build, config, image, here)
    docker("image", "rm", "--force", here)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`127.0.0.1:<port>` of a registry of our own."""
    program = shutil.which("docker-registry") or shutil.which("registry")
    if program is None:
        pytest.skip("no registry: neither docker-registry nor registry is on the PATH")
    folder = tmp_path_factory.mktemp("registry")
    port = free_port()
    (folder / "config.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        wait_until_it_listens(process, port)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(REGISTRY_SECONDS)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + REGISTRY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
    raise AssertionError(f"the registry does not listen on port {port}")


@contextlib.contextmanager
def variant(of: str, *lines: str) -> Iterator[str]:
    """The engine id of an image made from a tagged one by a few lines of a Dockerfile; removed at the end."""
    text = "\n".join([f"FROM {of}", *lines])
    made = subprocess.run(
        ["docker", "build", "--quiet", "--network=none", "-"], input=text, capture_output=True, text=True, check=True
    )
    try:
        yield made.stdout.strip()
    finally:
        docker("image", "rm", "--force", made.stdout.strip())
