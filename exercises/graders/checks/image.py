"""Exercise 2: Docker for ML. The Dockerfile is linted; with a container engine, it is built, run and searched.

The context is a copy: the learner's Dockerfile, .dockerignore and requirements.txt, their app.py of exercise 1, a model
folder, and two things that belong in a checkout but in no image: a secret and training code.
"""

import contextlib
import json
import os
import re
import secrets
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO

from contracts.exits import OutsideError, UsageError
from deploy.engine import NO_RIGHTS, check_engine, container, docker, docker_bytes
from exercises.graders.asking import Server, wait_until_it_answers
from exercises.graders.checks.api import EXERCISE as FIRST
from exercises.graders.grading import Check, Exercise, Place, WaitsError, check
from exercises.graders.program import ProgramError, copy_of

CHAPTER = "docs/learn/en/03-image.md"
BUILD_SECONDS = 300.0
MOST_ADDED_MB = 260
TRAINING = "training/secret_recipe.py"
FILES = ("Dockerfile", ".dockerignore", "requirements.txt")
# A proxy that refuses connections. These two arguments are not part of a layer's cache key, so cached layers are found.
NO_NETWORK = ("--build-arg=http_proxy=http://127.0.0.1:9", "--build-arg=https_proxy=http://127.0.0.1:9")
NO_BASE = "failed to resolve source metadata"
CHECKS: list[Check] = []


@dataclass(frozen=True)
class Layers:
    """What the image adds to its base: bytes by layer, and the layers where the two planted texts were found."""

    bytes_of: dict[str, int]
    secret_in: tuple[str, ...]
    training_in: tuple[str, ...]


@dataclass
class BuildContext:
    """A context, built when the first check asks for it. `secret` is in its .env, `recipe` in training/."""

    context: Path
    secret: str
    recipe: str
    tags: list[str] = field(default_factory=list)
    problem: Exception | None = None

    @cached_property
    def image(self) -> str:
        """The built image. Raises WaitsError without an engine or a base, ProgramError where it does not build."""
        if self.problem is None:
            try:
                check_engine()
                return self.build()
            except UsageError as error:
                self.problem = WaitsError(f"waits for a container engine: {error}")
            except (WaitsError, ProgramError) as error:
                self.problem = error
        raise self.problem

    def build(self, context: Path | None = None, options: Sequence[str] = ()) -> str:
        tag = f"gatehouse-exercise:{secrets.token_hex(8)}"
        base = os.environ.get("PYTHON_IMAGE")
        options = [*options, *([f"--build-arg=PYTHON_IMAGE={base}"] if base else [])]
        try:
            docker_bytes(
                "buildx", "build", "--load", "--provenance=false", "--sbom=false", f"--tag={tag}", *options,
                str(context or self.context), seconds=BUILD_SECONDS,
            )  # fmt: skip
        except OutsideError as error:
            if NO_BASE in str(error):
                raise WaitsError(f"waits for the image to build on; PYTHON_IMAGE names a mirror. {error}") from None
            raise ProgramError(f"The image was not built: {error}") from None
        self.tags.append(tag)
        return tag

    def layer_without_network(self, place: int) -> str:
        """The digest of the layer at that place, built from the current context; "" if that needs a network."""
        try:
            return _digests(self.build(options=NO_NETWORK))[place]
        except ProgramError:
            return ""

    @cached_property
    def layers(self) -> Layers:
        return read_layers(self.image, self.base, self.secret.encode(), self.recipe.encode())

    @cached_property
    def base(self) -> list[str]:
        """The digests of the Python image's layers, from an image that adds only a label to it."""
        name = os.environ.get("PYTHON_IMAGE") or base_named_in((self.context / "Dockerfile").read_text("utf-8"))
        empty = self.context.parent / "base"
        empty.mkdir(exist_ok=True)
        (empty / "Dockerfile").write_text(f"FROM {name}\nLABEL gatehouse.exercise=base\n", encoding="utf-8")
        return _digests(self.build(empty))


