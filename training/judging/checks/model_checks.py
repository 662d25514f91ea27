"""The gate's single checks, one function each: what was seen, what is required, what to do.

The first half checks whether the figures are valid at all, the second compares them with floors and limits.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from contracts.data_manifest import DataManifest
from contracts.decision import Check
from contracts.model_folder import Golden, ModelCard
from contracts.pipeline_toml.champion import REMEDY as CHAMPION_REMEDY
from contracts.pipeline_toml.keys import Gate
from contracts.stage import MEBIBYTE
from training.judging.checks.row_cost import RowCost
from training.judging.checks.shared_rows import SharedRows
from training.judging.comparisons import ComparedMetrics, PairedPredictions
from training.judging.formatting import decimals_to_tell_apart, figure, percent
from training.judging.scored_models import Predictions, ScoredModel
from training.refusals import listed
from training.statistics.metrics import METRICS, ScoringError

LARGEST_EXPORT_DIFFERENCE = 1e-5
SHORT_DIGEST = 19
SAME = 1e-7  # predictions closer than this, relative to their size, are one prediction


def can_be_scored(contestant: ScoredModel) -> Check:
    """The model folder loads, is proved on its golden rows, and answers to every row of the holdout."""
    is_champion = contestant.role == "champion"
    return Check(
        name=contestant.role,
        passed=not contestant.problem,
        seen=f"it cannot be scored: {contestant.problem}".rstrip(".") if contestant.problem else "scored",
        required="a model folder that loads, gives its golden rows, and scores the holdout",
        remedy=CHAMPION_REMEDY if is_champion else "Run `make train` again.",
    )


def holdout_rows(rows: int, fewest: int, problem: str) -> Check:
    """There are enough rows, their target is known, and data.json describes them."""
    enough = rows >= fewest
    return Check(
        name="holdout table",
        passed=enough and not problem,
        seen=problem.rstrip(".") or f"{rows:,} rows",
        required=f"at least {fewest:,} rows (data.min_holdout_rows in pipeline.toml), as data.json describes them",
        remedy="Run `make data` again."
        if problem or rows == 0
        else "Take a longer holdout: data.holdout_days or data.holdout_share.",
    )


def training_data(card: ModelCard, manifest: DataManifest) -> Check:
    """The challenger was trained on this data and no other."""
    return Check(
        name="training data",
        passed=card.data_digest == manifest.digest,
        seen=f"trained on data {card.data_digest[:SHORT_DIGEST]}",
        required=f"data {manifest.digest[:SHORT_DIGEST]}",
        remedy="The challenger was trained on other data: run `make train`.",
    )


def training_period(role: str, card: ModelCard, manifest: DataManifest, remedy: str) -> Check:
    """In a table with time, all rows that the model was trained on are older than the holdout."""
    first = manifest.tables["holdout"].first
    return Check(
        name="training period" if role == "challenger" else f"{role}'s training period",
        passed=_is_before(card.train_last, first),
        seen=f"trained on rows up to {card.train_last or 'an unknown time'}",
        required=f"rows before the holdout, which begins at {first or 'an unknown time'}",
        remedy=remedy,
    )


def table_contract(role: str, features: int, broken: Sequence[str], remedy: str) -> Check:
    """The holdout has the columns, types and ranges that this model was trained on (`table_contract.py`)."""
    return Check(
        name="table contract" if role == "challenger" else f"{role}'s table contract",
        passed=not broken,
        seen="; ".join(broken) or f"{features} features as in training",
        required="columns, types, ranges and missing values as in training",
        remedy=remedy,
    )


def shared_rows(name: str, other: str, seen: SharedRows, limit: float, remedy: str) -> Check:
    """Holdout rows are not among those that the model learned from."""
    repeated = f"; {percent(seen.repeated)} of the rows there repeat each other" if seen.repeated else ""
    return Check(
        name=name,
        passed=seen.shared <= limit,
        seen=f"{percent(seen.shared)} of {other}{repeated}",
        required=f"at most {percent(limit)} (gate.max_shared_rows in pipeline.toml)",
        remedy=remedy,
    )


def single_feature(told: Mapping[str, float], limit: float, *, is_regression: bool) -> Check:
    """No feature alone tells the target (`target_leakage.py`)."""
    leaking = sorted((name for name, value in told.items() if value > limit), key=lambda name: (-told[name], name))
    strongest = leaking or sorted(told, key=lambda name: (-told[name], name))[:1]
    measure = "rank correlation" if is_regression else "roc_auc, lower end"
    values = listed(f"{name} {figure(told[name], decimals_to_tell_apart(told[name], limit))}" for name in strongest)
    return Check(
        name="single feature",
        passed=not leaking,
        seen=f"{values or 'no feature'} alone ({measure})",
        required=f"at most {figure(limit)} (gate.max_single_feature_auc in pipeline.toml)",
        remedy="Is it computed from the target, or known only after it? Then list it under features.exclude.",
    )


def export_parity(card: ModelCard, golden: Golden, rows: int) -> Check:
    """The card's proof shows that the ONNX graph is the function that was trained. Loading it ran the golden rows.

    rows: of the holdout, all of which the proof must cover.
    """
    proof = card.proof
    return Check(
        name="export parity",
        passed=proof.rows == rows > 0
        and proof.label_flips == 0
        and 0 <= proof.largest_difference <= LARGEST_EXPORT_DIFFERENCE
        and 0 <= golden.tolerance <= LARGEST_EXPORT_DIFFERENCE,
        seen=f"{proof.label_flips:,} label flips and a largest difference of {proof.largest_difference:.1e} on "
        f"{proof.rows + proof.boundary_rows:,} rows, golden rows within {golden.tolerance:.1e}",
        required=f"no label flip, differences of at most {LARGEST_EXPORT_DIFFERENCE:.1e}, on all {rows:,} holdout rows",
        remedy="Run `make train` again; it proves the export or refuses it.",
    )


def varied_predictions(model: Predictions) -> Check:
    """The model does not predict the same for every row. NaN counts as the same."""
    with np.errstate(invalid="ignore"):
        spread = float(np.ptp(model.predicted, axis=0).max())
        size = max(1.0, float(np.abs(model.predicted).max()))
    return Check(
        name="varied predictions",
        passed=spread > SAME * size,
        seen="predictions differ between rows" if spread > SAME * size else "the same prediction for every row, or NaN",
        required="predictions that differ between rows",
        remedy="A constant model has learned nothing: look at its features and candidates.",
    )


def all_metrics(figures: ComparedMetrics) -> Check:
    """Every metric of the task could be computed for both models."""
    return Check(
        name="metrics",
        passed=not figures.missing,
        seen=_by_reason(figures.missing) or "all computed",
        required="every metric of the task, computed for both models on the holdout",
        remedy="A holdout without one of the classes, or with one cluster, is too short: see data.holdout_days and "
        "data.holdout_share.",
    )


def floors_and_limits(gate: Gate, figures: ComparedMetrics) -> Iterator[Check]:
    """The challenger's own figures, champion or not."""
    values = {one.metric: one.challenger.value for one in figures.comparisons}
    for metric, floor in gate.floors.items():
        seen = values.get(metric)
        yield _bounded("floor", metric, seen, floor, "at least", passed=seen is not None and seen >= floor)
    for metric, limit in gate.limits.items():
        seen = values.get(metric)
        yield _bounded("limit", metric, seen, limit, "at most", passed=seen is not None and seen <= limit)


