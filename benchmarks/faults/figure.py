"""A figure: the measured value, the requirement, and whether it holds."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table. `required` is empty for a figure that only informs."""

    what: str
    seen: str
    required: str
    holds: bool = True

    def __str__(self) -> str:
        if not self.required:
            return f"  note    {self.what}: {self.seen}"
        return f"  {'holds ' if self.holds else 'MISSED'}  {self.what}: {self.seen}; required: {self.required}"


def at_most(what: str, seen: float, limit: float, unit: str = "") -> Figure:
    """Holds where `seen` ≤ `limit`."""
    return Figure(what, f"{_number(seen)}{unit}", f"≤ {_number(limit)}{unit}", seen <= limit)


def at_least(what: str, seen: float, limit: float, unit: str = "") -> Figure:
    """Holds where `seen` ≥ `limit`."""
    return Figure(what, f"{_number(seen)}{unit}", f"≥ {_number(limit)}{unit}", seen >= limit)


def _number(value: float) -> str:
    """Four significant digits; from 1,000 on a whole number."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def none_of(what: str, seen: int, tried: int, of: str) -> Figure:
    """Holds if it never happened, in at least one try."""
    return Figure(what, f"{seen:,} of {tried:,} {of}", "0", seen == 0 and tried > 0)


def all_of(what: str, seen: int, tried: int, of: str) -> Figure:
    """Holds if it happened every time, in at least one try."""
    return Figure(what, f"{seen:,} of {tried:,} {of}", "all", seen == tried and tried > 0)


def note(what: str, seen: str) -> Figure:
    """A figure without a requirement."""
    return Figure(what, seen, "")


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of `values` does not exceed. Raises ValueError if there are no values."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
