"""How many rows a window is worth: a replayed copy, a retry or a bot's one repeated row tells nothing new.

**Known copies.** Where the log says which row of the source a prediction answers (sources-*.jsonl, written by the load
test), each source row counts once.

**Repeats.** Elsewhere the rows themselves tell, measured against the ties that the reference has by nature. The
reference's own counts say how many *distinct* rows so many requests should have: by rarefaction up to its size, and by
Chao's estimate beyond it. A window with fewer is worth as many rows as would show what it has; so of a table without
equal rows each distinct row counts once, and of one whose rows are all combinations of a few categories nothing is
taken away. What goes are the last copies of those rows that are repeated most, compared with the reference. A column
that went missing makes rows equal which are not copies: such columns are left out where the others can tell rows apart.

Sources: Hurlbert 1971, "The nonconcept of species diversity" (Ecology 52) for rarefaction; Colwell et al. 2012, "Models
and estimators linking individual-based and sample-based rarefaction, extrapolation and comparison of assemblages"
(Journal of Plant Ecology 5) for both sides of the curve.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import gammaln

from contracts.model_folder import PREDICTION_COLUMN
from contracts.request_log import NOT_TRAFFIC
from reports.drift.log_reader import RequestWindow
from scoring.distances import counted

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
# Fewer repeats than so many standard deviations above the expected number are chance.
DEVIATIONS = 3.0
# A column of which one value has gained more of the rows says less than it did: it may be stuck, or have gone missing.
GAINED_SHARE = 0.05
# Without such columns, rows must still differ by that share of what they did, or else all columns are looked at.
STILL_DISTINCT = 0.5


def distinct_window(window: RequestWindow, reference: pd.DataFrame) -> RequestWindow:
    """The same with those rows that count; `replayed` and `repeated` say how many went.

    Of copies the earliest with a label stays, or else the earliest.
    """
    is_traffic = window.sources != NOT_TRAFFIC
    window = replace(window.only(is_traffic), requests=window.requests - int((~is_traffic).sum()))
    once = window.only(_first_of(window.sources, _labelled(window)))
    names = [str(name) for name in once.rows if name in reference and name != PREDICTION_COLUMN]
    replayed = len(window.rows) - len(once.rows)
    if once.rows.empty or not names:
        return replace(once, replayed=replayed)
    kept = once.only(independent(*_codes(reference, once.rows, names), _labelled(once)))
    return replace(kept, replayed=replayed, repeated=len(once.rows) - len(kept.rows))


def independent(reference: IntArray, rows: IntArray, preferred: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """[rows]: which of them are worth counting. Codes of whole rows, equal where these are; `preferred` stay first."""
    everything = np.ones(len(rows), dtype=bool)
    cells = int(max(reference.max(initial=0), rows.max())) + 1
    known, seen = np.bincount(reference, minlength=cells), np.bincount(rows, minlength=cells)
    worth = worth_of(known, int((seen > 0).sum()), len(rows))
    if worth >= len(rows):
        return everything
    caps = _caps(known, seen, worth)
    return _turn(rows, preferred) < caps[rows]


def worth_of(known: IntArray, distinct: int, requests: int) -> int:
    """How many independent rows show `distinct` different ones. `known`: how often the reference has each of its own.

    All of the requests, where they have no more repeats than chance explains.
    """
    curve = _Rarefaction(known)
    if distinct >= curve.distinct(requests) - DEVIATIONS * curve.deviation(requests):
        return requests
    low, high = distinct, requests
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if curve.distinct(middle) >= distinct else (middle + 1, high)
    return low


class _Rarefaction:
    """Expected distinct rows of a sample, from the counts of another one."""

    def __init__(self, known: IntArray) -> None:
        self.sizes, self.counts = np.unique(known[known > 0], return_counts=True)
        self.rows, self.observed = int(known.sum()), int(self.counts.sum())
        self.once, twice = (int(self.counts[self.sizes == size].sum()) for size in (1, 2))
        # Rows that the reference has not seen, and the variance of that number: Chao's estimate, bias-corrected.
        pairs = twice + 1
        self.unseen = (self.rows - 1) / self.rows * self.once * (self.once - 1) / (2 * pairs)
        self.unseen_variance = (
            self.once * (self.once - 1) / (2 * pairs)
            + self.once * (2 * self.once - 1) ** 2 / (4 * pairs**2)
            + self.once**2 * twice * (self.once - 1) ** 2 / (4 * pairs**4)
        )

    def distinct(self, rows: int) -> float:
        if rows > self.rows:
            return self.observed + self.unseen * self._found_of_unseen(rows)
        can_be_absent = self.sizes <= self.rows - rows
        left = self.rows - self.sizes[can_be_absent]
        absent = np.exp(
            gammaln(left + 1) - gammaln(left - rows + 1) - gammaln(self.rows + 1) + gammaln(self.rows - rows + 1)
        )
        return self.observed - float(absent @ self.counts[can_be_absent])

    def deviation(self, rows: int) -> float:
        """Of the distinct rows in such a sample, and of what is expected of it."""
        expected = self.distinct(rows)
        # Few repeats come and go by themselves; where most rows repeat, what varies is which rare ones are there.
        varies = 1 + min(rows - expected, self.distinct(2 * rows) - expected)
        scaled = varies * (1 + min(1.0, rows / self.rows) ** 2)
        return float(np.sqrt(scaled + self.unseen_variance * self._found_of_unseen(rows) ** 2))

    def _found_of_unseen(self, rows: int) -> float:
        """The share that more rows than the reference's would find."""
        if rows <= self.rows or not self.unseen:
            return 0.0
        share = self.once / (self.rows * self.unseen + self.once)
        return 1 - float((1 - share) ** (rows - self.rows))


