"""A proportion with its confidence interval."""

from dataclasses import dataclass

from scipy.stats import binomtest

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Proportion:
    """`count` of `total`, with the ends of Wilson's interval (Wilson 1927, JASA 22), two-sided, 95 %."""

    count: int
    total: int

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.count / self.total

    @property
    def ends(self) -> tuple[float, float]:
        """The lower and the upper end. Raises ValueError if total is 0, where scipy 1.18 gives NaN."""
        if not self.total:
            raise ValueError("a share of 0 has no interval: the total must be at least 1")
        interval = binomtest(self.count, self.total).proportion_ci(CONFIDENCE, method="wilson")
        return float(interval.low), float(interval.high)

    def __str__(self) -> str:
        low, high = self.ends
        return f"{_percent(self.share)} % [{_percent(low)}, {_percent(high)}]"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if share < 0.1 else f"{100 * share:.0f}"
