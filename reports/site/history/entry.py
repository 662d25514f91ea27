"""One entry of the history, made from the stages' files under build/. A stage that passed must have left its file.

Every file is checked before it is read: a plain file, of a limited size, which fits its schema.
"""

from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from contracts.data_manifest import DataManifest
from contracts.decision import Decision
from contracts.exits import UsageError
from contracts.history import EventName, HistoryEntry, WorkflowRun
from contracts.image import Image, PushedImage
from contracts.model_folder import CARD_FILE, ModelCard, model_digest
from contracts.release import Deployment
from contracts.schema import MOST_JSON_BYTES, AnySchema, read_outside_json
from contracts.stage import CHAIN, Build, StageName, StageRecord
from contracts.verdict import DriftVerdict, LoadVerdict
from reports.site.history.entry_figures import (
    DeployRecord,
    challenger_figures,
    data_figures,
    decision_figures,
    deployed_figures,
    drift_figures,
    image_figures,
    load_figures,
    stage_figures,
)

# The stages of each event; nothing else in build/ is read.
STAGES_OF: dict[EventName, tuple[StageName, ...]] = {
    # By folder: the scheduled check writes to drift's, promote to deploy's.
    "run": (*CHAIN, "report", "deploy"),
    "drift": ("drift",),
    "rollback": ("deploy",),
}
MAKER_OF: dict[EventName, str] = {"run": "pipeline", "drift": "scheduled-drift", "rollback": "rollback"}
# A deploy leaves one of the two, and no stage.json if it did not run as a stage.
DEPLOY_FILES = ("deployed.json", "rollout.json")
OPTIONAL = {"pushed.json", "champion.json", *DEPLOY_FILES}


def event_of(build: Build) -> EventName:
    """What took place, by the stages in build/: with train, a run of the chain; drift alone, a check; a deploy alone,
    a rollback."""
    if any((build.stage(stage) / "stage.json").exists() for stage in CHAIN[:-1]):
        return "run"
    return "drift" if (build.stage("drift") / "stage.json").exists() else "rollback"


def entry_of(build: Build, event: EventName, at: str, run: WorkflowRun | None) -> HistoryEntry:
    """Read build/ for one event. `at`: UTC as 2026-11-23T11:13:00Z. Raises UsageError with the file and the command."""
    records = tuple(_records(build, STAGES_OF[event]))
    has_deploy = event != "drift" and any((build.stage("deploy") / name).exists() for name in DEPLOY_FILES)
    if not records and not has_deploy:
        raise UsageError(f"{build.root} has no stage.json to remember. Run `make {MAKER_OF[event]}` first.")
    files = _Files(build, records, has_deploy)
    card = files.read("train", f"{build.challenger.name}/{CARD_FILE}", ModelCard)
    decision = files.read("evaluate", "decision.json", Decision)
    load = files.read("load-test", "verdict.json", LoadVerdict)
    drift = files.read("drift", "verdict.json", DriftVerdict)
    pushed = files.read("build", "pushed.json", PushedImage)
    try:
        entry = HistoryEntry(
            id=entry_id(at, event, run),
            at=at,
            event=event,
            workflow=run,
            stages=tuple(stage_figures(record) for record in records),
            data=data_figures(files.read("data", "data.json", DataManifest)),
            model=challenger_figures(card, model_digest(build.challenger)) if card else None,
            decision=decision_figures(decision),
            image=image_figures(files.read("build", "image.json", Image), pushed),
            load=load_figures(load),
            drift=drift_figures(drift),
            deployed=deployed_figures(
                files.read("deploy", "deployed.json", Deployment),
                files.read("deploy", "champion.json", DeployRecord),
                files.read("deploy", "rollout.json", DeployRecord),
                pushed,
            ),
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{build.root} holds a value that no history keeps: {where}: {first['msg']}.") from None
    seen = {"evaluate": decision, "load-test": load, "drift": drift}
    return _of_one_model(entry, {stage: _model_of(verdict) for stage, verdict in seen.items() if verdict})


def entry_id(at: str, event: EventName, run: WorkflowRun | None) -> str:
    """The file's name: the moment, the event, and the workflow run or "local"."""
    moment = at.replace("-", "").replace(":", "")
    return f"{moment}-{event}-{run.run_id}-{run.attempt}" if run else f"{moment}-{event}-local"


class _Files:
    """The stages' files: read for stages that ran, required for stages that passed."""

    def __init__(self, build: Build, records: Iterable[StageRecord], has_deploy: bool) -> None:
        self.build = build
        # By folder, because two stages may share one. A build stage without an engine passes, and leaves no image.
        self.passed = {build.stage(one.stage): one.exit_code == 0 and one.verdict != "skipped" for one in records}
        if has_deploy:
            self.passed.setdefault(build.stage("deploy"), False)

    def read(self, stage: StageName, name: str, schema: type[AnySchema]) -> AnySchema | None:
        """Raises UsageError if the file is required but missing, or does not fit."""
        path = self.build.stage(stage) / name
        is_there = path.exists() or path.is_symlink()
        is_required = self.passed.get(self.build.stage(stage), False) and name not in OPTIONAL
        if self.build.stage(stage) not in self.passed or not (is_there or is_required):
            return None
        return read_outside_json(path, schema, f"make {stage}", MOST_JSON_BYTES)


def _records(build: Build, stages: Iterable[StageName]) -> Iterator[StageRecord]:
    for stage in stages:
        path = build.stage(stage) / "stage.json"
        if path.exists() or path.is_symlink():
            yield read_outside_json(path, StageRecord, f"make {stage}", MOST_JSON_BYTES)


def _model_of(verdict: Decision | LoadVerdict | DriftVerdict) -> str:
    return verdict.challenger if isinstance(verdict, Decision) else verdict.model


def _of_one_model(entry: HistoryEntry, spoken: dict[str, str]) -> HistoryEntry:
    """Refuse a verdict left over from an earlier run, which would be recorded as this one's. An earlier run's deploy is
    only left out: on a laptop it is still in production while the next challenger is made."""
    if entry.model is None:
        return entry
    for stage, digest in spoken.items():
        if digest != entry.model.digest:
            raise UsageError(
                f"{stage} is about model {digest[:19]}, the model folder is {entry.model.digest[:19]}: files of two "
                "runs. Run `make pipeline`.",
                code="mixed-runs",
            )
    if entry.deployed is None or entry.deployed.model in ("", entry.model.digest):
        return entry
    stages = tuple(one for one in entry.stages if one.stage not in ("deploy", "promote"))
    return entry.model_copy(update={"deployed": None, "stages": stages})
