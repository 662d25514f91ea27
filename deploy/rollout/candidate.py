"""Admits an image to a host: exactly one digest, for which every stage of the chain has passed.

The evidence is build/, if it holds a consistent run of this image (deploy/admission/); or the attestation beside the
image in the registry, which is written after the last stage; or the host's state, if that digest has served before. A
record against it in build/ outweighs all of these. A label on the image proves nothing: it is set before the load test.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from contracts.decision import Decision
from contracts.exits import UsageError
from contracts.image import MODEL_LABEL, REVISION_LABEL, Attestation
from contracts.model_folder import CARD_FILE, Golden, ModelCard, ModelFolderError, model_digest, read_card
from contracts.pipeline_toml.champion import first_run, purpose_of_card
from contracts.pipeline_toml.keys import Config
from contracts.release import Release, State
from contracts.schema import Schema, read_json
from contracts.stage import CHAIN, Build, StageName
from contracts.verdict import LoadVerdict
from deploy.admission.evidence import Case, read_case
from deploy.admission.rules import COMPARE, NotAdmittedError, Objection, production_moved, require, sentences, short
from deploy.digests import image_id
from deploy.engine import EngineError, docker, engine_platform
from deploy.registry.attestation import AttestationError, read_attestation
from deploy.registry.registry import (
    Described,
    NoSuchImageError,
    WrongDigestError,
    check_digest_reference,
    described,
    look_up,
    pull,
    repository_of,
)

AnyRecord = TypeVar("AnyRecord", bound=Schema)
Attested = Callable[[], Attestation | None]

ON_HOST = "{{.Os}}/{{.Architecture}} {{json .Config.Labels}}"


@dataclass(frozen=True)
class Candidate:
    """An image that may be deployed. `decision`: why.

    `champion`: the digest of the model that it was compared with, "" for none; None if it served here before.
    `first_run`: why it was compared with none.
    """

    image: str
    model: str
    revision: str
    decision: str
    champion: str | None = None
    first_run: str = ""


@dataclass(frozen=True)
class Proved:
    """The candidate's model, proved on this machine, and its golden rows, which the replicas must answer."""

    card: ModelCard
    golden: Golden


def admit(image: str, build: Build, config: Config, state: State) -> Candidate:
    """Decide before anything is pulled. Raises NameOfImageError, NotAdmittedError and EngineError."""
    check_digest_reference(image)
    try:
        here = on_host(image)
        seen = here or described(image)
        contents = image_id(image) if here else look_up(image).image_id
    except (NoSuchImageError, WrongDigestError) as error:
        raise NotAdmittedError(f"Not deployed: {error}", "unknown-image") from None
    if seen.platform != (runs := engine_platform()):
        raise NotAdmittedError(
            f"Not deployed: {image} is built for {seen.platform}, and the host's engine runs {runs}. "
            f"Build it for {runs}, or for both (docs/image.md, Another processor).",
            "other-platform",
        )
    return judge(
        image, contents, seen.labels, build, config, state, lambda: read_attestation(repository_of(image), contents)
    )


def judge(
    image: str,
    contents: str,
    labels: Mapping[str, str],
    build: Build,
    config: Config,
    state: State,
    attested: Attested = lambda: None,
) -> Candidate:
    """Decide on an image by its labels. `contents`: its image id. Raises NotAdmittedError."""
    model = labels.get(MODEL_LABEL, "")
    if not model:
        raise NotAdmittedError(
            f"Not deployed: {image} has no label {MODEL_LABEL}: `make build` did not make it.", "not-built-here"
        )
    if against := list(_recorded(build, model)):
        raise NotAdmittedError(f"Not deployed: {sentences(against)}", *(one.code for one in against))
    revision = labels.get(REVISION_LABEL, "")
    if case := _case(build, config, model, contents):
        require(case, "Not deployed")
        why = f"every stage passed in {build.root}: {case.decision.reasons[0]}"
        return Candidate(image, model, revision, why, case.decision.champion, case.decision.first_run)
    if before := next((entry for entry in reversed(state.entries) if entry.image == image), None):
        return Candidate(image, model, revision, f"it served here before, admitted by {before.decision}")
    return _attested(image, model, revision, attested)


