"""Runs the gate's checks on a build folder, in the order in which a decision names them.

What each rule requires is in `model_checks.py`; here is where its evidence comes from.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from contracts.decision import Check
from contracts.exits import FindingError
from contracts.model_folder import Golden, ModelCard
from contracts.pipeline_toml.champion import REMEDY as CHAMPION_REMEDY
from contracts.schema import write_json
from contracts.stage import Context
from training.dataset.digests import frame_digest
from training.judging.checks import model_checks
from training.judging.checks.decision_cost import decision_checks
from training.judging.checks.near_duplicates import near_duplicates
from training.judging.checks.out_of_fold import label_checks, out_of_fold_checks
from training.judging.checks.own_past import Jump, unit_jumps, unseen_shares
from training.judging.checks.recomputed import recomputed_checks
from training.judging.checks.row_cost import measure_row_cost
from training.judging.checks.shared_rows import shared_rows
from training.judging.checks.table_contract import RunsWithTime, breaches, is_monotone, jumps
from training.judging.checks.target_leakage import target_leakage
from training.judging.checks.too_good import too_good_check
from training.judging.comparisons import ComparedMetrics, Contest
from training.judging.contestants import Contestant
from training.tables import Table, load_table


def inspect_validity(
    context: Context,
    holdout: Table,
    challenger: Contestant,
    champion: Contestant | None,
    figures: ComparedMetrics,
    problem: str,
) -> tuple[Check, ...]:
    """Can the figures be believed? `problem`: what is wrong with the holdout's answers, if anything."""
    manifest = holdout.manifest
    others = filter(None, [manifest.time, manifest.cluster])
    train = load_table(context.build, "train", [*(one.name for one in manifest.features), manifest.target, *others])
    fewest = context.config.data.min_holdout_rows
    found = [model_checks.holdout_rows(len(holdout.frame), fewest, problem or _difference_from_manifest(holdout))]
    found.extend(_of_challenger(context, train, holdout, challenger))
    if champion is not None:
        found.extend(_of_champion(train, holdout, champion))
    if challenger.answers is not None:
        found.append(model_checks.varied_predictions(challenger.answers))
        found.append(model_checks.all_metrics(figures))
    return tuple(found)


def inspect_limits(
    context: Context,
    challenger: Contestant,
    champion: Contestant | None,
    contest: Contest | None,
    figures: ComparedMetrics,
) -> tuple[Check, ...]:
    """Is the challenger good, honest, fast and small enough on its own? Writes latency.json."""
    gate, found = context.config.gate, list[Check]()
    if contest is not None:
        found.extend(model_checks.floors_and_limits(gate, figures))
        if gate.max_calibration_error is not None:
            found.append(model_checks.calibration(contest, gate.max_calibration_error))
        if challenger.scorer is not None and challenger.reference is not None:
            card, other = challenger.scorer.card, champion.scorer.card if champion and champion.scorer else None
            found.extend(decision_checks(contest, card, other, challenger.reference, context.config))
    if challenger.scorer is not None:
        cost = measure_row_cost(challenger.scorer, _golden(challenger).rows, gate.max_row_us)
        write_json(context.folder / "latency.json", cost)
        found.append(model_checks.row_time(cost))
        found.append(model_checks.model_size((challenger.folder / "model.onnx").stat().st_size, gate.max_model_mb))
    return tuple(found)


def inspect_plausibility(
    context: Context,
    holdout: Table,
    challenger: Contestant,
    champion: Contestant | None,
    contest: Contest | None,
    figures: ComparedMetrics,
) -> tuple[Check, ...]:
    """Are the figures what the models' own out-of-fold figures, and the champion's, let one expect?"""
    if contest is None or challenger.scorer is None:
        return ()
    gate, manifest, card = context.config.gate, holdout.manifest, challenger.scorer.card
    columns = [*(feature.name for feature in manifest.features), manifest.target, *filter(None, [manifest.time])]
    train = load_table(context.build, "train", columns)
    other = champion.scorer.card if champion and champion.scorer else None
    deciding = next((one for one in figures.comparisons if one.decides), None)
    return (
        *out_of_fold_checks(contest, card, other, deciding, gate),
        *label_checks(train, holdout, gate),
        *too_good_check(contest, card, other, deciding, gate, train, holdout),
    )


def inspect_folder(context: Context, holdout: Table, challenger: Contestant) -> tuple[Check, ...]:
    """Is what the challenger's folder says of itself what training gives?"""
    if challenger.answers is None:
        return ()
    return tuple(recomputed_checks(context.config, context.build, holdout, challenger, _golden(challenger)))


