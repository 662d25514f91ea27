"""The evidence of each stage of the chain, and the same digests recomputed from the files in build/ now.

Reads   build/*/stage.json and the verdicts; build/data/data.json, build/train/model, build/champion, build/image
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from contracts.data_manifest import DataManifest, manifest_digest
from contracts.decision import Decision, Evidence
from contracts.exits import UsageError
from contracts.image import Image
from contracts.model_folder import CARD_FILE, ModelCard, model_digest, read_card, verify_files
from contracts.pipeline_toml.champion import champion_of
from contracts.pipeline_toml.keys import Config
from contracts.pipeline_toml.reader import settings_digest
from contracts.schema import read_json
from contracts.stage import CHAIN, Build, StageName, StageRecord
from contracts.verdict import DriftVerdict, LoadVerdict

AnyVerdict = TypeVar("AnyVerdict", LoadVerdict, DriftVerdict)


@dataclass(frozen=True)
class Claim:
    """One stage: how it ended, and the digests that it saw."""

    stage: StageName
    record: StageRecord
    evidence: Evidence


@dataclass(frozen=True)
class Case:
    """All evidence for a challenger. `now`: the digests that every claim must agree with."""

    now: Evidence
    card: ModelCard
    claims: tuple[Claim, ...]
    decision: Decision
    load: LoadVerdict | None
    image: Image | None


def read_case(build: Build, config: Config, image_id: str | None = None) -> Case:
    """The evidence in build/. `image_id`: of the image to deploy, instead of the one in image.json.

    Raises UsageError for a stage that has not run or a missing file, ModelFolderError for a changed model folder.
    """
    if not (build.challenger / CARD_FILE).exists():
        raise UsageError(f"{build.challenger} is no model folder. Run `make pipeline` first.")
    card = read_card(build.challenger)
    verify_files(build.challenger, card)
    image = _image(build)
    records = {stage: read_json(build.stage(stage) / "stage.json", StageRecord, f"make {stage}") for stage in CHAIN}
    decision = read_json(build.stage("evaluate") / "decision.json", Decision, "make evaluate")
    load = _verdict(build, "load-test", LoadVerdict)
    now = Evidence(
        model=model_digest(build.challenger),
        champion=champion_digest(build, config),
        data=card.data_digest,
        settings=settings_digest(config),
        image=image_id or (image.image_id if image else None),
    )
    seen = dict(_evidence(build, config, decision, load, image))
    claims = tuple(Claim(stage, record, seen.get(stage, Evidence())) for stage, record in records.items())
    return Case(now, card, claims, decision, load, image)


def champion_digest(build: Build, config: Config) -> str:
    """The digest of the champion that a comparison would use now; "" if there is none."""
    folder = champion_of(build, config).folder
    return model_digest(folder) if folder is not None else ""


def _evidence(
    build: Build, config: Config, decision: Decision, load: LoadVerdict | None, image: Image | None
) -> Iterator[tuple[StageName, Evidence]]:
    manifest = read_json(build.stage("data") / "data.json", DataManifest, "make data")
    yield "data", Evidence(data=manifest_digest(manifest, config.data))
    yield "evaluate", decision.evidence
    if image is not None:
        yield "build", image.evidence
    if load is not None:
        yield "load-test", load.evidence
    if (drift := _verdict(build, "drift", DriftVerdict)) is not None:
        yield "drift", drift.evidence


def _image(build: Build) -> Image | None:
    """None if no image was built; then the load test loaded a process."""
    path = build.stage("build") / "image.json"
    return read_json(path, Image, "make build") if path.exists() else None


def _verdict(build: Build, stage: StageName, schema: type[AnyVerdict]) -> AnyVerdict | None:
    """The verdict of a stage; None if the chain has no such stage. Raises UsageError."""
    return read_json(build.stage(stage) / "verdict.json", schema, f"make {stage}") if stage in CHAIN else None