def _caps(known: IntArray, seen: IntArray, worth: int) -> IntArray:
    """How many copies of each row count: in proportion to the reference, at least one, `worth` in all or just less."""
    share = np.maximum(known, 1) / max(1, int(known.sum()))
    low, high = 0.0, float((seen / share).max()) + 1
    for _ in range(60):
        middle = (low + high) / 2
        is_within = np.minimum(seen, np.maximum(1, np.floor(middle * share))).sum() <= worth
        low, high = (middle, high) if is_within else (low, middle)
    return np.maximum(1, np.floor(low * share)).astype(np.int64)


def _turn(rows: IntArray, preferred: npt.NDArray[np.bool_]) -> IntArray:
    """[rows]: which copy of its row each is, from 0; preferred ones come first, then the order of time."""
    order = np.lexsort((np.arange(len(rows)), ~preferred, rows))
    ordered = rows[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    turn = np.empty(len(rows), dtype=np.int64)
    turn[order] = np.arange(len(rows)) - np.repeat(begins, np.diff(np.r_[begins, len(rows)]))
    return turn


def _first_of(sources: IntArray, preferred: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """[rows]: the first prediction of each source row, and those whose row is not known (-1)."""
    if not len(sources):
        return np.ones(0, dtype=bool)
    first: npt.NDArray[np.bool_] = (sources < 0) | (_turn(sources, preferred) == 0)
    return first


def _labelled(window: RequestWindow) -> npt.NDArray[np.bool_]:
    return np.array([one is not None for one in window.answers.actual], dtype=bool)


def _codes(reference: pd.DataFrame, window: pd.DataFrame, names: Sequence[str]) -> tuple[IntArray, IntArray]:
    """[rows of each]: one number a row, equal where whole rows are, by those columns that tell rows apart."""
    columns = {name: _column_codes(reference[name], window[name]) for name in names}
    still = [name for name, codes in columns.items() if _gained(*codes) <= GAINED_SHARE]
    everything = _joined([columns[name] for name in names])
    if not still or len(still) == len(names):
        return everything
    some = _joined([columns[name] for name in still])
    distinct = [len(np.unique(reference_rows)) for reference_rows, _ in (some, everything)]
    return some if distinct[0] >= STILL_DISTINCT * distinct[1] else everything


def _column_codes(reference: pd.Series, window: pd.Series) -> tuple[IntArray, IntArray]:
    """From 1; 0 is a missing number."""
    one = counted("difference", reference.to_numpy(), window.to_numpy())
    return one.reference + 1, one.current + 1


def _gained(reference: IntArray, window: IntArray) -> float:
    """The largest share of the rows that any one value has gained."""
    cells = int(max(reference.max(), window.max())) + 1
    shares = [np.bincount(codes, minlength=cells) / len(codes) for codes in (reference, window)]
    return float((shares[1] - shares[0]).max())


def _joined(columns: Sequence[tuple[IntArray, IntArray]]) -> tuple[IntArray, IntArray]:
    split = len(columns[0][0])
    joined = np.zeros(split + len(columns[0][1]), dtype=np.int64)
    for codes in columns:
        both = np.concatenate(codes)
        _, joined = np.unique(joined * (int(both.max()) + 1) + both, return_inverse=True)
    return joined[:split], joined[split:]
