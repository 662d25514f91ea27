"""Round values for an axis."""

import math


def value_ticks(low: float, high: float) -> list[float]:
    """Three to six round values, of which the first and the last enclose both ends."""
    least = 1e-6 * max(abs(low), abs(high), 1e-6)
    if high - low < least:
        reach = 0.1 * abs(high) or 1.0
        low, high = low - reach, high + reach
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]
