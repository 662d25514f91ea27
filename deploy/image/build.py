"""build: one image with the service and the challenger, measured, self-tested, and listed down to its last package.

Decides nothing about the model; refuses an image whose own self-test fails. SOURCE_DATE_EPOCH is the commit's time and
every file's time is fixed, so the same commit and model give the same image id, with or without a cache.

In the chain, where no container engine answers, it says so and is skipped: the load test then takes the same service as
a process. `make build` alone asks for the image, and is refused there.

Reads   build/train/model; the Dockerfile, service/, scoring/, contracts/,
        requirements/service.txt; from the environment PYTHON_IMAGE (another base than the Dockerfile's),
        IMAGE_REQUIREMENTS (another file of requirements/: s3), BUILD_OPTIONS (more options for `docker buildx build`)
        and TARGET (image; auto: skip without an engine; process: skip)
Writes  the image, tagged <project>:sha-<commit>; build/image/image.json, sbom.json (CycloneDX), provenance.json (SLSA)
Exits   0 built or skipped · 3 the model folder or the image's self-test is refused · 2 no container engine, or the base
        image cannot be had · 1 the build failed
"""

import json
import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from contracts.exits import FindingError, UsageError
from contracts.image import Image, Layer
from contracts.model_folder import sha256_of
from contracts.schema import write_json
from contracts.stage import Context, Outcome, run_stage
from deploy.digests import engine_id, image_id
from deploy.engine import HARDENED, EngineError, NoEngineError, check_engine, docker, docker_shown
from deploy.image.layers import LayerContent, packed_sizes, read_layers
from deploy.image.measure import ContainerCost, measure
from deploy.image.provenance import Builder, provenance
from deploy.image.revision import Revision, revision_of
from deploy.image.sbom import bill_of_materials
from deploy.login import is_refused, remedy
from deploy.target import wanted_target
from scoring.scorer import Scorer, load_scorer

CHECKOUT = Path(__file__).resolve().parents[2]
INPUTS = ("Dockerfile", ".dockerignore")
SERVICE = "service"
ROOMS = ("service", "scoring", "contracts")
MEGABYTE = 1_000_000
INSTEAD = "The load test takes the same service as a process."


class BaseImageError(UsageError):
    """The image to build on is not to be had."""


class SelfTestError(FindingError):
    """The image does not give the golden rows' answers, or does not hold the model that it was built for."""


def work(context: Context) -> Outcome:
    """Build, prove, measure, list; or skip, and say why."""
    wanted = wanted_target(os.environ, "image")
    if wanted == "process":
        return Outcome("skipped", f"as asked (TARGET=process). {INSTEAD}")
    try:
        check_engine()
    except NoEngineError as error:
        if wanted == "image":
            raise
        return Outcome("skipped", f"no container engine: {error} {INSTEAD}")
    return build(context)


def build(context: Context) -> Outcome:
    """The image of the challenger, on an engine that answers. Raises as the manual says."""
    challenger = load_scorer(context.build.challenger)
    revision = revision_of(CHECKOUT)
    base = os.environ.get("PYTHON_IMAGE") or default_base((CHECKOUT / "Dockerfile").read_text(encoding="utf-8"))
    reference = f"{context.config.project.name}:{revision.tag}"
    requirements = wanted_requirements(os.environ)
    labels = build_arguments(challenger, revision, base, context.config.gate.metric) | requirements_argument(os.environ)
    options = shlex.split(os.environ.get("BUILD_OPTIONS", ""))
    run_build(build_command(reference, context.build.challenger, labels, options), base)
    here = engine_id(reference)
    self_test(here, challenger.digest)
    figures = measure(here)
    layers, sizes = _saved(here, context.folder)
    parts = list_layers(layers, sizes)
    image = describe(reference, image_id(here), base, revision, challenger, context.settings, parts, figures)
    write_json(context.folder / "image.json", image)
    _write(context.folder / "sbom.json", bill_of_materials(image, challenger.card, layers))
    _write(context.folder / "provenance.json", provenance(image, dict(_inputs(requirements)), _builder(os.environ)))
    return Outcome("built", headline(image))


