"""Checks that the golden rows test enough of the model: every machine that loads it is tested by them.

`training/fitting/model_folder.py` takes holdout rows at even distances in the order of their scores, and changes every
second one. Which rows it takes may depend on the last bit of a score. These properties may not:

- About half of the golden rows or more are distinct rows of the holdout. Their scores span lowest to highest.
- Each value that may be missing, and each category that may be unknown, is so in some row; so is a date with an offset.

A few rows may be absent: training leaves out those on which another machine may differ by more than the tolerance.
Where the target has a long tail, these may be half of all rows: sums of large terms that almost cancel. The gate knows
them from the winner fitted again, and asks for none of them.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.decision import Check
from contracts.features import Matrix
from contracts.model_folder import Golden
from scoring.scorer import Scorer
from training.fitting.model_folder import GOLDEN_ROWS, GOLDEN_TOLERANCE, golden_changes, scores_of
from training.judging.checks.shared_rows import Hashes, row_hashes
from training.refusals import listed
from training.statistics.metrics import FloatArray
from training.tables import Table

FEWEST = 0.5  # of the rows that training chooses from
FEWEST_UNCHANGED = 0.25
# In ranks of the holdout's scores. Between two unchanged rows there is a tenth, and more where rows had to be left out.
WIDEST_GAP, WIDEST_OF_FEWER = 0.3, 0.5
# With fewer, graph and fit disagree for another reason, and every row is asked for.
LEAST_TESTABLE = 0.25


def golden_check(scorer: Scorer, golden: Golden, holdout: Table, fitted_again: FloatArray | None = None) -> Check:
    """One check for all of golden.json. Raises TableError for a column that the holdout does not have.

    `fitted_again`: predictions of the winner fitted again, [rows, classes] or [rows]; None where that was left out.
    """
    every = holdout.matrix(scorer.card.features)
    matrix = _testable(scorer, every, fitted_again)
    wanted, unchanged = min(GOLDEN_ROWS, len(matrix)), _unchanged(scorer, golden, matrix)
    gap = _widest_gap(*(scores_of(scorer.predict(rows)) for rows in (unchanged, matrix))) if len(unchanged) else 1.0
    untried = sorted(set(_untried(scorer, golden)))
    fewest = FEWEST_UNCHANGED * min(wanted, len(np.unique(_hashes(matrix))))
    changes_a_row = -(-len(golden_changes(scorer.card)) // max(1, wanted // 2))
    share = len(matrix) / max(1, len(every))
    is_enough = len(golden.rows) >= FEWEST * wanted * share and len(unchanged) >= fewest * share
    widest = WIDEST_GAP if share == 1 else WIDEST_OF_FEWER
    return Check(
        name="golden rows",
        passed=is_enough and gap <= widest and len(untried) <= changes_a_row * max(0, wanted - len(golden.rows)),
        seen=f"{len(golden.rows)} rows, {len(unchanged)} of them different rows of the holdout, with up to {gap:.0%} "
        "of its scores between two" + (f"; none tries {listed(untried)} missing or unknown" if untried else ""),
        required=f"about {wanted} rows, half of them of the holdout, from its lowest score to its highest, and every "
        "value missing or unknown that may be",
        remedy="They test too little of the model on another machine: run `make train` again.",
    )


def _testable(scorer: Scorer, matrix: Matrix, fitted_again: FloatArray | None) -> Matrix:
    """The rows that training could choose from."""
    if fitted_again is None or len(fitted_again) != len(matrix):
        return matrix
    wanted, seen = fitted_again.reshape(len(matrix), -1), scorer.predict(matrix).reshape(len(matrix), -1)
    if wanted.shape != seen.shape:
        return matrix
    is_testable = (np.abs(seen - wanted) <= GOLDEN_TOLERANCE / 2 * np.maximum(1, np.abs(wanted))).all(axis=1)
    return matrix[is_testable] if is_testable.mean() >= LEAST_TESTABLE else matrix


def _unchanged(scorer: Scorer, golden: Golden, matrix: Matrix) -> Matrix:
    """float32 [rows, features]: the distinct golden rows that are rows of the holdout."""
    inputs = scorer.encoded([row.inputs for row in golden.rows])
    hashes = _hashes(inputs)
    first = np.unique(hashes, return_index=True)[1]
    return inputs[first[np.isin(hashes[first], _hashes(matrix))]]


def _widest_gap(scores: npt.NDArray[np.float32], every: npt.NDArray[np.float32]) -> float:
    """The largest share of `every` score that lies between two neighbours of `scores`, or beyond them."""
    in_order, ranked = np.sort(scores), np.sort(every)
    below = np.append(np.searchsorted(ranked, in_order, side="left"), len(ranked))
    above = np.concatenate([[0], np.searchsorted(ranked, in_order, side="right")])
    return float((below - above).max()) / len(ranked)


def _untried(scorer: Scorer, golden: Golden) -> Iterator[str]:
    for name, value in golden_changes(scorer.card):
        if not any(name in row.inputs and row.inputs[name] == value for row in golden.rows):
            yield name


def _hashes(matrix: Matrix) -> Hashes:
    names = [str(place) for place in range(matrix.shape[1])]
    return row_hashes(pd.DataFrame(matrix, columns=names), names)
