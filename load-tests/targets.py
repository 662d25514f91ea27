"""Chooses what is loaded: the built image, or the service as a process; and the champion in the same way.

TARGET in the environment decides: `auto` takes the image that `make build` made of this challenger, or a process if
that stage was skipped or has not run. `image` and `process` allow nothing else. An image of another model, a failed
build and a missing image are errors, not "no image".
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from contracts.exits import UsageError
from contracts.image import ChampionImage, Image
from contracts.schema import read_json
from contracts.stage import Build, StageRecord
from deploy.digests import engine_id, on_engine
from deploy.engine import EngineError
from deploy.registry.fetch_image import fetch
from deploy.target import wanted_target

REMEDY = "Run `make build`, or load a process: TARGET=process."
IN_CHALLENGERS_IMAGE = "the challenger's image with the champion's model folder in it"


@dataclass(frozen=True)
class Target:
    """`image`: the engine id of the image to run, empty for a process; `image_id`: the same on every engine.

    `model`: a folder to mount over the image's own.
    """

    served: str
    image: str = ""
    image_id: str = ""
    model: Path | None = None

    @property
    def kind(self) -> Literal["process", "image"]:
        return "image" if self.image else "process"


def challenger_target(build: Build, digest: str, environment: Mapping[str, str]) -> Target:
    """What to load, and why. Raises UsageError."""
    wanted = wanted_target(environment, "auto")
    if wanted == "process":
        return Target("a process, as asked (TARGET=process)")
    folder = build.stage("build")
    if (folder / "image.json").exists():
        image = read_json(folder / "image.json", Image, "make build")
        if image.model != digest:
            raise UsageError(
                f"build/image holds model {image.model[:19]}, the challenger is {digest[:19]}. {REMEDY}",
                code="image-of-another-model",
            )
        return Target(f"the image {image.reference}", present(image, build), image.image_id)
    if wanted == "image":
        raise UsageError(f"TARGET is image, and {folder / 'image.json'} is not there. {REMEDY}", code="no-image")
    if not (folder / "stage.json").exists():
        return Target("a process: `make build` has not run")
    record = read_json(folder / "stage.json", StageRecord, "make build")
    if record.exit_code != 0:
        raise UsageError(
            f"build ended with exit code {record.exit_code} ({record.headline}). {REMEDY}", code="build-failed"
        )
    return Target(f"a process: no image was built ({record.headline.rstrip('.')})")


def present(image: Image, build: Build) -> str:
    """The image's engine id; pulls it by the digest of `make push` if needed. Raises UsageError, WrongDigestError."""
    here = on_engine(image)
    if here is None and (build.stage("build") / "pushed.json").exists():
        fetch(build)
        here = on_engine(image)
    if here is None:
        raise UsageError(f"This engine has no image {image.image_id[:19]} ({image.reference}) any more. {REMEDY}")
    return here


def champion_target(build: Build, digest: str, challenger: Target) -> Target:
    """The champion, served as the challenger is: by its own image if that is here, else by the challenger's."""
    if not challenger.image:
        return Target("this checkout's service with the champion's model folder, as a process")
    own = _own_image(build, digest)
    if own is not None:
        return Target(f"the champion's own image {own.reference}", own.engine_id)
    return Target(IN_CHALLENGERS_IMAGE, challenger.image, model=build.champion)


def _own_image(build: Build, digest: str) -> ChampionImage | None:
    """The image that `make champion` recorded, if it is of this champion and still on the engine."""
    with contextlib.suppress(UsageError, EngineError):
        noted = read_json(build.champion_image, ChampionImage, "make champion")
        if noted.model == digest and engine_id(noted.engine_id):
            return noted
    return None
