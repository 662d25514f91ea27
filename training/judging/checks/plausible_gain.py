"""Checks that the challenger is not implausibly good: a figure that rises that far is mostly target leakage.

A leak need not be one column that tells the target (`target_leakage.py`). It may be two columns whose difference does,
one that is missing where the target is "yes", or an aggregate over later rows. So the figures are checked:

- The challenger does not significantly remove more than a share of the champion's error.
- It is not significantly better on the holdout than out of fold, by more than the gap of `out_of_fold.py`. Out of fold
  its setting was fitted on fewer rows. So where it is better, the setting is fitted again on as few: where these models
  are no better on the holdout than out of fold, the rows made the difference.

Where one of these fails, a quick model is fitted without each new or dominant column. The check names the columns
without which the quick model falls back. The improvement may be real: then a person signs it off, with the figure.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from contracts.decision import Check, Comparison
from contracts.exits import FindingError, UsageError
from contracts.model_folder import ModelCard
from contracts.pipeline_toml.keys import Gate
from training.fitting.quick_model import quick_fit
from training.fitting.search import one_thread
from training.judging.checks.out_of_fold import error_of_gap, largest_gap
from training.judging.comparisons import PairedPredictions
from training.judging.formatting import figure
from training.statistics.metrics import METRICS, FloatArray
from training.statistics.scores import score
from training.tables import Integers, Table, spread_positions

MOST_ROWS = 20_000
MOST_COLUMNS = 12
# A column is named where the figure falls by at least this share of the largest fall.
FALLS = 0.5


def plausible_gain_check(
    paired: PairedPredictions,
    card: ModelCard,
    champion: ModelCard | None,
    deciding: Comparison | None,
    gate: Gate,
    train: Table,
    holdout: Table,
    of_fewer_rows: Callable[[], Sequence[float]],
) -> Iterator[Check]:
    """One check; none where the metric that decides could not be computed.

    `of_fewer_rows`: the metric on the holdout of the card's setting, fitted on each fold (`figures_of_fewer_rows`).
    """
    if deciding is None:
        return
    why = implausible(paired, card, deciding, gate, of_fewer_rows)
    words = f"{gate.metric} {figure(deciding.challenger.value, 2)}"
    is_signed = words in gate.signed_off
    seen = "; ".join(why)
    if why and not is_signed:
        new = _new_columns(card, champion)
        seen += _named(dominating(train, holdout, card, new, gate.metric))
    yield Check(
        name="plausible gain",
        passed=not why or is_signed,
        seen=(seen or "nothing beyond what was to be expected") + ("; signed off" if why and is_signed else ""),
        required=f"at most {gate.max_error_reduction:.0%} of the champion's error removed (gate.max_error_reduction), "
        "and about the figure out of fold",
        remedy="Target leakage looks like this: a column computed from the target or known only after it, or rows of "
        f'one customer on both sides. If the gain is real, write "{words}" into gate.signed_off.',
    )


def implausible(
    paired: PairedPredictions,
    card: ModelCard,
    deciding: Comparison,
    gate: Gate,
    of_fewer_rows: Callable[[], Sequence[float]],
) -> list[str]:
    """What is too good, one phrase each: against the champion, and against the model's own out-of-fold figure."""
    return [*_over_champion(deciding, gate), *_over_out_of_fold(paired, card, gate, of_fewer_rows)]


def _over_champion(deciding: Comparison, gate: Gate) -> Iterator[str]:
    """By the lower bound of the gain, as a share of the distance from the champion's figure to the best possible."""
    known = METRICS[gate.metric]
    if deciding.champion is None or deciding.difference is None:
        return
    best = known.highest if known.higher_is_better else known.lowest
    error = abs(best - deciding.champion.value)
    gain = deciding.difference.low if known.higher_is_better else -deciding.difference.high
    if error > 0 and gain > gate.max_error_reduction * error:
        yield (
            f"{gate.metric} {figure(deciding.challenger.value)} after the champion's {figure(deciding.champion.value)} "
            f"removes at least {gain / error:.0%} of its error"
        )


def _over_out_of_fold(
    paired: PairedPredictions, card: ModelCard, gate: Gate, of_fewer_rows: Callable[[], Sequence[float]]
) -> Iterator[str]:
    promised = card.metrics.get(gate.metric)
    if promised is None:
        return
    seen = paired.figure(gate.metric, paired.challenger, 0.95)
    sign = 1 if METRICS[gate.metric].higher_is_better else -1
    most = largest_gap(gate) + error_of_gap(seen, promised.high - promised.low, promised.confidence)
    if sign * (seen.value - promised.value) <= most:
        return
    why = f"{gate.metric} {figure(seen.value)} on the holdout, {figure(promised.value)} out of fold"
    try:
        fewer = float(np.mean(of_fewer_rows()))
    except (FindingError, UsageError):  # the checks of the model folder say why it cannot be fitted again
        yield why
        return
    if sign * (fewer - promised.value) > most:
        yield f"{why}; {figure(fewer)} on the holdout where it is fitted on as few rows as out of fold"


def _new_columns(card: ModelCard, champion: ModelCard | None) -> set[str]:
    known = {one.name for one in champion.features} if champion else set()
    return {one.name for one in card.features} - known if champion else set()


def dominating(
    train: Table, holdout: Table, card: ModelCard, new: set[str], metric: str
) -> list[tuple[str, float, float]]:
    """Columns without which a quick model falls back: name, figure without it, figure with all columns."""
    learn = train.take(spread_positions(len(train.frame), MOST_ROWS))
    matrix, truth = learn.matrix(card.features), learn.truth
    rows = holdout.matrix(card.features)

    def figure_of(columns: Sequence[int]) -> float:
        with one_thread():
            model = quick_fit(card.task, matrix[:, columns], truth)
            predict = model.predict if card.task == "regression" else model.predict_proba
            predicted: FloatArray = np.asarray(predict(rows[:, columns]), dtype=np.float64)
        return score(metric, holdout.truth, predicted, threshold=0.5)

    every = list(range(len(card.features)))
    whole, sign = figure_of(every), 1 if METRICS[metric].higher_is_better else -1
    order = sorted(every, key=lambda one: (card.features[one].name not in new, -_strength(matrix[:, one], truth)))
    found = []
    for one in order[:MOST_COLUMNS] if len(every) > 1 else ():
        without = figure_of([other for other in every if other != one])
        if sign * (whole - without) > 0:
            found.append((card.features[one].name, without, whole))
    found.sort(key=lambda one: sign * one[1])
    return [one for one in found if sign * (one[2] - one[1]) >= FALLS * sign * (found[0][2] - found[0][1])]


def _named(found: Sequence[tuple[str, float, float]]) -> str:
    if not found:
        return ""
    return "; a quick model falls from " + ", ".join(
        f"{figure(whole)} to {figure(without)} without {name}" for name, without, whole in found[:3]
    )


def _strength(column: npt.NDArray[np.float32], truth: Integers | FloatArray) -> float:
    """How strongly its values, or their absence, correlate with the target. Only for the order in which to try."""
    known = np.nan_to_num(column.astype(np.float64))
    parts = [known, np.isnan(column).astype(np.float64)]
    with np.errstate(invalid="ignore", divide="ignore"):
        seen = [abs(float(np.corrcoef(part, truth)[0, 1])) for part in parts if np.ptp(part) > 0]
    return max((one for one in seen if np.isfinite(one)), default=0.0)
