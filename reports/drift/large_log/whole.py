"""What is known of all rows of a large log, and the distances that can be computed from it.

A distance is a function of counts over distinct values (scoring/distances.py). So where a column's values were counted
over all rows, its distance is that of all rows. Numbers with very many values are counted in cells, which bounds how
far the distance is off. Where too many requests are repeated, the sample without repeats decides instead of all rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from scoring.distances import Counted, IntArray, counted, distance_of_counts
from scoring.drift_statistics import DriftStatistic

CONFIDENCE = 0.99
GROUPS = 20
# More requests than that which were logged twice, or sent twice, would show in a distance: the sample has each once.
MOST_DOUBLED = 0.001


@dataclass(frozen=True)
class Tally:
    """One column over all rows. `values` and `counts` [n]: distinct values, or cells' middles; `missing`: rows without.

    `off`: how far a value is from its cell's middle, on average and at most, in the column's unit; 0 if not in cells.
    """

    values: npt.NDArray[Any]
    counts: IntArray
    missing: int = 0
    off: float = 0.0

    @property
    def rows(self) -> int:
        return int(self.counts.sum()) + self.missing


@dataclass(frozen=True)
class WholeLog:
    """All rows of a log, beside the `drawn` rows that were sampled. `tallies`: by the column's name.

    `effective`: the number of effective rows. `distinct`: distinct rows, within the share `distinct_error` (99 %).
    `doubled`: the share of requests in the sample that repeat others, by id or by row.
    """

    requests: int
    drawn: int
    tallies: Mapping[str, Tally]
    effective: int
    distinct: int
    distinct_error: float
    doubled: float = 0.0

    @property
    def decides(self) -> bool:
        """Whether the distances of all rows decide, not those of the sample without repeats."""
        return self.doubled <= MOST_DOUBLED

    def distance(self, statistic: DriftStatistic, reference: npt.NDArray[Any]) -> "Distance | None":
        """That of all rows, within `reach` of the true one; None where only the sample can tell."""
        tally = self.tallies.get(statistic.source) if self.decides else None
        if tally is None or statistic.kind == "residual":
            return None
        if statistic.kind == "missing":
            counts = np.array([tally.rows - tally.missing, tally.missing])
            return Distance(_distance("difference", reference, np.array([0.0, 1.0]), counts), 0.0)
        if not len(tally.values) or (tally.off and statistic.method != "wasserstein"):
            return None
        scale = counted("wasserstein", reference, tally.values[:1]).scale if tally.off else 1.0
        return Distance(_distance(statistic.method, reference, tally.values, tally.counts), tally.off / scale)

    def reach(self, pair: Counted) -> float:
        """How far the sample's distance may be from that of all rows: the jackknife's error at CONFIDENCE and bias.

        It is at least the largest share of which the sample can have nothing: a value that no sampled row repeats may
        be repeated in all rows. What was drawn needs no estimate: the error is 0 where all was drawn.
        """
        left = np.sqrt(max(0.0, 1 - self.drawn / max(1, self.requests)))
        error, bias = jackknife_of(pair)
        unseen = -np.log(1 - CONFIDENCE) / max(1, np.count_nonzero(pair.current >= 0))
        return float(left * max(t.ppf((1 + CONFIDENCE) / 2, GROUPS - 1) * error + 2 * abs(bias), unseen))


@dataclass(frozen=True)
class Distance:
    """A distance, and how far it may be from that of all rows. `is_sampled`: of the sample, not of all rows."""

    value: float
    reach: float
    is_sampled: bool = False


def jackknife_of(pair: Counted) -> tuple[float, float]:
    """The standard error and the bias of a distance as the window is a sample: it leaves out GROUPS parts in turn.

    A distance is never negative, so chance makes that of a sample larger on average. Where nothing has moved this bias
    falls with the root of the rows; then the jackknife, which is made for one that falls with the rows, finds half.

    Sources: Quenouille 1956, "Notes on bias in estimation" (Biometrika 43); Efron & Stein 1981, "The jackknife estimate
    of variance" (Annals of Statistics 9).
    """
    known = pair.current >= 0
    groups = np.arange(len(known)) % GROUPS
    places = groups[known] * pair.cells + pair.current[known]
    parts = np.bincount(places, minlength=GROUPS * pair.cells).reshape(GROUPS, pair.cells).astype(np.float64)
    before = np.bincount(pair.reference[pair.reference >= 0], minlength=pair.cells).astype(np.float64)
    every = parts.sum(axis=0)
    without = np.nan_to_num(distance_of_counts(pair, before, every - parts))
    bias = (GROUPS - 1) * (without.mean() - float(np.nan_to_num(distance_of_counts(pair, before, every))))
    return float(np.sqrt(without.var() * (GROUPS - 1))), float(bias)


def _distance(method: Any, reference: npt.NDArray[Any], values: npt.NDArray[Any], counts: IntArray) -> float:
    pair = counted(method, reference, values)
    known = pair.current >= 0
    before = np.bincount(pair.reference[pair.reference >= 0], minlength=pair.cells).astype(np.float64)
    now = np.bincount(pair.current[known], weights=counts[known], minlength=pair.cells)
    return float(distance_of_counts(pair, before, now.astype(np.float64)))
