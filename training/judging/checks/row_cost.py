"""Measures the time of one row on this machine: the one figure of the gate that varies from run to run.

So it is written to `latency.json`, and the decision says only whether it is within gate.max_row_us.
"""

import statistics
import time
from collections.abc import Sequence

from contracts.model_folder import GoldenRow
from contracts.schema import Schema
from scoring.scorer import Scorer

BATCHES = 5
CALLS_A_BATCH = 60


class RowCost(Schema):
    """`build/evaluate/latency.json`: microseconds from named values to an answer, the median of the fastest batch."""

    row_us: float
    limit_us: float
    batches: int = BATCHES
    calls_a_batch: int = CALLS_A_BATCH


def measure_row_cost(scorer: Scorer, rows: Sequence[GoldenRow], limit_us: float) -> RowCost:
    """Score golden rows one at a time. The fastest of several batches counts: other processes can only slow it."""
    medians = [statistics.median(_batch_us(scorer, rows)) for _ in range(BATCHES)]
    return RowCost(row_us=round(min(medians), 1), limit_us=limit_us)


def _batch_us(scorer: Scorer, rows: Sequence[GoldenRow]) -> list[float]:
    spent = []
    for call in range(CALLS_A_BATCH):
        inputs = rows[call % len(rows)].inputs
        started = time.perf_counter_ns()
        scorer.predict(scorer.encoded([inputs]))
        spent.append((time.perf_counter_ns() - started) / 1000)
    return spent
