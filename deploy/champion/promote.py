"""promote, on a laptop: the challenger becomes the champion, if every stage passed for this very model folder.

Nothing here decides. Each stage wrote what it saw of which model digest; one that is missing, failed, or spoke of
another model or other data is refused, and the champion stays.

Reads   build/data, build/train/model, build/evaluate, build/image, build/load-test, build/drift
Writes  build/champion, the model folder that the next run compares with; build/deploy/deployed.json
Exits   0 promoted · 3 a stage did not pass for this model · 2 a stage has not run
"""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from contracts.data_manifest import DataManifest
from contracts.decision import Decision
from contracts.exits import FindingError, UsageError
from contracts.image import Image
from contracts.model_folder import CARD_FILE, ModelCard, model_digest
from contracts.pipeline_toml.champion import champion_of
from contracts.release import Deployment
from contracts.schema import read_json, write_json
from contracts.stage import CHAIN, Build, Context, Outcome, StageName, StageRecord, run_stage
from contracts.verdict import DriftVerdict, LoadVerdict
from scoring.scorer import load_scorer

AnyVerdict = TypeVar("AnyVerdict", LoadVerdict, DriftVerdict)


class NotDeployableError(FindingError):
    """A stage did not pass for this model folder; the text says which, and what it said."""


def work(context: Context) -> Outcome:
    """Check every stage's word, then move the challenger into the champion's place."""
    build = context.build
    if not (build.challenger / CARD_FILE).exists():
        raise UsageError(f"{build.challenger} is no model folder. Run `make pipeline` first.")
    challenger = load_scorer(build.challenger)
    decision = read_json(build.stage("evaluate") / "decision.json", Decision, "make evaluate")
    against = [*objections(build, challenger.digest, challenger.card.data_digest, decision)]
    against += other_commit(decision, challenger.card)
    if against:
        raise NotDeployableError("Not promoted: " + " ".join(against) + " Run `make pipeline`, then `make promote`.")
    first_run = champion_of(build, context.config).first_run
    previous = _previous_digest(build.champion)
    replace_folder(build.challenger, build.champion)
    write_json(
        context.folder / "deployed.json",
        Deployment(model=challenger.digest, previous=previous, reason=_with(decision.reasons[0], first_run)),
    )
    instead = f"in place of {_short(previous)}" if previous else "as the first champion"
    said = f"{challenger.card.estimator} {_short(challenger.digest)} {instead}."
    return Outcome("promoted", _with(said, first_run))


def objections(build: Build, digest: str, data_digest: str, decision: Decision) -> Iterator[str]:
    """One sentence for each stage that does not vouch for this model."""
    for stage in CHAIN:
        record = read_json(build.stage(stage) / "stage.json", StageRecord, f"make {stage}")
        if record.exit_code != 0:
            yield f"{stage} ended with exit code {record.exit_code} ({record.headline})"
    manifest = read_json(build.stage("data") / "data.json", DataManifest, "make data")
    load = _verdict(build, "load-test", LoadVerdict)
    drift = _verdict(build, "drift", DriftVerdict)
    judged = {"evaluate": decision.challenger}
    judged |= {name: verdict.model for name, verdict in (("load-test", load), ("drift", drift)) if verdict is not None}
    for stage_name, seen in judged.items():
        if seen != digest:
            yield f"{stage_name} judged model {_short(seen)}, this one is {_short(digest)}."
    for stage_name, seen in (("data", manifest.digest), ("evaluate", decision.data_digest)):
        if seen != data_digest:
            yield f"{stage_name} speaks of data {_short(seen)}, the model was trained on {_short(data_digest)}."
    if decision.decision != "promote":
        yield f"The gate decided: {decision.decision}."
    if load is not None and load.verdict != "pass":
        yield f"The load test's verdict is {load.verdict}."
    yield from _objections_of_the_image(build, digest, load)


def _verdict(build: Build, stage: StageName, schema: type[AnyVerdict]) -> AnyVerdict | None:
    """What a stage of the chain said; None where the chain has no such stage. Raises UsageError."""
    return read_json(build.stage(stage) / "verdict.json", schema, f"make {stage}") if stage in CHAIN else None


def _objections_of_the_image(build: Build, digest: str, load: LoadVerdict | None) -> Iterator[str]:
    """An image that was built is what was loaded, and holds this model; where none was, a process was loaded."""
    described = build.stage("build") / "image.json"
    if not described.exists():
        if load is not None and load.target != "process":
            yield "load-test loaded an image, and build has none."
        return
    image = read_json(described, Image, "make build")
    if image.model != digest:
        yield f"build's image holds model {_short(image.model)}, this one is {_short(digest)}."
    if load is None:
        return
    if load.target != "image":
        yield f"load-test loaded a process, not the image {image.reference}."
    elif load.image != image.image_id:
        yield f"load-test loaded image {_short(load.image)}, build's is {_short(image.image_id)}."


def other_commit(decision: Decision, card: ModelCard) -> Iterator[str]:
    """A sentence where the decision was made for another commit than the model is from."""
    if decision.commit != card.commit:
        yield f"evaluate speaks of commit {decision.commit[:12]}, the model is of {card.commit[:12]}."


def _previous_digest(champion: Path) -> str:
    return model_digest(champion) if (champion / CARD_FILE).exists() else ""


def _with(sentence: str, first_run: str) -> str:
    return f"{sentence} {first_run}" if first_run else sentence


def _short(digest: str) -> str:
    return digest[:19]


def replace_folder(source: Path, target: Path) -> None:
    """Put a copy of `source` in `target`'s place. Killed anywhere, a complete folder is there or one re-run away."""
    fresh, old = target.with_name(target.name + ".new"), target.with_name(target.name + ".old")
    if old.exists() and not target.exists():
        old.rename(target)
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(source, fresh)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


main = partial(run_stage, "promote", __doc__, work)
