"""How figures are written in a sentence: shares out of a hundred, numbers with their significant digits."""

import math
from collections.abc import Callable

from contracts.decision import Interval

DIGITS = 3
MINUS = "−"
Form = Callable[[float], str]


def number(value: float) -> str:
    """`0.0712`, `53.2`, `12,340`: three significant digits, or all before the point, thousands separated."""
    decimals = DIGITS - 1 - _magnitude(value)
    if not -12 <= decimals <= 9:
        return f"{value:.2e}".replace("-", MINUS)
    return f"{value:,.{max(0, decimals)}f}".replace("-", MINUS) if value else "0"


def form_of(seen: Interval, *, with_sign: bool = False) -> Form:
    """The format of this interval's figures: to two digits of its width, so that its ends differ."""
    width = seen.high - seen.low
    decimals = min(max(0, 1 - _magnitude(width)), 9)

    def written(value: float) -> str:
        text = f"{abs(value):,.{decimals}f}" if width else number(abs(value))
        is_zero = not text.strip("0.,")
        sign = "" if is_zero else MINUS if value < 0 else "+" if with_sign else ""
        return sign + text

    return written


def spoken(seen: Interval, *, with_sign: bool = False) -> str:
    """`0.743 (0.725 to 0.760)`."""
    form = form_of(seen, with_sign=with_sign)
    return f"{form(seen.value)}{between(seen, form)}"


def between(seen: Interval, form: Form) -> str:
    """` (67 to 82)`: both ends of an interval in the same form."""
    return f" ({form(seen.low)} to {form(seen.high)})"


def percent(share: float) -> str:
    """`6 %`, `0.4 %`: of the absolute value, because the sentence gives the direction."""
    hundredths = 100 * abs(share)
    return f"{hundredths:.0f} %" if hundredths >= 1 else f"{hundredths:.1g} %"


def out_of(seen: Interval) -> tuple[int, Form]:
    """The denominator of a share (100; 1,000 or more near 0 and 1) and the format of its numerator."""
    room = min(seen.value, 1 - seen.value)
    scale = 100 if room >= 0.02 else 1000 if room >= 0.002 else 10_000
    return scale, lambda share: f"{round(scale * min(max(share, 0.0), 1.0)):,}"


def _magnitude(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value else 0
