"""The stated error of a sampled distance, counted: how often it is within that of the distance of all rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import t

from reports.drift.large_log.whole import CONFIDENCE, GROUPS, WholeLog, jackknife_of
from scoring.distances import Method, counted

ROWS, DRAWN, REFERENCE = 40_000, 2000, 5000
LOGS, SAMPLES = 15, 20
Draw = Callable[[np.random.Generator, int], npt.NDArray[Any]]


def whole(rows: int, drawn: int) -> WholeLog:
    return WholeLog(rows, drawn, {}, rows, rows, 0.0)


def covered(method: Method, draw: Draw) -> tuple[float, float]:
    """The share of samples within their stated error, and within the jackknife's error without its bias."""
    random = np.random.default_rng(0)
    known, left = whole(ROWS, DRAWN), np.sqrt(1 - DRAWN / ROWS)
    within = []
    for _ in range(LOGS):
        reference, log = draw(random, REFERENCE), draw(random, ROWS)
        of_all = counted(method, reference, log).distance()
        for _ in range(SAMPLES):
            pair = counted(method, reference, random.choice(log, DRAWN, replace=False))
            off = abs(pair.distance() - of_all)
            scatter = t.ppf((1 + CONFIDENCE) / 2, GROUPS - 1) * jackknife_of(pair)[0] * left
            within.append((off <= known.reach(pair), off <= scatter))
    stated, without_bias = np.mean(within, axis=0)
    return float(stated), float(without_bias)


@pytest.mark.parametrize(
    ("method", "draw"),
    [
        ("wasserstein", lambda random, rows: random.normal(size=rows)),
        ("wasserstein", lambda random, rows: random.exponential(size=rows)),
        ("difference", lambda random, rows: (random.uniform(size=rows) < 0.1).astype(float)),
        ("gained", lambda random, rows: random.normal(size=rows).round(1)),
        ("jensenshannon", lambda random, rows: random.integers(0, 30, rows).astype(str)),
    ],
)
def test_a_sampled_distance_is_within_its_stated_error_in_99_of_100_samples(method: Method, draw: Draw) -> None:
    stated, _ = covered(method, draw)
    # 99 %, with room for chance: 300 samples of 15 logs.
    assert stated >= 0.98


def test_without_its_bias_the_error_would_be_stated_too_small() -> None:
    stated, without_bias = covered("jensenshannon", lambda random, rows: random.integers(0, 30, rows).astype(str))
    assert without_bias < 0.8 < stated


def test_values_that_no_sampled_row_repeats_may_be_repeated_in_all_rows() -> None:
    pair = counted("gained", np.arange(2000) / 2, 5000 + np.arange(1000) / 2)
    assert jackknife_of(pair)[0] == pytest.approx(0, abs=1e-12)
    assert whole(100_000, 1000).reach(pair) >= np.sqrt(0.99) * -np.log(0.01) / 1000
    assert whole(1000, 1000).reach(pair) == 0
