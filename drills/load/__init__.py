"""Faults of the service under load: the real service starts with one planted fault (`planted/`)."""

from pathlib import Path

from drills.commands import CHECKOUT
from drills.drill import Plant
from drills.scene import Scene

PLANTED = Path(__file__).parent / "planted"


def serves_with(fault: str) -> dict[str, str]:
    """The variables with which `make load-test` gives the challenger's service this fault. The champion's has none."""
    # Safe path: otherwise Python looks in the working directory, the checkout, before all of these.
    search = ":".join(map(str, (PLANTED, CHECKOUT, CHECKOUT / "load-tests")))
    return {"PYTHONPATH": search, "PYTHONSAFEPATH": "1", "DRILL_FAULT": fault}


def served_alone(fault: str) -> Plant:
    """A plant: the challenger's service has this fault, and is loaded without a champion."""

    def plant(scene: Scene) -> None:
        scene.forget_champion()
        scene.environment.update(serves_with(fault))

    return plant


def beside_the_champion(fault: str, seconds: float) -> Plant:
    """A plant: the challenger's service has this fault, and is compared with the champion's for so long."""

    def plant(scene: Scene) -> None:
        scene.prepare("load.seconds", seconds)
        scene.environment.update(serves_with(fault))

    return plant
