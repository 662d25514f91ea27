"""The gate's rates: intervals as published, exact differences between models, holdouts of whole days."""

import numpy as np
import pytest

from drills.rates.gate import PAIRS, Population, Rule, apart, holdouts, measure_cell, measure_evaluations, table
from drills.rates.gate_rates import Rates as GateRates
from drills.rates.pictures import power_curves
from drills.rates.proportion import Proportion
from training.statistics.scores import score

DAYS, ROWS_A_DAY = 40, 60
PAIR = "trained a month longer"


def auc(truth: np.ndarray, odds: np.ndarray) -> float:
    positive = 1 / (1 + np.exp(-odds))
    return score("roc_auc", truth, np.column_stack([1 - positive, positive]), threshold=None)


@pytest.fixture(scope="module")
def known() -> Population:
    """Correlated rows of each day, and four models of different quality."""
    rng = np.random.default_rng(3)
    rows = DAYS * ROWS_A_DAY
    signal = rng.standard_normal(rows) + np.repeat(rng.standard_normal(DAYS), ROWS_A_DAY)
    truth = (rng.random(rows) < 1 / (1 + np.exp(1.5 - signal))).astype(np.int64)
    names = {name for pair in PAIRS.values() for name in pair}
    odds = {name: signal + 0.3 * (1 + k) * rng.standard_normal(rows) for k, name in enumerate(sorted(names))}
    days = tuple(np.arange(day * ROWS_A_DAY, (day + 1) * ROWS_A_DAY) for day in range(DAYS))
    return Population(truth, days, odds, rng.standard_normal(rows))


@pytest.mark.parametrize(("count", "total", "low", "high"), [
    (0, 20, 0.0, 0.1611), (10, 20, 0.2993, 0.7007), (20, 20, 0.8389, 1.0), (1, 1000, 0.0002, 0.0057),
])  # fmt: skip
def test_an_interval_is_wilsons(count: int, total: int, low: float, high: float) -> None:
    assert Proportion(count, total).ends == pytest.approx((low, high), abs=6e-4)


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="the total must be"):
        _ = Proportion(0, 0).ends


@pytest.mark.parametrize("worse_by", [0.0, 0.01, 0.04])
@pytest.mark.parametrize("pair", PAIRS)
def test_two_models_are_as_far_apart_as_is_said(known: Population, pair: str, worse_by: float) -> None:
    new, old = apart(known, *PAIRS[pair], worse_by, known.noise)
    assert auc(known.truth, new) - auc(known.truth, old) == pytest.approx(-worse_by, abs=1e-5)


def test_a_day_drawn_twice_is_two_days(known: Population) -> None:
    for rows, clusters in holdouts(known, 5, seed=1):
        assert len(set(clusters.tolist())) == 30
        assert len(rows) == len(clusters) == 30 * ROWS_A_DAY
        assert len(set(rows.tolist())) < len(rows)


def test_a_model_four_wide_margins_worse_is_never_promoted_and_an_equal_one_mostly(known: Population) -> None:
    rule = Rule(margin=0.06, confidence=0.95)
    cells = [measure_cell(known, rule, 20, (PAIR, margins)) for margins in (0.0, 4.0)]
    assert cells[0].promoted["gate"] >= 18
    assert cells[1].promoted["gate"] == 0
    assert 0 < cells[0].promoted["new >= old"] < 20


def test_counted_evaluations_promote_no_more_than_uncounted_ones(known: Population) -> None:
    counted, uncounted = measure_evaluations(known, Rule(margin=0.02, confidence=0.9), 10)
    assert counted <= uncounted


def test_the_table_and_the_picture_say_what_was_measured(known: Population) -> None:
    cells = tuple(measure_cell(known, Rule(0.06, 0.95), 5, (PAIR, step)) for step in (0.0, 4.0))
    rates = GateRates(metric="roc_auc", margin=0.06, confidence=0.95, days=30, rows=10, cells=cells,
                      evaluations_draws=10, evaluations=10, let_in_counted=1, let_in_uncounted=4)  # fmt: skip
    assert [line.split(" | ")[0] for line in table(rates).splitlines()].count(f"| {PAIR}") == 2
    assert "10.0 % [" not in table(rates)
    assert power_curves(rates) == power_curves(rates)
    assert PAIR in power_curves(rates)
