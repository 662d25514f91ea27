"""Runs the gate's checks on a build folder, in the order in which a decision names them.

`model_checks.py` says what each check requires. Here each gets its input.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from contracts.decision import Check
from contracts.exits import FindingError
from contracts.model_folder import Golden, ModelCard
from contracts.pipeline_toml.champion import REMEDY as CHAMPION_REMEDY
from contracts.pipeline_toml.keys import Config, Gate
from contracts.schema import write_json
from contracts.stage import Context
from training.dataset.digests import frame_digest
from training.judging.checks import model_checks
from training.judging.checks.decision_cost import decision_checks
from training.judging.checks.near_duplicates import near_duplicates
from training.judging.checks.out_of_fold import label_checks, out_of_fold_checks
from training.judging.checks.plausible_gain import plausible_gain_check
from training.judging.checks.recomputed import figures_of_fewer_rows, recomputed_checks
from training.judging.checks.row_cost import measure_row_cost
from training.judging.checks.shared_rows import shared_rows
from training.judging.checks.table_contract import RunsWithTime, breaches, is_monotone, jumps
from training.judging.checks.target_leakage import target_leakage
from training.judging.checks.train_history import Jump, unit_jumps, unseen_shares
from training.judging.comparisons import ComparedMetrics
from training.judging.gate_case import GateCase
from training.judging.scored_models import ScoredModel
from training.tables import Table, load_table


def inspect_validity(context: Context, case: GateCase, figures: ComparedMetrics) -> tuple[Check, ...]:
    """Are the figures valid?"""
    holdout, manifest = case.holdout, case.holdout.manifest
    others = filter(None, [manifest.time, manifest.cluster])
    train = load_table(context.build, "train", [*(one.name for one in manifest.features), manifest.target, *others])
    fewest, problem = context.config.data.min_holdout_rows, case.problem or _difference_from_manifest(holdout)
    found = [model_checks.holdout_rows(len(holdout.frame), fewest, problem)]
    found.extend(_of_challenger(context, train, holdout, case.challenger))
    if case.champion is not None:
        found.extend(_of_champion(train, holdout, case.champion))
    if case.challenger.predictions is not None:
        found.append(model_checks.varied_predictions(case.challenger.predictions))
        found.append(model_checks.all_metrics(figures))
    return tuple(found)


def inspect_limits(context: Context, case: GateCase, figures: ComparedMetrics) -> tuple[Check, ...]:
    """Is the challenger good, fast and small enough on its own? Writes latency.json."""
    gate, challenger, found = context.config.gate, case.challenger, list[Check]()
    if case.paired is not None:
        found.extend(model_checks.floors_and_limits(gate, figures))
        if gate.max_calibration_error is not None:
            found.append(model_checks.calibration(case.paired, gate.max_calibration_error))
        if challenger.scorer is not None and challenger.reference is not None:
            card, other = challenger.scorer.card, case.champion_card
            found.extend(decision_checks(case.paired, card, other, challenger.reference, context.config))
    if challenger.scorer is not None:
        cost = measure_row_cost(challenger.scorer, _golden(challenger).rows, gate.max_row_us)
        write_json(context.folder / "latency.json", cost)
        found.append(model_checks.row_time(cost))
        found.append(model_checks.model_size((challenger.folder / "model.onnx").stat().st_size, gate.max_model_mb))
    return tuple(found)


def inspect_plausibility(context: Context, case: GateCase, figures: ComparedMetrics) -> tuple[Check, ...]:
    """Do the figures agree with the models' own out-of-fold figures, and with the champion's?"""
    scorer, holdout, paired = case.challenger.scorer, case.holdout, case.paired
    if paired is None or scorer is None:
        return ()
    gate, manifest = context.config.gate, holdout.manifest
    columns = [*(feature.name for feature in manifest.features), manifest.target, *filter(None, [manifest.time])]
    train = load_table(context.build, "train", columns)
    return (
        *out_of_fold_checks(paired, scorer.card, case.champion_card, figures.deciding, gate),
        *label_checks(train, holdout, gate),
        *plausible_gain_check(
            paired,
            scorer.card,
            case.champion_card,
            figures.deciding,
            gate,
            train,
            holdout,
            partial(figures_of_fewer_rows, context.config, context.build, holdout, scorer.card),
        ),
    )


def inspect_folder(context: Context, case: GateCase) -> tuple[Check, ...]:
    """Does the challenger's folder hold what training gives when it is run again?"""
    challenger = case.challenger
    if challenger.predictions is None:
        return ()
    return tuple(recomputed_checks(context.config, context.build, case.holdout, challenger, _golden(challenger)))


