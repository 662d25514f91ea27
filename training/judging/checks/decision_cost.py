"""Checks a binary model's decision threshold, and what its decisions cost.

training.cost_of_a_miss and cost_of_a_false_alarm set the threshold, and gate.metric may not depend on it: AUC is the
same at every threshold. All costs here are shares of what the better blind decision, "always" or "never", costs on the
same rows (Drummond & Holte 2006, "Cost curves", Machine Learning 65): at 1 the model is worth nothing.

- The threshold lies inside (0, 1), and is about the cheapest for the model's own out-of-fold predictions.
- The share of rows predicted positive is about what it was out of fold.
- The decisions cost no more than the champion's, by today's costs and by those that the champion was trained for.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from contracts.decision import Check
from contracts.model_folder import PREDICTION_COLUMN, GateSetting, ModelCard
from contracts.pipeline_toml.keys import Config, Gate
from training.fitting.threshold import cheapest_threshold
from training.judging.comparisons import PairedPredictions
from training.judging.formatting import figure
from training.statistics.costs import Costs, Truths
from training.statistics.intervals import log_odds, of_mean
from training.statistics.metrics import FloatArray

# Extra cost over the cheapest threshold on reference.parquet, a sample of the rows that the threshold was chosen on.
MOST_REGRET = 0.05
# In log-odds: 10 % out of fold allows 2.5 to 33 % on the holdout. Seasons move the share, a wrong threshold much more.
MOST_SHIFT = 1.4
ERRORS = 3.0
CONFIDENCE = 0.95
KEYS = ("training.cost_of_a_miss", "training.cost_of_a_false_alarm")


def decision_checks(
    paired: PairedPredictions, card: ModelCard, champion: ModelCard | None, reference: pd.DataFrame, config: Config
) -> Iterator[Check]:
    """The checks in their order; none for a model without a threshold."""
    costs = Costs(config.training.cost_of_a_miss, config.training.cost_of_a_false_alarm)
    threshold = paired.challenger.threshold
    if threshold is None:
        return
    out_of_fold = reference[PREDICTION_COLUMN].to_numpy(dtype=np.float64)
    truth = (reference[card.target] == card.positive).to_numpy()
    weighed_by = config.training.weights
    weights = reference[weighed_by].to_numpy(dtype=np.float64) if weighed_by in reference else None
    yield threshold_check(threshold, truth, out_of_fold, costs, weights)
    yield share_check(paired.challenger.predicted[:, 1] >= threshold, out_of_fold >= threshold)
    yield cost_check("expected cost", paired, costs, config, "")
    of_champion = _recorded(champion.gate) if champion else None
    if of_champion is not None and of_champion != costs:
        words = f"costs {costs} instead of {of_champion}"
        yield cost_check("expected cost by the champion's costs", paired, of_champion, config, words)


def threshold_check(
    threshold: float, truth: Truths, probability: FloatArray, costs: Costs, weights: FloatArray | None = None
) -> Check:
    """Inside (0, 1), and about the cheapest threshold out of fold. All arrays: [rows] of reference.parquet."""
    inside = 0 < threshold < 1
    best = cheapest_threshold(truth, probability, *costs, weights)
    # The cheapest threshold of a sample is fitted to its noise: with few positives the regret has a large error.
    own, cheapest = (costs.of_rows(truth, probability >= one) for one in (threshold, best))
    lost = (own - cheapest) / costs.of_the_better_blind_decision(truth, weights)
    regret = of_mean(lost, None, confidence=CONFIDENCE, weights=weights)
    return Check(
        name="decision threshold",
        passed=inside and regret.low <= MOST_REGRET,
        seen=f"{threshold:.4g}, which costs {figure(regret.value)} more than {best:.4g}, the cheapest one out of fold",
        required=f"inside (0, 1), and not significantly over {MOST_REGRET:g} of a blind decision's cost more, "
        f"at costs {costs}",
        remedy="It was chosen by other costs or on other predictions: run `make train` again.",
    )


def share_check(decided: Truths, out_of_fold: Truths) -> Check:
    """About as many rows are predicted positive as out of fold, with room for seasons."""
    (seen, error), (expected, its_error) = log_odds(decided), log_odds(out_of_fold)
    limit = MOST_SHIFT + ERRORS * float(np.hypot(error, its_error))
    return Check(
        name="share called positive",
        passed=abs(seen - expected) <= limit,
        seen=f"{decided.mean():.2%} of the holdout, {out_of_fold.mean():.2%} out of fold",
        required=f"odds within {np.exp(limit):.1f} times of each other",
        remedy="Threshold and probabilities no longer fit each other: run `make train` again.",
    )


def cost_check(name: str, paired: PairedPredictions, costs: Costs, config: Config, words: str) -> Check:
    """The decisions are not significantly more costly than the champion's. `words`: what can be signed off, or ""."""
    passed, seen = _against_champion(paired, costs, config.gate)
    is_signed = bool(words) and words in config.gate.signed_off
    sign = f' If that is meant, write "{words}" into gate.signed_off.' if words else ""
    return Check(
        name=name,
        passed=passed or is_signed,
        seen=seen + (f"; signed off: {words}" if is_signed and not passed else ""),
        required=f"at costs {costs} not significantly more than the champion's by {config.gate.cost_margin:g} "
        "(gate.cost_margin)",
        remedy="Calibrate the candidate: its probabilities, or the threshold tuned on them, cost more than the "
        f"champion's.{sign}",
    )


def _against_champion(paired: PairedPredictions, costs: Costs, gate: Gate) -> tuple[bool, str]:
    """Whether the decisions cost no more than the champion's by gate.cost_margin, and both costs as text."""
    truth = paired.truth == 1
    own = _row_costs(truth, paired.challenger.predicted[:, 1], paired.challenger.threshold, costs)
    blind = costs.of_the_better_blind_decision(truth, paired.weights)
    seen = f"{figure(paired.level(own) / blind)} of a blind decision's"
    if paired.champion is None:
        return True, seen
    other = _row_costs(truth, paired.champion.predicted[:, 1], paired.champion.threshold, costs)
    difference = paired.mean((own - other) / blind, gate.confidence)
    shown = f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    against = f"{seen}, champion {figure(paired.level(other) / blind)}; the difference, {shown}"
    return difference.low <= gate.cost_margin, against


def _recorded(gate: dict[str, GateSetting]) -> Costs | None:
    values = [gate.get(key) for key in KEYS]
    return Costs(*(float(one) for one in values if one is not None)) if None not in values else None


def _row_costs(truth: Truths, probability: FloatArray, threshold: float | None, costs: Costs) -> FloatArray:
    return costs.of_rows(truth, probability >= (0.5 if threshold is None else threshold))
