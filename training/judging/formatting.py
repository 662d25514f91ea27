"""Formats figures for sentences and tables, with just enough digits to show a difference."""

import math

from contracts.decision import Comparison, Interval

SIGNIFICANT_DIGITS = 6
MOST_DECIMALS = 9


def rounded(value: float) -> float:
    """Six significant digits, as a decision stores them: the last bits differ between processors."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0.0  # + 0.0 turns -0.0 into 0.0


def figure(value: float, decimals: int = 3) -> str:
    """`0.871`, `1,234.5`: fixed decimals, thousands separated, and zero without a sign."""
    return f"{round(value, decimals) + 0.0:,.{decimals}f}"


def signed(value: float, decimals: int = 3) -> str:
    """`+0.013`, `-0.013`, `0.000`."""
    text = figure(value, decimals)
    return f"+{text}" if round(value, decimals) > 0 else text


def bounds(interval: Interval, decimals: int = 3) -> str:
    """`[-0.017, -0.009]`."""
    return f"[{figure(interval.low, decimals)}, {figure(interval.high, decimals)}]"


def percent(share: float) -> str:
    """`4.2 %`; a share too small for that is `under 0.1 %`, not 0."""
    return "under 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def decimals_of(comparison: Comparison) -> int:
    """Decimals that show both models, the spread of their difference, and on which side of the margin it ends."""
    models = [comparison.challenger, *([comparison.champion] if comparison.champion else [])]
    decimals = _decimals(max(abs(model.value) for model in models))
    if comparison.difference is not None:
        decimals = max(decimals, _first_digit(comparison.difference.high - comparison.difference.low))
    if comparison.margin is not None:
        decimals = max(decimals, _first_digit(comparison.margin))
        decimals = _until_distinct(comparison.difference, comparison.margin, decimals)
    return min(decimals, MOST_DECIMALS)


def decimals_to_tell_apart(value: float, bound: float) -> int:
    """Enough decimals to show that a value differs from its bound."""
    decimals = max(_decimals(max(abs(value), abs(bound))), _first_digit(bound))
    while value != bound and figure(value, decimals) == figure(bound, decimals) and decimals < MOST_DECIMALS:
        decimals += 1
    return decimals


def _decimals(scale: float) -> int:
    """Three decimals, fewer from 10 on, more below 0.01: about three significant digits."""
    if scale == 0:
        return 3
    magnitude = math.floor(math.log10(scale))
    return max(0, 3 - max(0, magnitude)) if magnitude >= -2 else 2 - magnitude


def _first_digit(value: float) -> int:
    """Decimals up to the first digit that is not 0."""
    return max(0, -math.floor(math.log10(abs(value)))) if value else 0


def _until_distinct(difference: Interval | None, margin: float, decimals: int) -> int:
    if difference is None:
        return decimals
    return max(
        decimals,
        *(decimals_to_tell_apart(abs(end), margin) for end in (difference.low, difference.high) if _close(end, margin)),
        0,
    )


def _close(end: float, margin: float) -> bool:
    return margin > 0 and abs(abs(end) / margin - 1) < 0.05
