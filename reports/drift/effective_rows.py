"""Reduces a window to its effective rows: replayed copies, retries or a bot's repeated row add no information.

**Known copies.** If the log says which row of the source a prediction answers (sources-*.jsonl, written by the load
test), each source row counts once.

**Repeats.** Otherwise the rows are compared with the reference, which may have equal rows by nature. The reference's
counts give the number of *distinct* rows to expect in so many requests: by rarefaction up to its size, by Chao's
estimate beyond it. A window with fewer distinct rows has as many effective rows as one would expect to show that many.
So in a table without equal rows each distinct row counts once, and in one whose rows are combinations of a few
categories all rows count. Removed are the last copies of the rows that are repeated most, compared with the reference.
A column that went missing makes different rows equal: such columns are ignored if the others can tell rows apart.

**Groups.** If the reference has groups, rows of one group may be equal by nature, such as a person's four trips whose
features only describe the person. In the search for repeats they count as one, and all of them are kept.

Sources: Hurlbert 1971, "The nonconcept of species diversity" (Ecology 52) for rarefaction; Colwell et al. 2012, "Models
and estimators linking individual-based and sample-based rarefaction, extrapolation and comparison of assemblages"
(Journal of Plant Ecology 5) for both sides of the curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import gammaln

from contracts.data_manifest import CLUSTER_COLUMN
from contracts.model_folder import PREDICTION_COLUMN
from contracts.request_log import NOT_TRAFFIC
from reports.drift.log_reader import RequestWindow
from scoring.distances import counted

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
# So few standard deviations below the expected number of distinct rows are chance.
DEVIATIONS = 3.0
# A column in which one value's share has grown by more than this may be stuck or have gone missing.
MOST_GROWTH = 0.05
# Without such columns this share of the distinct reference rows must remain; otherwise all columns count.
KEPT_DISTINCT = 0.5


def distinct_window(window: RequestWindow, reference: pd.DataFrame) -> RequestWindow:
    """The window with its effective rows; `replayed` and `repeated` count the removed ones.

    Of equal rows the earliest with a label is kept, or else the earliest.
    """
    is_traffic = window.sources != NOT_TRAFFIC
    window = replace(window.only(is_traffic), requests=window.requests - int((~is_traffic).sum()))
    once = window.only(_first_of(window.sources, _labelled(window)))
    names = compared_names(once.rows, reference)
    replayed = len(window.rows) - len(once.rows)
    if once.rows.empty or not names:
        return replace(once, replayed=replayed)
    codes = row_codes(reference, once.rows, names)
    if CLUSTER_COLUMN in reference:
        groups = reference[CLUSTER_COLUMN].to_numpy()
        is_kept = _independent_of_groups(codes.reference, codes.window, groups, once.groups, _labelled(once))
    else:
        is_kept = independent(codes.reference, codes.window, _labelled(once))
    kept = once.only(is_kept)
    return replace(kept, replayed=replayed, repeated=len(once.rows) - len(kept.rows))


def compared_names(rows: pd.DataFrame, reference: pd.DataFrame) -> list[str]:
    """The features that both tables have."""
    return [str(name) for name in rows if name in reference and name != PREDICTION_COLUMN]


def independent(reference: IntArray, rows: IntArray, preferred: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """[rows]: which rows are kept, `preferred` ones first. reference, rows: a code for each row, one for equal rows."""
    everything = np.ones(len(rows), dtype=bool)
    cells = int(max(reference.max(initial=0), rows.max())) + 1
    known, seen = np.bincount(reference, minlength=cells), np.bincount(rows, minlength=cells)
    effective = effective_count(known, int((seen > 0).sum()), len(rows))
    if effective >= len(rows):
        return everything
    caps = _caps(known, seen, effective)
    return _copy_numbers(rows, preferred) < caps[rows]


def _independent_of_groups(
    reference: IntArray,
    rows: IntArray,
    groups: IntArray,
    window_groups: IntArray | None,
    labelled: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """[rows]: which rows are kept, equal rows of one group as one. groups: [reference rows]; window_groups: [rows]."""
    _, first = np.unique(np.stack([groups, reference]), axis=1, return_index=True)
    if window_groups is None:
        # The groups are unknown: of equal rows as many are of one group as in the reference.
        window_groups = _copy_numbers(rows, labelled) // max(1, round(len(reference) / len(first)))
    _, shown, pair = np.unique(np.stack([window_groups, rows]), axis=1, return_index=True, return_inverse=True)
    kept: npt.NDArray[np.bool_] = independent(reference[first], rows[shown], labelled[shown])
    return kept[pair]


def effective_count(known: IntArray, distinct: int, requests: int) -> int:
    """The number of effective rows, given the number of distinct ones. known: the reference's count of each row.

    All requests count if chance explains their repeats.
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
    """The expected number of distinct rows in a sample, from the counts of another sample."""

    def __init__(self, known: IntArray) -> None:
        self.sizes, self.counts = np.unique(known[known > 0], return_counts=True)
        self.rows, self.observed = int(known.sum()), int(self.counts.sum())
        self.once, twice = (int(self.counts[self.sizes == size].sum()) for size in (1, 2))
        # The number of unseen distinct rows, and its variance: Chao's estimate, bias-corrected.
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
        """The standard deviation of observed minus expected distinct rows."""
        expected = self.distinct(rows)
        # With few repeats their number varies; if most rows repeat, the number of rare rows does.
        varies = 1 + min(rows - expected, self.distinct(2 * rows) - expected)
        scaled = varies * (1 + min(1.0, rows / self.rows) ** 2)
        return float(np.sqrt(scaled + self.unseen_variance * self._found_of_unseen(rows) ** 2))

    def _found_of_unseen(self, rows: int) -> float:
        """The share of the unseen rows that a sample larger than the reference would contain."""
        if rows <= self.rows or not self.unseen:
            return 0.0
        share = self.once / (self.rows * self.unseen + self.once)
        return 1 - float((1 - share) ** (rows - self.rows))


