"""A deployer that is killed when a step has begun, and run again: on a real cluster, under load.

The table of docs/scale.md is made of what each of them prints.
"""

import pytest

from tests.rollouts import scenarios
from tests.rollouts.scenarios import Row
from tests.scale.kubernetes.arena import ClusterArena

STEPS = (
    "lock", "settle", "admit", "pull", "start", "ready", "golden", "enter", "canary 50 %", "switch", "drain", "watch",
    "commit", "retire", "tag",
)  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_a_deployer_killed_at_any_step_and_run_again_converges(stage: ClusterArena, told: list[Row], step: str) -> None:
    told += scenarios.killed_at(stage, step)
