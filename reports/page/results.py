"""What the stages left behind, read for the report. A stage that did not run, or whose file does not fit, is stated."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from contracts.data_manifest import DataManifest
from contracts.decision import Decision
from contracts.exits import FindingError, UsageError
from contracts.model_folder import CARD_FILE, ModelCard, model_digest, read_card
from contracts.schema import read_json
from contracts.stage import CHAIN, Build, StageName, StageRecord
from contracts.verdict import DriftVerdict, LoadVerdict

AnyModel = TypeVar("AnyModel", bound=BaseModel)


@dataclass(frozen=True)
class Results:
    """Everything that the report shows. None: that stage has not got so far."""

    records: dict[StageName, StageRecord]
    manifest: DataManifest | None
    card: ModelCard | None
    model: str
    decision: Decision | None
    load: LoadVerdict | None
    drift: DriftVerdict | None
    # Files that are there and fit no schema of this code: those of a pull request that changes one, read by its base.
    unreadable: tuple[str, ...] = ()

    @property
    def failed(self) -> StageRecord | None:
        """The stage at which the chain stopped."""
        return next((record for record in self.records.values() if record.exit_code != 0), None)

    @property
    def seconds(self) -> float:
        return sum(record.seconds for record in self.records.values())

    @property
    def passed(self) -> str:
        """The title of a run in which every stage ended with 0: what was skipped or found is no pass."""
        notes = [f"{record.stage} was skipped" for record in self.records.values() if record.verdict == "skipped"]
        if self.drift and self.drift.state == "drift":
            notes.append("drift was found")
        return f"Passed, but {' and '.join(notes)}" if notes else "Every stage passed"

    def mismatches(self) -> list[str]:
        """Stages whose file speaks of another model than the one in build/train: left over from an earlier run."""
        seen = {
            "evaluate": self.decision.challenger if self.decision else self.model,
            "load-test": self.load.model if self.load else self.model,
            "drift": self.drift.model if self.drift else self.model,
        }
        return [
            f"{stage} judged another model ({digest[:19]}), not this one ({self.model[:19]}): run `make pipeline`."
            for stage, digest in seen.items()
            if digest != self.model
        ]

    def first_run(self) -> list[str]:
        """Why no champion was compared with, once, although several stages say it."""
        said = [one.first_run for one in (self.decision, self.load) if one and one.first_run]
        return list(dict.fromkeys(said))


def read_results(build: Build) -> Results:
    """Read what is there. Files of stages that failed or did not run are None; nothing here raises for them."""
    files = _Files(build)
    return Results(
        records={
            stage: record
            for stage in CHAIN
            if (record := files.read(build.stage(stage) / "stage.json", StageRecord)) is not None
        },
        manifest=files.read(build.stage("data") / "data.json", DataManifest),
        card=files.card(),
        model=_digest(build.challenger),
        decision=files.read(build.stage("evaluate") / "decision.json", Decision),
        load=files.read(build.stage("load-test") / "verdict.json", LoadVerdict),
        drift=files.read(build.stage("drift") / "verdict.json", DriftVerdict),
        unreadable=tuple(files.unreadable),
    )


class _Files:
    """Files of a build folder, and the names of those that are there and cannot be read."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.unreadable: list[str] = []

    def read(self, path: Path, schema: type[AnyModel]) -> AnyModel | None:
        try:
            return read_json(path, schema, "make pipeline")
        except UsageError:
            self._note(path)
            return None

    def card(self) -> ModelCard | None:
        try:
            return read_card(self.build.challenger)
        except FindingError:
            self._note(self.build.challenger / CARD_FILE)
            return None

    def _note(self, path: Path) -> None:
        if path.is_file():
            self.unreadable.append(path.relative_to(self.build.root).as_posix())


def _digest(folder: Path) -> str:
    try:
        return model_digest(folder)
    except FindingError:
        return ""