def _of_challenger(context: Context, train: Table, holdout: Table, challenger: Contestant) -> Iterator[Check]:
    if challenger.scorer is None or challenger.reference is None:
        yield model_checks.can_be_scored(challenger)
        return
    card, manifest, gate = challenger.scorer.card, holdout.manifest, context.config.gate
    train, holdout = train.as_read(card.features), holdout.as_read(card.features)
    unseen = _unseen(card, train, holdout)
    broken = [
        (one.name, text) for one in card.features for text in breaches([one], holdout.frame, unseen, card.features)
    ]
    moved = [one for one in unit_jumps(card.features, train, holdout) if one.words not in gate.signed_off]
    columns = [name for name, _ in broken if name in holdout.frame] + [one.column for one in moved]
    remedy = _remedy_of_contract(columns, moved) if columns else "Correct the source, and run `make data` again."
    seen = [text for _, text in broken] + [one.text for one in moved]
    yield model_checks.table_contract("challenger", len(card.features), seen, remedy)
    yield model_checks.can_be_scored(challenger)
    yield model_checks.training_data(card, manifest)
    if manifest.time:
        yield model_checks.training_period("challenger", card, manifest, "Run `make data` and `make train` again.")
    yield model_checks.export_parity(card, _golden(challenger), len(holdout.frame))
    columns = [*(feature.name for feature in manifest.features), manifest.target]
    yield model_checks.shared_rows(
        "shared rows",
        "the holdout rows also stand in train",
        shared_rows(holdout.frame, train.frame, columns),
        gate.max_shared_rows,
        "Take repeated rows out of the source; if they are different cases that look alike, raise the limit.",
    )
    yield model_checks.shared_rows(
        "fitted rows",
        "the rows in reference.parquet, which the model was fitted on, also stand in the holdout",
        shared_rows(challenger.reference, holdout.frame, columns),
        gate.max_shared_rows,
        "The model has seen the rows that judge it: run `make train` on train alone.",
    )
    yield from _near_duplicates(train, holdout, gate.max_shared_rows)
    yield from _single_feature(train, holdout, gate.confidence, gate.max_single_feature_auc)


def _of_champion(train: Table, holdout: Table, champion: Contestant) -> Iterator[Check]:
    yield model_checks.can_be_scored(champion)
    if champion.scorer is None or champion.reference is None:
        return
    card, manifest = champion.scorer.card, holdout.manifest
    train, holdout = train.as_read(card.features), holdout.as_read(card.features)
    if manifest.time:
        yield model_checks.training_period("champion", card, manifest, f"Move data.as_of forward. {CHAMPION_REMEDY}")
    # Most of today's train rows are what the champion was fitted on, so a source that changed shows in them, and the
    # season in which the champion meets the holdout does not.
    changed = jumps(card.features, train.frame, champion.reference, _runs_with_time(train))
    broken = breaches(card.features, holdout.frame, _unseen(card, train, holdout)) + changed
    yield model_checks.table_contract("champion", len(card.features), broken, CHAMPION_REMEDY)


def _near_duplicates(train: Table, holdout: Table, limit: float) -> Iterator[Check]:
    try:
        yield near_duplicates(train, holdout, limit)
    except (FindingError, KeyError):  # a column is gone, or there is no usable target: others say so
        return


def _single_feature(train: Table, holdout: Table, confidence: float, limit: float) -> Iterator[Check]:
    try:
        told = target_leakage(train, holdout, holdout.manifest.features, confidence)
    except (FindingError, KeyError):  # no usable target: the holdout table's own check says so
        return
    yield model_checks.single_feature(told, limit, is_regression=holdout.manifest.task == "regression")


def _difference_from_manifest(holdout: Table) -> str:
    described = holdout.manifest.tables["holdout"].digest
    return "" if frame_digest(holdout.frame) == described else "its rows are not those that data.json describes"


def _unseen(card: ModelCard, train: Table, holdout: Table) -> Mapping[str, float]:
    """Asked only where something is wrong if nothing new is to be expected."""
    return unseen_shares(card.features, train, holdout) if breaches(card.features, holdout.frame) else {}


def _remedy_of_contract(columns: Sequence[str], moved: Sequence[Jump]) -> str:
    """What helps: the source, a later cut, another choice of columns, or a sign-off."""
    names = json.dumps(list(dict.fromkeys(columns)), ensure_ascii=False)
    said = "Correct the source. If the table stays so, move data.as_of until train shows it, or leave the column "
    said += f"out: features.exclude = {names}, beside those that are there."
    words = json.dumps([one.words for one in moved], ensure_ascii=False)
    return f"{said} If it is right as it is: gate.signed_off = {words}." if moved else said


def _golden(challenger: Contestant) -> Golden:
    return Golden.model_validate_json((challenger.folder / "golden.json").read_bytes())


def _runs_with_time(train: Table) -> RunsWithTime:
    """Asks the train table whether a feature only ever grows or falls with time."""

    def runs(name: str) -> bool:
        time = train.manifest.time
        if not time or name not in train.frame:
            return False
        values = train.frame[[name, time]].sort_values(time, kind="stable")[name]
        return is_monotone(values.to_numpy(dtype=np.float64, na_value=np.nan))

    return runs
