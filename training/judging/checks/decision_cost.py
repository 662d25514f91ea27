"""What the decisions of a binary model cost: its threshold is judged like its ranking.

A threshold is chosen by training.cost_of_a_miss and cost_of_a_false_alarm, and gate.metric may not see it at all: AUC
is the same at every threshold. All costs here are shares of what the better blind decision, "always" or "never", costs
on the same rows (Drummond & Holte 2006, "Cost curves", Machine Learning 65): 1 is worth nothing.

- The threshold lies inside (0, 1), and is about the cheapest of the model's own out-of-fold predictions.
- The share of rows that it calls positive is about what it was out of fold.
- The decisions cost no more than the champion's, by the costs of today and by those that the champion was made for.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from contracts.decision import Check
from contracts.model_folder import PREDICTION_COLUMN, GateSetting, ModelCard
from contracts.pipeline_toml.keys import Config
from training.fitting.threshold import cheapest_threshold
from training.judging.comparisons import Contest
from training.judging.formatting import figure
from training.statistics.costs import Costs, Truths
from training.statistics.intervals import of_mean
from training.statistics.metrics import FloatArray

# Over the cheapest threshold of reference.parquet, which is a sample of the rows that the threshold was chosen on.
MOST_REGRET = 0.05
# In log-odds: out of fold 10 %, on the holdout 2.5 to 33 %. A season moves the share, a wrong threshold much more.
MOST_SHIFT = 1.4
ERRORS = 3.0
CONFIDENCE = 0.95
KEYS = ("training.cost_of_a_miss", "training.cost_of_a_false_alarm")


def decision_checks(
    contest: Contest, card: ModelCard, champion: ModelCard | None, reference: pd.DataFrame, config: Config
) -> Iterator[Check]:
    """The rules in their order. Nothing for a model without a threshold."""
    costs = Costs(config.training.cost_of_a_miss, config.training.cost_of_a_false_alarm)
    threshold = contest.challenger.threshold
    if threshold is None:
        return
    out_of_fold = reference[PREDICTION_COLUMN].to_numpy(dtype=np.float64)
    truth = (reference[card.target] == card.positive).to_numpy()
    weighed_by = config.training.weights
    weights = reference[weighed_by].to_numpy(dtype=np.float64) if weighed_by in reference else None
    yield threshold_check(threshold, truth, out_of_fold, costs, weights)
    yield share_check(contest.challenger.predicted[:, 1] >= threshold, out_of_fold >= threshold)
    yield cost_check("expected cost", contest, costs, config, "")
    of_champion = _recorded(champion.gate) if champion else None
    if of_champion is not None and of_champion != costs:
        words = f"costs {costs} instead of {of_champion}"
        yield cost_check("expected cost by the champion's costs", contest, of_champion, config, words)


def threshold_check(
    threshold: float, truth: Truths, probability: FloatArray, costs: Costs, weights: FloatArray | None = None
) -> Check:
    """Inside (0, 1), and about the cheapest one out of fold. All arrays: [rows] of reference.parquet."""
    inside = 0 < threshold < 1
    best = cheapest_threshold(truth, probability, *costs, weights)
    # The cheapest of a sample fits its chance, too: with few positives a regret has a large error.
    own, others = (costs.of_rows(truth, probability >= one) for one in (threshold, best))
    lost = (own - others) / costs.of_the_better_blind_decision(truth, weights)
    regret = of_mean(lost, None, confidence=CONFIDENCE, weights=weights)
    return Check(
        name="decision threshold",
        passed=inside and regret.low <= MOST_REGRET,
        seen=f"{threshold:.4g}, which costs {figure(regret.value)} more than {best:.4g}, the cheapest one out of fold",
        required=f"inside (0, 1), not surely over {MOST_REGRET:g} of a blind decision's cost more, at costs {costs}",
        remedy="It was not chosen by these costs or on these predictions: run `make train` again.",
    )


def share_check(decided: Truths, out_of_fold: Truths) -> Check:
    """As many rows are called positive as were out of fold, seasons allowed for."""
    (seen, error), (expected, its_error) = _log_odds(decided), _log_odds(out_of_fold)
    limit = MOST_SHIFT + ERRORS * float(np.hypot(error, its_error))
    return Check(
        name="share called positive",
        passed=abs(seen - expected) <= limit,
        seen=f"{decided.mean():.2%} of the holdout, {out_of_fold.mean():.2%} out of fold",
        required=f"odds within {np.exp(limit):.1f} times of each other",
        remedy="Threshold and probabilities do not fit each other any more: run `make train` again.",
    )


def cost_check(name: str, contest: Contest, costs: Costs, config: Config, words: str) -> Check:
    """Decisions significantly dearer than the champion's are refused. `words`: what may be signed off, or ""."""
    truth = contest.truth == 1
    own = _row_costs(truth, contest.challenger.predicted[:, 1], contest.challenger.threshold, costs)
    blind = costs.of_the_better_blind_decision(truth, contest.weights)
    margin, confidence = config.gate.cost_margin, config.gate.confidence
    seen = f"{figure(contest.level(own) / blind)} of a blind decision's"
    passed = True
    if contest.champion is not None:
        other = _row_costs(truth, contest.champion.predicted[:, 1], contest.champion.threshold, costs)
        difference = contest.mean((own - other) / blind, confidence)
        passed = difference.low <= margin
        seen += f", champion {figure(contest.level(other) / blind)}; the difference, "
        seen += f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    is_signed = bool(words) and words in config.gate.signed_off
    sign = f' If that is meant, write "{words}" into gate.signed_off.' if words else ""
    return Check(
        name=name,
        passed=passed or is_signed,
        seen=seen + (f"; signed off: {words}" if is_signed and not passed else ""),
        required=f"at costs {costs} not significantly dearer than the champion's by {margin:g} (gate.cost_margin)",
        remedy="Calibrate the candidate: its probabilities, or the threshold tuned on them, cost more than the "
        f"champion's.{sign}",
    )


def _recorded(gate: dict[str, GateSetting]) -> Costs | None:
    values = [gate.get(key) for key in KEYS]
    return Costs(*(float(one) for one in values if one is not None)) if None not in values else None


def _row_costs(truth: Truths, probability: FloatArray, threshold: float | None, costs: Costs) -> FloatArray:
    return costs.of_rows(truth, probability >= (0.5 if threshold is None else threshold))


def _log_odds(decided: Truths) -> tuple[float, float]:
    """With half a row added to both sides (Haldane 1956), and its standard error."""
    yes, no = decided.sum() + 0.5, (~decided).sum() + 0.5
    return float(np.log(yes / no)), float(np.sqrt(1 / yes + 1 / no))
