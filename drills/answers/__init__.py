"""Faults that single wrong answers do not show: batch routes, ids, the request log, the replayed rows."""

from drills.drill import Plant
from drills.load import served_alone
from drills.scene import Scene

OTHER_FEATURES = r"number of faults of the request log was [\d,]+; [\d,]+ × records with other features than were sent"


def served_briefly(fault: str) -> Plant:
    """A plant: the challenger's service has this fault, in a short load without a champion."""

    def plant(scene: Scene) -> None:
        scene.prepare("load.seconds", 8.0)
        served_alone(fault)(scene)

    return plant
