"""float64 thresholds as float32, chosen so that every float32 number stays on the same side."""

import numpy as np
import numpy.typing as npt


def floor32(thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The largest float32 that is not above each threshold: `x <= t` and `x <= floor32(t)` agree for float32 x."""
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(np.float32)
    return np.where(nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest)