def calibration(paired: PairedPredictions, limit: float) -> Check:
    """Predicted and observed rates agree on average over bins of equal size."""
    seen = None
    try:
        seen = paired.value("calibration_error", paired.challenger)
        shown = f"{METRICS['calibration_error'].title.lower()} {figure(seen, decimals_to_tell_apart(seen, limit))}"
    except ScoringError as error:
        shown = str(error).rstrip(".")
    return Check(
        name="calibration",
        passed=seen is not None and seen <= limit,
        seen=shown,
        required=f"at most {figure(limit)} (gate.max_calibration_error in pipeline.toml)",
        remedy="Its probabilities are not the observed rates: calibrate the candidate, or train on newer rows.",
    )


def row_time(cost: RowCost) -> Check:
    """One row is scored fast enough. The figure itself varies from run to run, so it is not in the decision."""
    passed, limit = cost.row_us <= cost.limit_us, f"{cost.limit_us:,g} µs"
    return Check(
        name="time of one row",
        passed=passed,
        seen=f"within {limit}" if passed else f"slower than {limit}: see latency.json",
        required=f"at most {limit} (gate.max_row_us in pipeline.toml)",
        remedy="A smaller model answers faster: see training.candidates.",
    )


def model_size(graph_bytes: int, limit_mb: float) -> Check:
    """model.onnx is small enough to ship."""
    seen = graph_bytes / MEBIBYTE
    return Check(
        name="model size",
        passed=seen <= limit_mb,
        seen=f"model.onnx has {max(seen, 0.01):,.2f} MB{'' if seen >= 0.01 else ' or less'}",
        required=f"at most {limit_mb:,g} MB (gate.max_model_mb in pipeline.toml)",
        remedy="Train fewer or smaller trees: see training.candidates.",
    )


def _by_reason(missing: Mapping[str, str]) -> str:
    """Names metrics that are missing for the same reason together."""
    names: dict[str, list[str]] = {}
    for name, why in missing.items():
        names.setdefault(why.removeprefix(f"{name} is ").rstrip("."), []).append(name)
    return "; ".join(f"{listed(of_reason)}: {why}" for why, of_reason in names.items())


def _is_before(time: str, first: str) -> bool:
    try:
        return bool(pd.Timestamp(time) < pd.Timestamp(first))
    except (ValueError, TypeError):
        return False


def _bounded(kind: str, metric: str, seen: float | None, bound: float, words: str, *, passed: bool) -> Check:
    decimals = decimals_to_tell_apart(bound if seen is None else seen, bound)
    return Check(
        name=f"{kind} of {metric}",
        passed=passed,
        seen="not computed" if seen is None else figure(seen, decimals),
        required=f"{words} {figure(bound, decimals)} (gate.{kind}s.{metric} in pipeline.toml)",
        remedy="Train a better model, or move the bound in a change that says why.",
    )
