"""A figure: what was seen, what is required, and whether that holds."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table. `required` is empty where a figure only informs."""

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
    """Four digits, or whole thousands and what is below them."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def none_of(what: str, seen: int, tried: int, of: str) -> Figure:
    """Holds where it happened 0 times, and something was tried at all."""
    return Figure(what, f"{seen:,} of {tried:,} {of}", "0", seen == 0 and tried > 0)


def all_of(what: str, seen: int, tried: int, of: str) -> Figure:
    """Holds where it happened every time, and something was tried at all."""
    return Figure(what, f"{seen:,} of {tried:,} {of}", "all", seen == tried and tried > 0)


def note(what: str, seen: str) -> Figure:
    """What was seen, where nothing is required."""
    return Figure(what, seen, "")


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of `values` does not exceed. Raises ValueError where there is none."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
