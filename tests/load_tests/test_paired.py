"""The ratio of two variants: what it is, how sure, and in which order they are loaded."""

import numpy as np
import pytest
from paired import BlockFigures, block_figures, ratio_of, ratios
from plan import Measured, Plan, Sample, Variant, interleaved

BLOCKS = 20


def noisy(scale: float, seed: int, noise: float = 0.05) -> list[float]:
    drawn = np.random.default_rng(seed).normal(0, noise, BLOCKS)
    return [float(one) for one in scale * np.exp(drawn)]


def blocks(scale: float, seed: int) -> list[BlockFigures]:
    return [BlockFigures(*one) for one in zip(noisy(scale, seed), noisy(scale, seed), noisy(scale, seed), strict=True)]


def test_the_order_is_a_b_b_a_and_each_arm_has_as_many_blocks() -> None:
    order = [block.variant for block in interleaved(9, 100, 1.0, 0.1)]
    assert order[:8] == [0, 1, 1, 0, 0, 1, 1, 0]
    assert order.count(0) == order.count(1) == 9


def test_the_mean_time_of_both_arms_is_the_same() -> None:
    begins = [
        [block.begin_s for block in interleaved(10, 100, 1.0, 0.1) if block.variant == variant] for variant in (0, 1)
    ]
    assert np.mean(begins[0]) == pytest.approx(np.mean(begins[1]))


def test_nothing_is_due_in_the_gap_between_two_blocks() -> None:
    plan = Plan(
        requests_per_second=100, connections=2, warmup_seconds=0.1, blocks=interleaved(8, 10, 0.1, 0.05),
        variants=(Variant(model="a", requests=()), Variant(model="b", requests=())),
    )  # fmt: skip
    due = sorted(one.due_s for variant in (0, 1) for one in plan.timetable(variant) if one.block >= 0)
    assert len(due) == 2 * 8 * 10
    assert max(np.diff(due)) == pytest.approx(0.06)
    assert [one.number for one in plan.timetable(1)] == list(range(90))


def test_equal_arms_have_a_ratio_near_one_within_its_interval() -> None:
    seen = ratio_of(noisy(1.0, seed=1), noisy(1.0, seed=2))
    assert seen.low < 1 < seen.high
    assert seen.high / seen.low < 1.12


def test_a_fifth_more_is_significantly_beyond_a_tenth() -> None:
    seen = ratio_of(noisy(1.2, seed=1), noisy(1.0, seed=2))
    assert seen.low > 1.10
    assert seen.value == pytest.approx(1.2, abs=0.05)


def test_what_slows_both_arms_of_a_pair_is_not_in_the_ratio() -> None:
    slope = np.linspace(1, 5, BLOCKS)
    seen = ratio_of(list(1.1 * slope), list(slope))
    assert [seen.low, seen.high] == pytest.approx([1.1, 1.1])


def test_three_disturbed_blocks_do_not_make_a_slower_service() -> None:
    disturbed = noisy(1.0, seed=1)
    disturbed[3] = disturbed[9] = disturbed[15] = 50.0
    assert ratio_of(disturbed, noisy(1.0, seed=2)).low < 1.05


def test_few_noisy_blocks_do_not_say_more_than_they_know() -> None:
    generator = np.random.default_rng(3)
    called = sum(
        ratio_of(*[list(np.exp(generator.normal(0, 0.3, 8))) for _ in range(2)]).low > 1.10 for _ in range(200)
    )
    assert called <= 20


def test_a_figure_of_nothing_is_no_division_by_zero() -> None:
    assert ratio_of([0.0] * 8, [0.0] * 8).value == 1.0


def test_each_figure_has_its_own_ratio_and_says_whether_it_passed() -> None:
    seen = {one.figure: one for one in ratios(blocks(1.3, seed=1), blocks(1.0, seed=2), limit=1.1)}
    assert set(seen) == {"p50", "p95", "cpu"}
    assert not any(one.passed for one in seen.values())
    assert all(one.passed for one in ratios(blocks(1.0, seed=1), blocks(1.0, seed=2), limit=1.1))


def test_a_blocks_figures_are_those_of_its_own_samples() -> None:
    plan = Plan(
        requests_per_second=10, connections=1, warmup_seconds=0, blocks=interleaved(8, 10, 1.0, 0.1),
        variants=(Variant(model="a", requests=()), Variant(model="b", requests=())),
    )  # fmt: skip
    samples = tuple(
        Sample(number, block.begin_s, block.begin_s, block.begin_s + 0.001 * (1 + number), "")
        for number, block in enumerate(plan.blocks) for _ in range(10)
    )  # fmt: skip
    measured = Measured(samples=samples, cpu_seconds=(0.001,) * 16, resident_mb=((1, 1), (1, 1)))
    assert [one.p50 for one in block_figures(plan, measured, 0)] == [1, 4, 5, 8, 9, 12, 13, 16]
    assert [one.p95 for one in block_figures(plan, measured, 1)] == [2, 3, 6, 7, 10, 11, 14, 15]
    assert block_figures(plan, measured, 0)[0].cpu == pytest.approx(100)