def default_base(dockerfile: str) -> str:
    """The base image that the Dockerfile names itself."""
    found = re.search(r"^FROM (\S+) AS pinned$", dockerfile, re.M)
    if found is None:
        raise EngineError("The Dockerfile has no line FROM … AS pinned.", code="no-pinned-base")
    return found[1]


def wanted_requirements(environment: Mapping[str, str]) -> str:
    """Which file of requirements/ the image is to have. Raises UsageError where there is no such file."""
    wanted = environment.get("IMAGE_REQUIREMENTS") or SERVICE
    if not (CHECKOUT / "requirements" / f"{wanted}.txt").is_file():
        raise UsageError(
            f"IMAGE_REQUIREMENTS is {wanted!r}, and requirements/ has no {wanted}.txt. Use service or s3.",
            code="no-requirements",
        )
    return wanted


def requirements_argument(environment: Mapping[str, str]) -> dict[str, str]:
    """For the Dockerfile, where it is to have another file than by itself."""
    wanted = wanted_requirements(environment)
    return {} if wanted == SERVICE else {"REQUIREMENTS": wanted}


def build_arguments(challenger: Scorer, revision: Revision, base: str, metric: str) -> dict[str, str]:
    """What the Dockerfile is told, by the name of its ARG."""
    figure = challenger.card.metrics.get(metric)
    return {
        "PYTHON_IMAGE": base,
        "SOURCE_DATE_EPOCH": str(revision.epoch),
        "NAME": challenger.card.name,
        "CREATED": revision.created,
        "MODEL_DIGEST": challenger.digest,
        "DATA_DIGEST": challenger.card.data_digest,
        "METRIC": metric if figure else "",
        "METRIC_VALUE": f"{figure.value:.6g}" if figure else "",
        "REVISION": revision.commit,
    }


def build_command(
    reference: str,
    model: Path,
    arguments: Mapping[str, str],
    options: Sequence[str],
    checkout: Path = CHECKOUT,
) -> tuple[str, ...]:
    """`docker …` without the first word. No attestation inside: it would make the digest differ from build to build."""
    told = (f"--build-arg={name}={value}" for name, value in arguments.items())
    return (
        "buildx", "build", "--load", "--provenance=false", "--sbom=false", f"--tag={reference}",
        f"--build-context=model={model.resolve()}", *told, *options, str(checkout),
    )  # fmt: skip


def run_build(command: Sequence[str], base: str) -> None:
    """Build. Raises BaseImageError where the base cannot be had, EngineError for every other failure."""
    try:
        docker_shown(*command)
    except NoEngineError:
        raise
    except EngineError as error:
        if why := _why_not(base):
            raise BaseImageError(
                f"The base image {base} is neither on this engine nor to be had from its registry ({why}). "
                f"{_who_may(base) if is_refused(why) else ''}Name one that is: PYTHON_IMAGE=… (a mirror's, or one that "
                "is there: `docker images`), on GitHub in the Dockerfile's line FROM … AS pinned. Without an image: "
                "TARGET=process."
            ) from None
        raise EngineError(
            f"The image was not built: {error}. If a package could not be fetched, pass what your network needs in "
            "BUILD_OPTIONS (--network=host, say). Without an image: TARGET=process."
        ) from None


def _why_not(base: str) -> str:
    """Why the base cannot be had; empty if the engine has it, or its registry says that it does."""
    said = ""
    for question in (("image", "inspect"), ("buildx", "imagetools", "inspect")):
        try:
            docker(*question, base)
            return ""
        except EngineError as error:
            said = str(error)
    return said


def _who_may(base: str) -> str:
    return remedy(base, os.environ, jobs="No job logs in before it builds, on main or in a pull request.") + " "