@check(CHECKS, "hadolint finds nothing in the Dockerfile.", f"{CHAPTER}#the-idea")
def lint(shop: BuildContext) -> str:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [str(hadolint), "--no-color", "--disable-ignore-pragma", "-"],
        stdin=(shop.context / "Dockerfile").open("rb"), capture_output=True, errors="replace", timeout=30, check=False,
    )  # fmt: skip
    return "" if done.returncode == 0 else " ".join((done.stdout + done.stderr).split())[:400]


@check(CHECKS, "The program does not run as root.", f"{CHAPTER}#non-root")
def user(shop: BuildContext) -> str:
    said = docker("run", "--rm", "--network=none", "--entrypoint=id", shop.image, "-u")
    return f"the container runs as uid {said}." if said == "0" else ""


@check(CHECKS, "It answers on port 8000 with a read-only file system and without capabilities.", f"{CHAPTER}#read-only")
def read_only(shop: BuildContext) -> str:
    limits = ("--memory=512m", "--pids-limit=64", "--publish=127.0.0.1::8000")
    with container(shop.image, *NO_RIGHTS, *limits) as name:
        try:
            host, _, port = docker("port", name, "8000/tcp").splitlines()[0].rpartition(":")
            wait_until_it_answers(Server(host, int(port)), lambda: _ended(name))
        except (OutsideError, ProgramError, IndexError) as error:
            return f"it does not answer when it may write nowhere: {error} {_last_words(name)}"
    return ""


@check(CHECKS, f"It adds at most {MOST_ADDED_MB} MB to the Python image.", f"{CHAPTER}#layers")
def size(shop: BuildContext) -> str:
    added = sum(shop.layers.bytes_of.values()) / 1e6
    return f"it adds {added:.0f} MB. What does serving never import?" if added > MOST_ADDED_MB else ""


@check(CHECKS, "A change of app.py leaves the layer with the dependencies as it is.", f"{CHAPTER}#layers")
def order(shop: BuildContext) -> str:
    layers = shop.layers.bytes_of
    largest = max(layers, key=lambda digest: layers[digest])
    place = _digests(shop.image).index(largest)
    app = shop.context / "app.py"
    code, unchanged = app.read_bytes(), {largest}
    for number in range(3):
        app.write_bytes(code + f"\n# change {number} of the code\n".encode())
        changed = shop.layer_without_network(place)
        app.write_bytes(code)
        # The control: an engine that is short of disk space rebuilds the layer without any change, too.
        control = shop.layer_without_network(place)
        if changed and changed == control:
            return ""
        if control in unchanged:
            return f"after a line in app.py changed, the layer of {layers[largest] / 1e6:.0f} MB was made again."
        unchanged.add(control or _digests(shop.build())[place])
    raise WaitsError("waits for an engine that keeps its layers: it made them again where nothing had changed.")


@check(
    CHECKS,
    "No layer holds the secret that lay in .env beside the Dockerfile.",
    f"{CHAPTER}#what-goes-wrong-in-practice",
)
def no_secret(shop: BuildContext) -> str:
    found = shop.layers.secret_in
    return (
        f"the secret is readable in {', '.join(found[:3])}; deleting it in a later layer does not help."
        if found
        else ""
    )


@check(CHECKS, "No layer holds training code.", f"{CHAPTER}#what-goes-wrong-in-practice")
def no_training(shop: BuildContext) -> str:
    found = shop.layers.training_in
    return f"training code is in {', '.join(found[:3])}." if found else ""


def base_named_in(dockerfile: str) -> str:
    """The default of its ARG PYTHON_IMAGE. Raises ProgramError if it has none."""
    found = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", dockerfile, re.M)
    if found is None:
        raise ProgramError("The Dockerfile has no line ARG PYTHON_IMAGE=…, which says what it is built on.")
    return found[1]


