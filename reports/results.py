"""The stages' files, read for the report. It names each stage that did not run and each file that fits no schema."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from contracts.data_manifest import DataManifest
from contracts.decision import Comparison, Decision, Plots
from contracts.exits import FindingError, UsageError
from contracts.image import Image
from contracts.model_figures import ModelFigures
from contracts.model_folder import CARD_FILE, ModelCard, model_digest, read_card
from contracts.schema import read_json
from contracts.stage import CHAIN, Build, StageName, StageRecord
from contracts.verdict import DriftVerdict, LoadVerdict

AnyModel = TypeVar("AnyModel", bound=BaseModel)


@dataclass(frozen=True)
class Results:
    """Everything that the report shows. None: that stage did not write it."""

    records: dict[StageName, StageRecord]
    manifest: DataManifest | None
    card: ModelCard | None
    model: str
    decision: Decision | None
    plots: Plots | None
    figures: ModelFigures | None
    image: Image | None
    load: LoadVerdict | None
    drift: DriftVerdict | None
    # Files that exist but fit no schema here: the code of a pull request's base reads files of a changed schema.
    unreadable: tuple[str, ...] = ()

    @property
    def failed(self) -> StageRecord | None:
        """The stage at which the chain stopped."""
        return next((record for record in self.records.values() if record.exit_code != 0), None)

    @property
    def seconds(self) -> float:
        return sum(record.seconds for record in self.records.values())

    @property
    def deciding(self) -> Comparison | None:
        """The metric that decides."""
        return self.decision.deciding if self.decision else None

    @property
    def missing(self) -> tuple[StageName, ...]:
        """Stages that have not run, in the chain's order."""
        return tuple(stage for stage in CHAIN if stage not in self.records)

    @property
    def skipped(self) -> tuple[StageName, ...]:
        """Stages that had nothing to do. That is not a pass."""
        return tuple(record.stage for record in self.records.values() if record.verdict == "skipped")

    @property
    def findings(self) -> dict[StageName, str]:
        """Reservations about stages that ended with 0: skipped, drift found, or too few rows."""
        found: dict[StageName, str] = {stage: f"{stage} was skipped" for stage in self.skipped}
        if self.drift and self.drift.state == "drift":
            found["drift"] = "drift was found"
        if self.drift and self.drift.state == "insufficient":
            found["drift"] = "drift had too few rows to tell"
        return found

    @property
    def stale(self) -> dict[StageName, str]:
        """Stages whose file is left over from an earlier run, each with the digest in that file: it names another
        model than the one in build/train, or in train's case other data."""
        spoken: dict[StageName, tuple[str, str]] = {}
        if self.card and self.manifest:
            spoken["train"] = (self.card.data_digest, self.manifest.digest)
        if self.model:
            judged = {
                "evaluate": self.decision.challenger if self.decision else "",
                "build": self.image.model if self.image else "",
                "load-test": self.load.model if self.load else "",
                "drift": self.drift.model if self.drift else "",
            }
            spoken |= {stage: (judged[stage], self.model) for stage in CHAIN if judged.get(stage)}
        return {stage: seen for stage, (seen, required) in spoken.items() if seen != required}

    def first_run(self) -> list[str]:
        """Why there was no champion to compare with. Several stages may give the same reason; it is listed once."""
        said = [one.first_run for one in (self.decision, self.load) if one and one.first_run]
        return list(dict.fromkeys(said))


def read_results(build: Build) -> Results:
    """Read what is there. Missing or unreadable files become None; this never raises for them."""
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
        plots=files.read(build.stage("evaluate") / "plots.json", Plots),
        figures=files.read(build.stage("evaluate") / "model_figures.json", ModelFigures),
        image=files.read(build.stage("build") / "image.json", Image),
        load=files.read(build.stage("load-test") / "verdict.json", LoadVerdict),
        drift=files.read(build.stage("drift") / "verdict.json", DriftVerdict),
        unreadable=tuple(files.unreadable),
    )


class _Files:
    """Files of a build folder, and the names of those that exist but cannot be read."""

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
