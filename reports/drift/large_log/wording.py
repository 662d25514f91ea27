"""How a large log was judged, as part of the verdict: figures, and the sentences that say them."""

from collections.abc import Iterator

import numpy as np

from contracts.verdict import ColumnComparison, LargeLog
from reports.drift.comparison import Compared
from reports.drift.log_reader import RequestWindow

METHOD = (
    "the requests whose MD5 of data.seed and id is smallest; a sampled distance's error is the jackknife's over 20 "
    "parts of the sample, times 2.86, and twice its bias"
)
MOST_NAMED = 6


def large_log_of(window: RequestWindow, compared: Compared, reference_rows: int) -> LargeLog | None:
    """None where all rows were compared."""
    whole = window.whole
    if whole is None:
        return None
    reaches = {one.column: one.reach for one in compared.sampled}
    lower = 1 - 1 / float(np.sqrt(1 + reference_rows / max(1, len(window.rows))))
    close = [
        one.column
        for one in compared.columns
        if abs(one.distance - one.threshold) <= reaches[one.column] + _slack(one, lower)
    ]
    return LargeLog(
        requests=whole.requests, sampled=whole.drawn, method=METHOD,
        on_all_rows=sum(one.is_of_all_rows for one in compared.sampled), distances=compared.sampled,
        close=tuple(close), distinct_rows=whole.distinct, distinct_error=whole.distinct_error,
    )  # fmt: skip


def notes_of(window: RequestWindow, large: LargeLog | None) -> Iterator[str]:
    """What was counted, what was sampled, and how far off that may be."""
    if large is None or window.whole is None:
        return
    sampled = len(large.distances) - large.on_all_rows
    reach = max((one.reach for one in large.distances), default=0.0)
    yield (
        f"A large log: {large.requests:,} requests were read, and {large.sampled:,} drawn ({large.method}). "
        f"{large.on_all_rows} distances are of all rows; {sampled}, the thresholds and all that labels tell are of the "
        f"sample. A distance is at most {reach:.2g} from that of all rows (99 %)."
    )
    if not window.whole.decides:
        yield (
            f"The sample without repeats decides, not all rows, because {window.whole.doubled:.1%} of the requests "
            "repeat others."
        )
    if large.close:
        yield f"All rows could say otherwise of what is so near to its threshold: {_named(large.close)}."
    within = f"within {large.distinct_error:.1%} (99 %), by a sample of their hashes" * bool(large.distinct_error)
    yield f"{large.distinct_rows:,} of the rows are distinct{', ' * bool(within)}{within}."
    if window.repeated_ids:
        yield "How many ids are repeated is estimated from the sample, which has every record of an id or none."


def _slack(column: ColumnComparison, lower: float) -> float:
    """By how much all rows' threshold is below the sample's: chance alone depends on the number of rows."""
    return column.threshold * lower if column.threshold == column.by_chance else 0.0


def _named(columns: tuple[str, ...]) -> str:
    more = [f"{len(columns) - MOST_NAMED} more"] if len(columns) > MOST_NAMED else []
    return ", ".join([*columns[:MOST_NAMED], *more])