def _attested(image: str, model: str, revision: str, attested: Attested) -> Candidate:
    try:
        found = attested()
    except AttestationError as error:
        raise NotAdmittedError(f"Not deployed: {error} (not-attested)", "not-attested") from None
    if found is None:
        raise NotAdmittedError(
            f"Not deployed: no evidence that every stage passed for {image} (not-attested). Required: its attestation "
            "in the registry, a whole run for it in build/, or an earlier release here. "
            "Run `make pipeline`, then `make push REPOSITORY=…`.",
            "not-attested",
        )
    if found.model != model:
        raise NotAdmittedError(
            f"Not deployed: the attestation of {image} speaks of model {short(found.model)}, its label of "
            f"{short(model)} (other-model). Run `make pipeline`, then `make push REPOSITORY=…`.",
            "other-model",
        )
    return Candidate(image, model, revision, f"attested: {found.decision}", found.champion, found.first_run)


def refuse_moved_production(candidate: Candidate, current: Release | None) -> None:
    """Raises NotAdmittedError if production does not serve the model that the candidate was compared with."""
    if candidate.champion is None or current is None:
        return
    against = list(production_moved(candidate.model, candidate.champion, candidate.first_run, current.model))
    if against:
        raise NotAdmittedError(
            f"Not deployed: {sentences(against)} Judge again: `make champion CHAMPION=docker://{current.image}`, then "
            f"`make {COMPARE}`, then push and deploy; on GitHub, re-run all jobs.",
            *(one.code for one in against),
        )


def fetch(candidate: Candidate) -> Proved:
    """Pull the image to the host if needed, and prove its model here. Raises NotAdmittedError, ModelFolderError."""
    # ONNX Runtime takes half a second to import, which a rollback must not spend.
    from deploy.champion.fetch import copy_model
    from scoring.scorer import load_scorer

    _pull_to_host(candidate.image)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        copy_model(candidate.image, folder)
        scorer = load_scorer(folder)
        golden = Golden.model_validate_json((folder / "golden.json").read_bytes())
    if scorer.digest != candidate.model:
        raise NotAdmittedError(
            f"Not deployed: {candidate.image} holds model {scorer.digest}, not {candidate.model}.", "other-model"
        )
    return Proved(scorer.card, golden)


def _pull_to_host(image: str) -> None:
    if on_host(image) is None:
        try:
            pull(image)
        except NoSuchImageError as error:
            raise NotAdmittedError(f"Not deployed: {error}", "unknown-image") from None


def in_place_of_another(card: ModelCard, current: Release | None) -> str:
    """A sentence if production serves a model of another project, task or target; else "".

    Also "" if that model cannot be read: then it is compared as always.
    """
    from deploy.champion.fetch import copy_model

    if current is None:
        return ""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        try:
            copy_model(current.image, folder)
            return first_run(read_card(folder), current.model, purpose_of_card(card))
        except (EngineError, ModelFolderError):
            return ""


def on_host(image: str) -> Described | None:
    """The labels and the platform of an image; None if the host does not have it."""
    try:
        platform, labels = docker("image", "inspect", "--format", ON_HOST, image).split(" ", 1)
    except EngineError:
        return None
    return Described(json.loads(labels) or {}, platform)


def label_on_host(image: str, label: str) -> str:
    """One label of an image; empty if the host does not have the image, or the image not the label."""
    seen = on_host(image)
    return seen.labels.get(label, "") if seen else ""


def _recorded(build: Build, model: str) -> Iterator[Objection]:
    """Records in build/ against this model. Those of other models do not count."""
    decision = _read(build, "evaluate", "decision.json", Decision)
    if decision is not None and decision.challenger == model and decision.decision != "promote":
        yield Objection("gate-rejected", f"the gate decided {decision.decision} on this model ({decision.reasons[0]})")
    load = _read(build, "load-test", "verdict.json", LoadVerdict)
    if load is not None and load.model == model and load.verdict != "pass":
        yield Objection("load-failed", f"the load test of this model ended with the verdict {load.verdict}.")


def _case(build: Build, config: Config, model: str, contents: str) -> Case | None:
    """The evidence in build/ for this image; None if the run there is of another model, or not finished."""
    is_finished = all((build.stage(stage) / "stage.json").exists() for stage in CHAIN)
    if not is_finished or not (build.challenger / CARD_FILE).exists() or model_digest(build.challenger) != model:
        return None
    try:
        return read_case(build, config, contents)
    except (UsageError, ModelFolderError) as error:
        raise NotAdmittedError(f"Not deployed: {error}", "unreadable") from None


def _read(build: Build, stage: StageName, name: str, schema: type[AnyRecord]) -> AnyRecord | None:
    path = build.stage(stage) / name
    if not path.exists():
        return None
    try:
        return read_json(path, schema, f"make {stage}")
    except UsageError as error:
        raise NotAdmittedError(f"Not deployed: {error}", "unreadable") from None