def _of_challenger(context: Context, train: Table, holdout: Table, challenger: ScoredModel) -> Iterator[Check]:
    if challenger.scorer is None or challenger.reference is None:
        yield model_checks.can_be_scored(challenger)
        return
    card, manifest, gate = challenger.scorer.card, holdout.manifest, context.config.gate
    train, holdout = train.as_read(card.features), holdout.as_read(card.features)
    yield contract_of_challenger(card, train, holdout, context.config)
    yield model_checks.can_be_scored(challenger)
    yield model_checks.training_data(card, manifest)
    if manifest.time:
        yield model_checks.training_period("challenger", card, manifest, "Run `make data` and `make train` again.")
    yield model_checks.export_parity(card, _golden(challenger), len(holdout.frame))
    yield from _shared_rows(train, holdout, challenger.reference, gate)
    yield from _near_duplicates(train, holdout, gate.max_shared_rows, context.config.data.group)
    yield from _single_feature(train, holdout, gate.confidence, gate.max_single_feature_auc)


def contract_of_challenger(card: ModelCard, train: Table, holdout: Table, config: Config) -> Check:
    """Whether the holdout is as the challenger's card and the history of train let one expect."""
    unseen = _unseen(card, train, holdout)
    broken = [
        (one.name, text) for one in card.features for text in breaches([one], holdout.frame, unseen, card.features)
    ]
    # A calendar part has no unit, and jumps at each new year.
    measured = [one for one in card.features if one.name not in config.features.made_of_dates]
    moved = [one for one in unit_jumps(measured, train, holdout) if one.words not in config.gate.signed_off]
    columns = [name for name, _ in broken if name in holdout.frame] + [one.column for one in moved]
    remedy = (
        _remedy_of_contract(columns, moved, train.manifest.time)
        if columns
        else "Correct the source, and run `make data` again."
    )
    seen = [text for _, text in broken] + [one.text for one in moved]
    return model_checks.table_contract("challenger", len(card.features), seen, remedy)


def _shared_rows(train: Table, holdout: Table, reference: pd.DataFrame, gate: Gate) -> Iterator[Check]:
    columns = [*(feature.name for feature in holdout.manifest.features), holdout.manifest.target]
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
        shared_rows(reference, holdout.frame, columns),
        gate.max_shared_rows,
        "The model was fitted on rows of the holdout: run `make train` on train alone.",
    )


def _of_champion(train: Table, holdout: Table, champion: ScoredModel) -> Iterator[Check]:
    yield model_checks.can_be_scored(champion)
    if champion.scorer is None or champion.reference is None:
        return
    card, manifest = champion.scorer.card, holdout.manifest
    train, holdout = train.as_read(card.features), holdout.as_read(card.features)
    if manifest.time:
        yield model_checks.training_period("champion", card, manifest, f"Move data.as_of forward. {CHAMPION_REMEDY}")
    # The champion was fitted on most of today's train rows, so they show a change of the source, and the holdout's
    # season does not.
    changed = jumps(card.features, train.frame, champion.reference, _runs_with_time(train))
    broken = breaches(card.features, holdout.frame, _unseen(card, train, holdout)) + changed
    yield model_checks.table_contract("champion", len(card.features), broken, CHAMPION_REMEDY)


def _near_duplicates(train: Table, holdout: Table, limit: float, group: str) -> Iterator[Check]:
    try:
        yield near_duplicates(train, holdout, limit, group)
    except (FindingError, KeyError):  # no such column, or no usable target: other checks say so
        return


def _single_feature(train: Table, holdout: Table, confidence: float, limit: float) -> Iterator[Check]:
    try:
        scores = target_leakage(train, holdout, holdout.manifest.features, confidence)
    except (FindingError, KeyError):  # no usable target: the check of the holdout table says so
        return
    yield model_checks.single_feature(scores, limit, is_regression=holdout.manifest.task == "regression")


def _difference_from_manifest(holdout: Table) -> str:
    described = holdout.manifest.tables["holdout"].digest
    return "" if frame_digest(holdout.frame) == described else "its rows are not those that data.json describes"


def _unseen(card: ModelCard, train: Table, holdout: Table) -> Mapping[str, float]:
    """The expected shares of new categories. Computed only where the table breaks the contract without them."""
    return unseen_shares(card.features, train, holdout) if breaches(card.features, holdout.frame) else {}


def _remedy_of_contract(columns: Sequence[str], moved: Sequence[Jump], time: str) -> str:
    """What to do: correct the source, cut later where there is time, leave columns out, or sign it off."""
    names = json.dumps(list(dict.fromkeys(columns)), ensure_ascii=False)
    later = "move data.as_of until train shows it, or " if time else ""
    said = f"Correct the source. If the table stays so, {later}leave the column out: "
    said += f"features.exclude = {names}, beside those that are there."
    words = json.dumps([one.words for one in moved], ensure_ascii=False)
    return f"{said} If it is right as it is: gate.signed_off = {words}." if moved else said


def _golden(challenger: ScoredModel) -> Golden:
    return Golden.model_validate_json((challenger.folder / "golden.json").read_bytes())


def _runs_with_time(train: Table) -> RunsWithTime:
    """A function that says whether a feature only grows or only falls with time in the train table."""

    def runs(name: str) -> bool:
        time = train.manifest.time
        if not time or name not in train.frame:
            return False
        values = train.frame[[name, time]].sort_values(time, kind="stable")[name]
        return is_monotone(values.to_numpy(dtype=np.float64, na_value=np.nan))

    return runs