def self_test(image: str, digest: str) -> None:
    """The golden rows, inside the image, without a network. Raises SelfTestError."""
    try:
        said = docker("run", "--rm", "--network=none", *HARDENED, image, "--self-test")
    except EngineError as error:
        raise SelfTestError(f"The image's self-test failed. {error}") from None
    if digest not in said:
        raise SelfTestError(f"The image's self-test spoke of another model than {digest}: {said}")


def list_layers(layers: Sequence[LayerContent], packed_sizes: Sequence[int]) -> tuple[Layer, ...]:
    """The layers as image.json has them."""
    return tuple(
        Layer(
            digest=layer.digest,
            made_by=layer.made_by,
            unpacked_bytes=layer.unpacked_bytes,
            packed_bytes=packed,
            is_base=layer.is_base,
        )
        for layer, packed in zip(layers, packed_sizes, strict=True)
    )


def describe(
    reference: str,
    image_id: str,
    base: str,
    revision: Revision,
    challenger: Scorer,
    settings: str,
    layers: tuple[Layer, ...],
    figures: ContainerCost,
) -> Image:
    """image.json."""
    return Image(
        reference=reference,
        image_id=image_id,
        base=base,
        commit=revision.commit,
        created=revision.created,
        model=challenger.digest,
        data_digest=challenger.card.data_digest,
        settings=settings,
        unpacked_bytes=sum(layer.unpacked_bytes for layer in layers),
        packed_bytes=sum(layer.packed_bytes for layer in layers),
        base_unpacked_bytes=sum(layer.unpacked_bytes for layer in layers if layer.is_base),
        base_packed_bytes=sum(layer.packed_bytes for layer in layers if layer.is_base),
        cold_start_seconds=round(figures.cold_start_seconds, 2),
        idle_mb=round(figures.idle_mb, 1),
        layers=layers,
    )


def headline(image: Image) -> str:
    """The figures to remember, in one line."""
    whole, packed = image.unpacked_bytes / MEGABYTE, image.packed_bytes / MEGABYTE
    own, own_packed = whole - image.base_unpacked_bytes / MEGABYTE, packed - image.base_packed_bytes / MEGABYTE
    return (
        f"{image.reference} ({image.image_id[:19]}): {whole:.0f} MB, {packed:.0f} MB compressed "
        f"(without the base {own:.0f} and {own_packed:.0f}); "
        f"cold start {image.cold_start_seconds} s, idle {image.idle_mb:.0f} MB"
    )


def _saved(image: str, folder: Path) -> tuple[tuple[LayerContent, ...], list[int]]:
    """What is in the layers, and their packed sizes."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        archive = Path(scratch) / "image.tar"
        docker("save", "--output", str(archive), image)
        return read_layers(archive), packed_sizes(archive)


def _inputs(requirements: str) -> Iterator[tuple[str, str]]:
    """Path in the checkout and sha256 of each file that went in."""
    for name in (*INPUTS, f"requirements/{requirements}.txt"):
        yield name, sha256_of(CHECKOUT / name)
    for room in ROOMS:
        for path in sorted((CHECKOUT / room).rglob("*.py")):
            yield path.relative_to(CHECKOUT).as_posix(), sha256_of(path)


def _builder(environment: Mapping[str, str]) -> Builder:
    versions = {"docker": docker("version", "--format", "{{.Server.Version}}"), "buildx": docker("buildx", "version")}
    if "GITHUB_RUN_ID" not in environment:
        return Builder("urn:gatehouse:laptop", "", versions)
    place = f"{environment['GITHUB_SERVER_URL']}/{environment['GITHUB_REPOSITORY']}"
    run = f"{place}/actions/runs/{environment['GITHUB_RUN_ID']}/attempts/{environment['GITHUB_RUN_ATTEMPT']}"
    return Builder(f"{place}/{environment['GITHUB_WORKFLOW']}", run, versions)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


main = partial(run_stage, "build", __doc__, work)
