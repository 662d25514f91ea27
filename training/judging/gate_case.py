"""What the gate judges: challenger and champion, loaded, with their predictions for the same holdout rows."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.exits import UsageError
from contracts.model_folder import ModelCard
from contracts.pipeline_toml.champion import champion_of
from contracts.stage import Build, Context
from training.judging.baseline import Baseline, baseline_of
from training.judging.comparisons import PairedPredictions
from training.judging.scored_models import ScoredModel, load_and_score
from training.judging.slices import refuse_impossible_slices
from training.tables import Table, TableError, load_table, refuse_other_settings


@dataclass(frozen=True)
class GateCase:
    """`champion`: None in a first run; `first_run`: the reason, "" where nothing was ever deployed from here.

    `paired`: None where the predictions cannot be compared. `problem`: why, where the holdout table is the cause.
    """

    holdout: Table
    challenger: ScoredModel
    champion: ScoredModel | None
    first_run: str
    paired: PairedPredictions | None
    problem: str

    @property
    def champion_card(self) -> ModelCard | None:
        """None where there is no champion, or it cannot be loaded."""
        return self.champion.scorer.card if self.champion and self.champion.scorer else None


def load_case(context: Context) -> GateCase:
    """Load and score both models. Raises UsageError for what a person must fix before anything can be judged."""
    config, build = context.config, context.build
    holdout = load_table(build, "holdout")
    refuse_other_settings(config, holdout.manifest, "Run `make data` and `make train` again.")
    refuse_impossible_slices(config.gate, holdout.manifest, holdout.as_read(holdout.manifest.features).frame)
    if not os.path.lexists(build.challenger):
        raise UsageError(f"{build.challenger} is not there. Run `make train` first.", code="not-there")
    challenger = load_and_score("challenger", build.challenger, holdout)
    found = champion_of(build, config)
    champion = load_and_score("champion", found.folder, holdout) if found.folder else None
    paired, problem = _paired(holdout, challenger, champion, _baseline(build, holdout, config.metrics))
    return GateCase(holdout, challenger, champion, found.first_run, paired, problem)


def _baseline(build: Build, holdout: Table, metrics: Sequence[str]) -> Baseline | None:
    """The baseline's predictions; None for tables that a check of their own refuses."""
    manifest = holdout.manifest
    train = load_table(build, "train", [manifest.target, *filter(None, [manifest.time, manifest.weights])])
    try:
        return baseline_of(train, holdout, metrics) if len(train.frame) and len(holdout.frame) else None
    except (TableError, KeyError):
        return None


def _paired(
    holdout: Table, challenger: ScoredModel, champion: ScoredModel | None, baseline: Baseline | None
) -> tuple[PairedPredictions | None, str]:
    """All predictions for the holdout rows. Or None, and what is wrong with the table, "" where nothing is."""
    manifest = holdout.manifest
    for column in filter(None, (manifest.target, manifest.cluster)):
        if column not in holdout.frame:
            return None, f"the holdout table has no column {column!r}"
    try:
        truth, weights = holdout.truth, holdout.weights
    except TableError as error:
        return None, str(error)
    if challenger.predictions is None:
        return None, ""
    opponent = champion.predictions if champion else None
    return PairedPredictions(truth, holdout.clusters, challenger.predictions, opponent, baseline, weights), ""
