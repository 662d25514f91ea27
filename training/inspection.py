"""Runs the gate's checks on a build folder, in the order in which a decision names them.

What each rule requires is in `checks.py`; here is where its evidence comes from.
"""

from collections.abc import Iterator

import numpy as np

from contracts.data_manifest import DataManifest
from contracts.decision import Check
from contracts.exits import FindingError
from contracts.model_folder import Golden
from contracts.schema import write_json
from contracts.stage import Build, Context
from training import checks
from training.champion import REMEDY as CHAMPION_REMEDY
from training.comparisons import Contest, Figures
from training.contestants import Contestant
from training.digests import frame_digest
from training.leakage import shared_rows
from training.row_cost import measure_row_cost
from training.table_contract import RunsWithTime, breaches, is_monotone
from training.tables import Table, load_table
from training.telling_features import telling


def inspect_validity(
    context: Context,
    holdout: Table,
    challenger: Contestant,
    champion: Contestant | None,
    figures: Figures,
    problem: str,
) -> tuple[Check, ...]:
    """Can the figures be believed? `problem`: what is wrong with the holdout's answers, if anything."""
    found = [*checks.entered(challenger, champion)]
    found.append(
        checks.holdout_rows(len(holdout.frame), context.config.data.min_holdout_rows, _fault(holdout, problem))
    )
    found.extend(_of_challenger(context, holdout, challenger))
    if champion is not None:
        found.extend(_of_champion(context, holdout, champion))
    if challenger.answers is not None:
        found.append(checks.varied_predictions(challenger.answers))
        found.append(checks.all_metrics(figures))
    return tuple(found)


def inspect_limits(
    context: Context, challenger: Contestant, contest: Contest | None, figures: Figures
) -> tuple[Check, ...]:
    """Is the challenger good, honest, fast and small enough on its own? Writes latency.json."""
    gate, found = context.config.gate, list[Check]()
    if contest is not None:
        found.extend(checks.floors_and_limits(gate, figures))
        if gate.max_calibration_error is not None:
            found.append(checks.calibration(contest, gate.max_calibration_error))
    if challenger.scorer is not None:
        cost = measure_row_cost(challenger.scorer, _golden(challenger).rows, gate.max_row_us)
        write_json(context.folder / "latency.json", cost)
        found.append(checks.row_time(cost))
        found.append(checks.model_size((challenger.folder / "model.onnx").stat().st_size, gate.max_model_mb))
    return tuple(found)


def _of_challenger(context: Context, holdout: Table, challenger: Contestant) -> Iterator[Check]:
    if challenger.scorer is None or challenger.reference is None:
        return
    card, manifest, gate = challenger.scorer.card, holdout.manifest, context.config.gate
    yield checks.training_data(card, manifest)
    if manifest.time:
        yield checks.training_period("challenger", card, manifest, "Run `make data` and `make train` again.")
    broken = breaches(card.features, holdout.frame, challenger.reference, _runs_with_time(context.build, manifest))
    remedy = "Mend the source; or, if this is how the table is from now on, train on rows that show it."
    yield checks.table_contract("challenger", len(card.features), broken, remedy)
    yield checks.export_parity(card, _golden(challenger))
    columns = [*(feature.name for feature in manifest.features), manifest.target]
    train = load_table(context.build, "train", columns)
    yield checks.shared_rows(
        "shared rows",
        "the holdout rows also stand in train",
        shared_rows(holdout.frame, train.frame, columns),
        gate.max_shared_rows,
        "Take repeated rows out of the source; if they are different cases that look alike, raise the limit.",
    )
    yield checks.shared_rows(
        "fitted rows",
        "the rows in reference.parquet, which the model was fitted on, also stand in the holdout",
        shared_rows(challenger.reference, holdout.frame, columns),
        gate.max_shared_rows,
        "The model has seen the rows that judge it: run `make train` on train alone.",
    )
    yield from _single_feature(train, holdout, gate.confidence, gate.max_single_feature_auc)


def _of_champion(context: Context, holdout: Table, champion: Contestant) -> Iterator[Check]:
    if champion.scorer is None or champion.reference is None:
        return
    card, manifest = champion.scorer.card, holdout.manifest
    if manifest.time:
        yield checks.training_period("champion", card, manifest, f"Move data.as_of forward. {CHAMPION_REMEDY}")
    broken = breaches(card.features, holdout.frame, champion.reference, _runs_with_time(context.build, manifest))
    yield checks.table_contract("champion", len(card.features), broken, CHAMPION_REMEDY)


def _single_feature(train: Table, holdout: Table, confidence: float, limit: float) -> Iterator[Check]:
    try:
        told = telling(train, holdout, holdout.manifest.features, confidence)
    except (FindingError, KeyError):  # no usable target: the holdout table's own check says so
        return
    yield checks.single_feature(told, limit, is_regression=holdout.manifest.task == "regression")


def _fault(holdout: Table, problem: str) -> str:
    if problem:
        return problem
    described = holdout.manifest.tables["holdout"].digest
    return "" if frame_digest(holdout.frame) == described else "its rows are not those that data.json describes"


def _golden(challenger: Contestant) -> Golden:
    return Golden.model_validate_json((challenger.folder / "golden.json").read_bytes())


def _runs_with_time(build: Build, manifest: DataManifest) -> RunsWithTime:
    """Asks the train table whether a feature only ever grows or falls with time."""
    numeric = {feature.name for feature in manifest.features if feature.kind == "numeric"}

    def runs(name: str) -> bool:
        if not manifest.time or name not in numeric:
            return False
        frame = load_table(build, "train", [name, manifest.time]).frame.sort_values(manifest.time, kind="stable")
        return is_monotone(frame[name].to_numpy(dtype=np.float64))

    return runs
