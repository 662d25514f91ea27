"""`make releases`: every release, newest first, with its time, reason, and measurements during the deploy."""

from contracts.release import Entry, State

DASH = "–"


def table(state: State) -> str:
    """A table for the terminal; a sentence where nothing was deployed."""
    if state.current is None:
        return "Nothing was deployed here yet: `make deploy IMAGE=name@sha256:…`."
    rows: list[tuple[str, ...]] = [
        ("when (UTC)", "what", "image", "model", "p50 ms", "p95 ms", "failed", "took s", "by", "why")
    ]
    rows += [_row(entry, state) for entry in reversed(state.entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(entry: Entry, state: State) -> tuple[str, ...]:
    last = entry.compared[-1].new if entry.compared else None
    p50, p95, failed = (last.p50_ms, last.p95_ms, last.error_share) if last else (None, None, None)
    name, _, digest = entry.image.rpartition("@")
    return (
        entry.at[:19].replace("T", " "),
        entry.action + _mark(entry, state),
        f"{name.rpartition('/')[2]}@{digest[:19]}" if name else digest[:19],
        entry.model[:19],
        DASH if p50 is None else f"{p50:g}",
        DASH if p95 is None else f"{p95:g}",
        DASH if failed is None else f"{failed:.2%}",
        f"{entry.seconds:g}",
        entry.by,
        entry.decision,
    )


def _mark(entry: Entry, state: State) -> str:
    if entry is state.entries[-1]:
        return " (serves)"
    return ""
