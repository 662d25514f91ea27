"""What may be deployed: exactly one digest, with evidence that it passed the gates.

Said by its label (`make build` writes it where the gate had promoted that very model), by the decision recorded in
build/, or by the host, where that digest has served before. A record that speaks against it outweighs all of them.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from contracts.decision import Decision
from contracts.exits import FindingError, UsageError
from contracts.image import DECISION_LABEL, MODEL_LABEL, REVISION_LABEL
from contracts.model_folder import Golden, ModelCard, ModelFolderError, read_card
from contracts.pipeline_toml.champion import asked_by, first_run
from contracts.release import Release, State
from contracts.schema import Schema, read_json
from contracts.stage import Build, StageName
from contracts.verdict import LoadVerdict
from deploy.engine import EngineError, docker, engine_platform
from deploy.registry.registry import (
    Described,
    NoSuchImageError,
    WrongDigestError,
    check_digest_reference,
    described,
    pull,
)

AnyRecord = TypeVar("AnyRecord", bound=Schema)


ON_HOST = "{{.Os}}/{{.Architecture}} {{json .Config.Labels}}"


class NotAdmittedError(FindingError):
    """Nothing says that this image passed the gates, or something says that it did not."""


@dataclass(frozen=True)
class Candidate:
    """An image that may be deployed. `decision`: why."""

    image: str
    model: str
    revision: str
    decision: str


@dataclass(frozen=True)
class Proved:
    """Its model folder, verified on this machine: what the replicas must answer."""

    card: ModelCard
    golden: Golden


def admit(image: str, build: Build, state: State) -> Candidate:
    """Decide before anything is pulled. Raises NameOfImageError, NotAdmittedError and EngineError."""
    check_digest_reference(image)
    try:
        seen = on_host(image) or described(image)
    except (NoSuchImageError, WrongDigestError) as error:
        raise NotAdmittedError(f"Not deployed: {error}") from None
    if seen.platform != (here := engine_platform()):
        raise NotAdmittedError(
            f"Not deployed: {image} is built for {seen.platform}, and the host's engine runs {here}. "
            f"Build it for {here}, or for both (docs/image.md, Another processor)."
        )
    return judge(image, seen.labels, build, state)


def judge(image: str, labels: Mapping[str, str], build: Build, state: State) -> Candidate:
    """The decision on an image with these labels. Raises NotAdmittedError."""
    model = labels.get(MODEL_LABEL, "")
    if not model:
        raise NotAdmittedError(f"Not deployed: {image} has no label {MODEL_LABEL}: `make build` did not make it.")
    if against := " ".join(_objections(build, model)):
        raise NotAdmittedError(f"Not deployed: {against}")
    for word in (_label(labels), _record(build, model), _past(image, state)):
        if word:
            return Candidate(image, model, labels.get(REVISION_LABEL, ""), word)
    raise NotAdmittedError(
        f"Not deployed: nothing says that {image} passed the gates. Required: its label {DECISION_LABEL}=promote, "
        f"a decision on model {model[:19]} in {build.root}, or an earlier release here. "
        "Run `make evaluate`, then `make build` and `make push`."
    )


def fetch(candidate: Candidate) -> Proved:
    """Pull it to the host, unless it is there, and prove its model here. Raises NotAdmittedError, ModelFolderError."""
    # ONNX Runtime takes half a second to import: a rollback needs none of it, and every second counts there.
    from deploy.champion.fetch import copy_model
    from scoring.scorer import load_scorer

    if on_host(candidate.image) is None:
        try:
            pull(candidate.image)
        except NoSuchImageError as error:
            raise NotAdmittedError(f"Not deployed: {error}") from None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        copy_model(candidate.image, folder)
        scorer = load_scorer(folder)
        golden = Golden.model_validate_json((folder / "golden.json").read_bytes())
    if scorer.digest != candidate.model:
        raise NotAdmittedError(f"Not deployed: {candidate.image} holds model {scorer.digest}, not {candidate.model}.")
    return Proved(scorer.card, golden)


def in_place_of_another(card: ModelCard, current: Release | None) -> str:
    """The sentence where what serves is of another project, task or target; "" where it is not, or is not known.

    Not known means compared as always: nothing is let in by a model folder that cannot be read.
    """
    from deploy.champion.fetch import copy_model

    if current is None:
        return ""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        try:
            copy_model(current.image, folder)
            return first_run(read_card(folder), current.model, asked_by(card))
        except (EngineError, ModelFolderError):
            return ""


def on_host(image: str) -> Described | None:
    """The labels and the platform of an image that the host has; None where it has not."""
    try:
        platform, labels = docker("image", "inspect", "--format", ON_HOST, image).split(" ", 1)
    except EngineError:
        return None
    return Described(json.loads(labels) or {}, platform)


def label_on_host(image: str, label: str) -> str:
    """One label of an image that the host has; empty where it has neither."""
    seen = on_host(image)
    return seen.labels.get(label, "") if seen else ""


def _objections(build: Build, model: str) -> Iterator[str]:
    """What build/ has against this model. A record of another model says nothing about it."""
    decision = _read(build, "evaluate", "decision.json", Decision)
    if decision is not None and decision.challenger == model and decision.decision != "promote":
        yield f"the gate decided {decision.decision} on this model ({decision.reasons[0]})"
    load = _read(build, "load-test", "verdict.json", LoadVerdict)
    if load is not None and load.model == model and load.verdict != "pass":
        yield f"the load test of this model ended with the verdict {load.verdict}."


def _label(labels: Mapping[str, str]) -> str:
    said = labels.get(DECISION_LABEL) == "promote"
    return f"label {DECISION_LABEL}=promote" if said else ""


def _record(build: Build, model: str) -> str:
    decision = _read(build, "evaluate", "decision.json", Decision)
    if decision is None or decision.challenger != model or decision.decision != "promote":
        return ""
    return f"{build.stage('evaluate') / 'decision.json'}: {decision.reasons[0]}"


def _past(image: str, state: State) -> str:
    earlier = next((entry for entry in reversed(state.entries) if entry.image == image), None)
    return f"it served here before, let in by {earlier.decision}" if earlier else ""


def _read(build: Build, stage: StageName, name: str, schema: type[AnyRecord]) -> AnyRecord | None:
    path = build.stage(stage) / name
    if not path.exists():
        return None
    try:
        return read_json(path, schema, f"make {stage}")
    except UsageError as error:
        raise NotAdmittedError(f"Not deployed: {error}") from None
