"""The model beside what was measured: the table, and by how much its p99 may be too low."""

from collections.abc import Mapping, Sequence

from benchmarks.capacity.event_loop import Outcome
from benchmarks.capacity.serving import Cell

# From the capacity on, one percent more or less decides between a short queue and a full one.
BELOW_CAPACITY = 0.9


def allowance(cells: Sequence[Cell]) -> float:
    """The measured p99 by the model's, where that is largest; at least 1. Of the loads below the capacity."""
    below = [one for one in cells if one.times <= BELOW_CAPACITY]
    return max([1.0, *(one.seen.outcome.quantile_ms(0.99) / one.model.quantile_ms(0.99) for one in below)])


def table(cells: Mapping[str, Sequence[Cell]]) -> str:
    """In Markdown: measured, and the model's."""
    lines = [
        "| load | of the capacity | requests/s | answered % | p50 ms | p99 ms | stalls % | client's lateness, p99 ms |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, every in cells.items():
        for one in every:
            seen, model = _figures(one.seen.outcome), _figures(one.model)
            pairs = " | ".join(f"{a} : {b}" for a, b in zip(seen, model, strict=True))
            stalls = f"{100 * one.seen.stalls.share:.1f}" if "replicas" not in name else "drawn"
            lines.append(
                f"| {name} | {one.times:g} × | {one.rate:,.0f} | {pairs} | {stalls} | {one.seen.late_ms:.1f} |"
            )
    return "\n".join(lines)


def _figures(outcome: Outcome) -> tuple[str, str, str]:
    p50, p99 = (f"{outcome.quantile_ms(share):.3g}" for share in (0.5, 0.99))
    return f"{100 * outcome.answered_share:.1f}", p50, p99


def errors(cells: Mapping[str, Sequence[Cell]]) -> str:
    """The largest errors, in a sentence."""
    every = [one for group in cells.values() for one in group]
    below = [one for one in every if one.times <= BELOW_CAPACITY]
    beyond = [one for one in every if one.times > 1]
    off = {
        share: [one.model.quantile_ms(share) / one.seen.outcome.quantile_ms(share) - 1 for one in below]
        for share in (0.5, 0.99)
    }
    answered = [one.model.answered_share / one.seen.outcome.answered_share - 1 for one in beyond]
    return (
        f"Below the capacity the model's p50 is off by {_span(off[0.5])} and its p99 by {_span(off[0.99])}; beyond it "
        f"the answered share by {_span(answered)}."
    )


def _span(off: Sequence[float]) -> str:
    return f"{min(off):+.0%} to {max(off):+.0%}"