def _caps(known: IntArray, seen: IntArray, effective: int) -> IntArray:
    """How many copies of each row are kept: in proportion to the reference, at least one, `effective` in all."""
    share = np.maximum(known, 1) / max(1, int(known.sum()))
    low, high = 0.0, float((seen / share).max()) + 1
    for _ in range(60):
        middle = (low + high) / 2
        is_within = np.minimum(seen, np.maximum(1, np.floor(middle * share))).sum() <= effective
        low, high = (middle, high) if is_within else (low, middle)
    return np.maximum(1, np.floor(low * share)).astype(np.int64)


def _copy_numbers(rows: IntArray, preferred: npt.NDArray[np.bool_]) -> IntArray:
    """[rows]: the number of each copy among equal rows, from 0: preferred ones first, then in order of time."""
    order = np.lexsort((np.arange(len(rows)), ~preferred, rows))
    ordered = rows[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    numbers = np.empty(len(rows), dtype=np.int64)
    numbers[order] = np.arange(len(rows)) - np.repeat(begins, np.diff(np.r_[begins, len(rows)]))
    return numbers


def _first_of(sources: IntArray, preferred: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """[rows]: whether it is the first prediction of its source row, or its source row is unknown (-1)."""
    if not len(sources):
        return np.ones(0, dtype=bool)
    first: npt.NDArray[np.bool_] = (sources < 0) | (_copy_numbers(sources, preferred) == 0)
    return first


def _labelled(window: RequestWindow) -> npt.NDArray[np.bool_]:
    return np.array([one is not None for one in window.answers.actual], dtype=bool)


@dataclass(frozen=True)
class RowCodes:
    """A code for each row [rows] of both tables, the same for rows that are equal in `columns`."""

    columns: tuple[str, ...]
    reference: IntArray
    window: IntArray


def row_codes(reference: pd.DataFrame, window: pd.DataFrame, names: Sequence[str]) -> RowCodes:
    """Codes by the columns that tell rows apart."""
    columns = {name: _column_codes(reference[name], window[name]) for name in names}
    steady = [name for name, codes in columns.items() if _growth(*codes) <= MOST_GROWTH]
    everything = RowCodes(tuple(names), *_joined([columns[name] for name in names]))
    if not steady or len(steady) == len(names):
        return everything
    some = RowCodes(tuple(steady), *_joined([columns[name] for name in steady]))
    distinct = [len(np.unique(one.reference)) for one in (some, everything)]
    return some if distinct[0] >= KEPT_DISTINCT * distinct[1] else everything


def _column_codes(reference: pd.Series, window: pd.Series) -> tuple[IntArray, IntArray]:
    """Codes of values, from 1; 0 is a missing number."""
    one = counted("difference", reference.to_numpy(), window.to_numpy())
    return one.reference + 1, one.current + 1


def _growth(reference: IntArray, window: IntArray) -> float:
    """The largest growth of a single value's share."""
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
