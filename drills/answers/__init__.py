"""Answers that look right one by one: other routes, ids, the request log, and which rows were asked."""

from drills.load import serves_with
from drills.scene import Scene

OTHER_FEATURES = r"number of faults of the request log was [\d,]+; [\d,]+ × records with other features than were sent"


def serve_alone_with(scene: Scene, fault: str) -> None:
    """Let the challenger's service have this fault, in a short load without a champion."""
    scene.forget_champion()
    scene.prepare("load.seconds", 8.0)
    scene.environment.update(serves_with(fault))