def _digests(image: str) -> list[str]:
    digests: list[str] = json.loads(docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", image))
    return digests


def _ended(name: str) -> str:
    """How the container ended; "" while it runs."""
    return "" if docker("inspect", "--format", "{{.State.Running}}", name) == "true" else "The container ended."


def _last_words(name: str) -> str:
    done = subprocess.run(["docker", "logs", "--tail", "3", name], capture_output=True, errors="replace", check=False)
    return " ".join((done.stdout + done.stderr).split())[-300:]


def read_layers(image: str, base: Sequence[str], secret: bytes, recipe: bytes) -> Layers:
    """The layers that are not the base's, read and searched."""
    with tempfile.TemporaryDirectory(prefix="exercise-") as root:
        archive = Path(root) / "image.tar"
        docker("save", "--output", str(archive), image)
        with tarfile.open(archive) as tar:
            manifest = json.load(_opened(tar, "manifest.json"))[0]
            config = json.load(_opened(tar, manifest["Config"]))
            own = set(config["rootfs"]["diff_ids"]) - set(base)
            sizes: dict[str, int] = {}
            found: dict[bytes, list[str]] = {secret: [], recipe: []}
            for digest, path in zip(config["rootfs"]["diff_ids"], manifest["Layers"], strict=True):
                if digest in own:
                    sizes[digest] = _search(_opened(tar, path), found)
            if secret in json.dumps(config).encode():
                found[secret].append("the image's configuration")
    return Layers(sizes, tuple(found[secret]), tuple(found[recipe]))


def _search(blob: IO[bytes], found: dict[bytes, list[str]]) -> int:
    """The layer's size in bytes; adds the files that hold one of the texts to `found`."""
    total = 0
    with tarfile.open(fileobj=blob) as layer:
        for member in layer:
            if not member.isreg():
                continue
            total += member.size
            if member.size < 1_000_000:
                content = _opened(layer, member).read()
                for text, names in found.items():
                    if text in content:
                        names.append("/" + member.name.removeprefix("./"))
    return total


def _opened(tar: tarfile.TarFile, member: str | tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(member)
    if file is None:
        raise ProgramError(f"{member} in the image is no file.")
    return file


@contextlib.contextmanager
def context_of(place: Place) -> Iterator[BuildContext]:
    """A context to build. Raises ProgramError if one of the learner's files is missing."""
    model = place.build / "train" / "model"
    with tempfile.TemporaryDirectory(prefix="exercise-") as root:
        context = copy_of(place.folder, Path(root) / "context")
        absent = [name for name in FILES if not (context / name).is_file()]
        app = place.folder.parent / FIRST.folder / "app.py"
        if absent or not app.is_file() or not (model / "model.onnx").is_file():
            lacks = absent or [str(app if not app.is_file() else model / "model.onnx")]
            raise ProgramError(f"{', '.join(lacks)} is not there.")
        (context / "app.py").write_bytes(app.read_bytes())
        copy_of(model, context / "model")
        secret, recipe = secrets.token_hex(24), secrets.token_hex(24)
        (context / ".env").write_text(f"REGISTRY_TOKEN={secret}\n", encoding="utf-8")
        (context / TRAINING).parent.mkdir()
        (context / TRAINING).write_text(f'"""Training code, {recipe}."""\n', encoding="utf-8")
        shop = BuildContext(context, secret, recipe)
        try:
            yield shop
        finally:
            for tag in shop.tags:
                with contextlib.suppress(OutsideError, UsageError):
                    docker("image", "rm", "--force", tag)


EXERCISE = Exercise(
    number="2",
    folder="02-image",
    title="Docker for ML",
    checks=CHECKS,
    subject=context_of,
    different=(
        "the Dockerfile at the top fixes every file's time and hash, keeps compiled bytecode of what serving imports, "
        "and deploy/image/build.py proves the image on its golden rows."
    ),
)
