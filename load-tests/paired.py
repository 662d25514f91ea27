"""Compares challenger and champion in interleaved blocks: the ratio of their figures, with its interval.

Each block has three figures: p50 and p95 of the latency from due, and the service's CPU seconds per request. Adjacent
blocks of the plan make a pair, one of each variant, so that slow changes of the machine affect both.
The ratio is the interquartile mean over the pairs, on a log scale; its interval is a bootstrap over the pairs (Efron
and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3: percentiles).

The interquartile mean leaves out pairs that another process disturbed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from latency import from_due_ms, percentile
from plan import CHALLENGER, CHAMPION, Measured, Plan, Sample

from contracts.verdict import LoadRatio

Figure = Literal["p50", "p95", "cpu"]
FIGURES: tuple[Figure, ...] = ("p50", "p95", "cpu")
# One-sided, for each bound: there are three figures, and latencies on a busy machine vary by more than a half.
CONFIDENCE = 0.99
LEFT_OUT = 0.25
DRAWS = 4000
SEED = 7
# Below the resolution of the clocks; it keeps a ratio finite.
LEAST = 0.01


@dataclass(frozen=True)
class BlockFigures:
    """One block of one variant: latencies in ms from due, CPU in µs per request."""

    p50: float
    p95: float
    cpu: float


@dataclass(frozen=True)
class Ratio:
    """Challenger over champion, with one-sided bounds."""

    value: float
    low: float
    high: float


def block_figures(plan: Plan, measured: Measured, variant: int) -> list[BlockFigures]:
    """The variant's blocks, in the order of time."""
    of_block: list[list[Sample]] = [[] for _ in plan.blocks]
    for sample in measured.samples:
        of_block[sample.block].append(sample)
    return [
        _figures(of_block[number], measured.cpu_seconds[number])
        for number, block in enumerate(plan.blocks)
        if block.variant == variant
    ]


def ratios(challenger: Sequence[BlockFigures], champion: Sequence[BlockFigures], limit: float) -> tuple[LoadRatio, ...]:
    """Each figure's ratio; it passes if its lower bound is at most `limit`."""
    return tuple(_ratio(name, challenger, champion, limit) for name in FIGURES)


def of_plan(plan: Plan, measured: Measured, limit: float) -> tuple[LoadRatio, ...]:
    """The ratios of a paired run."""
    return ratios(block_figures(plan, measured, CHALLENGER), block_figures(plan, measured, CHAMPION), limit)


def ratio_of(challenger: Sequence[float], champion: Sequence[float]) -> Ratio:
    """The mean ratio of pairs, and its bootstrap interval. Both sequences [pairs], positive."""
    logs = np.log(np.maximum(challenger, LEAST)) - np.log(np.maximum(champion, LEAST))
    drawn = np.random.default_rng(SEED).integers(len(logs), size=(DRAWS, len(logs)))
    low, high = np.quantile(_interquartile_mean(logs[drawn]), [1 - CONFIDENCE, CONFIDENCE])
    return Ratio(float(np.exp(_interquartile_mean(logs))), float(np.exp(low)), float(np.exp(high)))


def _interquartile_mean(logs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[..., pairs] to [...]: without the largest and the smallest quarter."""
    pairs = logs.shape[-1]
    left_out = int(LEFT_OUT * pairs)
    middle: npt.NDArray[np.float64] = np.sort(logs, axis=-1)[..., left_out : pairs - left_out].mean(axis=-1)
    return middle


def _ratio(
    name: Figure, challenger: Sequence[BlockFigures], champion: Sequence[BlockFigures], limit: float
) -> LoadRatio:
    ours = [float(getattr(one, name)) for one in challenger]
    theirs = [float(getattr(one, name)) for one in champion]
    seen = ratio_of(ours, theirs)
    return LoadRatio(
        figure=name,
        unit="us" if name == "cpu" else "ms",
        challenger=round(float(np.median(ours)), 3),
        champion=round(float(np.median(theirs)), 3),
        ratio=round(seen.value, 4),
        low=round(seen.low, 4),
        high=round(seen.high, 4),
        passed=seen.low <= limit,
    )


def _figures(samples: Sequence[Sample], cpu_seconds: float) -> BlockFigures:
    latencies = from_due_ms(samples)
    cpu = 1e6 * cpu_seconds / len(samples)
    return BlockFigures(percentile(latencies, 0.50), percentile(latencies, 0.95), cpu)
