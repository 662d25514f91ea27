"""Compares the models' figures on the holdout with their out-of-fold figures.

Champion and challenger are compared on the same rows. A fault in these rows costs both models alike, and the difference
stays 0: where one label in ten is flipped in the source, each model loses a tenth of AUC. A comparison with a model's
out-of-fold figure shows the loss.

- The challenger is not significantly worse on the holdout than out of fold, by more than a gap.
- Neither is the champion. It may be where the challenger is significantly better than the champion: then the world
  changed, and the challenger has learned the change.
- The labels of each week of the holdout are distributed about as in the weeks of train.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from contracts.decision import Check, Comparison
from contracts.model_folder import ModelCard
from contracts.pipeline_toml.keys import Gate
from training.judging.comparisons import PairedPredictions
from training.judging.formatting import figure
from training.judging.scored_models import Predictions
from training.statistics.intervals import Estimate, log_odds
from training.statistics.metrics import METRICS, ScoringError
from training.tables import Table

# One-sided, for the difference of two figures on different rows.
CONFIDENCE = 0.995
WEEK_DAYS = 7
FEWEST_OF_A_WEEK = 100
FEWEST_WEEKS = 6
# How far a week may lie beyond the range of train's weeks: a share of that range, and so many sampling errors.
BEYOND = 0.25
ERRORS = 4.0


def out_of_fold_checks(
    paired: PairedPredictions,
    challenger: ModelCard,
    champion: ModelCard | None,
    deciding: Comparison | None,
    gate: Gate,
) -> Iterator[Check]:
    """One check for each model whose card has the figure."""
    yield from _gap("challenger", paired, paired.challenger, challenger, gate)
    if champion is not None and paired.champion is not None:
        for check in _gap("champion", paired, paired.champion, champion, gate):
            learned = deciding is not None and deciding.outcome == "better"
            seen = f"{check.seen}; the challenger is an improvement" if learned else check.seen
            yield check.model_copy(update={"passed": check.passed or learned, "seen": seen})


def _gap(role: str, paired: PairedPredictions, model: Predictions, card: ModelCard, gate: Gate) -> Iterator[Check]:
    promised = card.metrics.get(gate.metric)
    if promised is None:
        return
    try:
        seen = paired.figure(gate.metric, model, 0.95)
    except ScoringError:  # the check of all metrics rejects it
        return
    limit = largest_gap(gate)
    sign = 1 if METRICS[gate.metric].higher_is_better else -1
    gap = sign * (promised.value - seen.value)
    low = gap - error_of_gap(seen, promised.high - promised.low, promised.confidence)
    words = f"{role} {gate.metric} {figure(seen.value, 2)} after {figure(promised.value, 2)} out of fold"
    is_signed = words in gate.signed_off
    yield Check(
        name="out of fold" if role == "challenger" else f"{role} out of fold",
        passed=low <= limit or is_signed,
        seen=f"{gate.metric} {figure(seen.value)} on the holdout, {figure(promised.value)} "
        f"[{figure(promised.low)}, {figure(promised.high)}] out of fold" + ("; signed off" if is_signed else ""),
        required=f"not significantly worse than out of fold by more than {limit:g} (gate.max_generalization_gap)",
        remedy=f"Labels or inputs of the holdout have changed: look at both. If the world itself changed, write "
        f'"{words}" into gate.signed_off.',
    )


def largest_gap(gate: Gate) -> float:
    """The largest difference to the out-of-fold figure that passes: gate.max_generalization_gap, or the margin."""
    return gate.margin if gate.max_generalization_gap is None else gate.max_generalization_gap


def error_of_gap(seen: Estimate, width: float, confidence: float) -> float:
    """The error of a gap between two figures on different rows, one-sided at CONFIDENCE.

    `width`: of the card's interval, from one one-sided bound to the other. The card has no degrees of freedom, so those
    of `seen` stand for both.
    """
    reach = float(stdtrit(seen.degrees_of_freedom, confidence))
    out_of_fold = width / 2 / reach
    return float(stdtrit(seen.degrees_of_freedom, CONFIDENCE)) * float(np.hypot(seen.standard_error, out_of_fold))


def label_checks(train: Table, holdout: Table, gate: Gate) -> Iterator[Check]:
    """Each class, week by week. No check without time, with too few weeks of train, or for a regression."""
    manifest = holdout.manifest
    if not manifest.time or manifest.task == "regression" or manifest.time not in holdout.frame:
        return
    past = _weeks(train.frame, manifest.time, from_end=True)
    weeks = _weeks(holdout.frame, manifest.time, from_end=False)
    if len(past) < FEWEST_WEEKS or not weeks:
        return
    names = manifest.classes[1:] if len(manifest.classes) == 2 else manifest.classes
    unusual = [one for name in names for one in _unusual(name, past, weeks, manifest.target)]
    signed = [one for one in unusual if one in gate.signed_off]
    yield Check(
        name="labels by week",
        passed=len(signed) == len(unusual),
        seen="; ".join(unusual) or f"{len(weeks)} weeks as in the {len(past)} of train",
        required="shares of the classes about as in the weeks of train",
        remedy="Are the labels of that week complete, and made by the same rule? If so, write each of these phrases "
        "into gate.signed_off.",
    )


def _weeks(frame: pd.DataFrame, time: str, *, from_end: bool) -> list[tuple[str, pd.DataFrame]]:
    """Whole weeks with enough rows, counted from the end of train and from the beginning of the holdout."""
    days = frame[time].dt.floor("D")
    since = (days.max() - days).dt.days if from_end else (days - days.min()).dt.days
    number = since // WEEK_DAYS
    is_whole = number < (int(since.max()) + 1) // WEEK_DAYS
    groups = frame.assign(week=number)[is_whole].groupby("week")
    return [(f"{rows[time].min():%Y-%m-%d}", rows) for _, rows in groups if len(rows) >= FEWEST_OF_A_WEEK]


def _unusual(
    name: str, past: list[tuple[str, pd.DataFrame]], weeks: list[tuple[str, pd.DataFrame]], target: str
) -> Iterator[str]:
    before = np.array([log_odds((rows[target] == name).to_numpy())[0] for _, rows in past])
    room = BEYOND * float(np.ptp(before))
    for day, rows in weeks:
        is_class = rows[target] == name
        odds, error = log_odds(is_class.to_numpy())
        if not before.min() - room - ERRORS * error <= odds <= before.max() + room + ERRORS * error:
            yield f"{target} {name} {is_class.mean():.1%} in the week from {day}"
