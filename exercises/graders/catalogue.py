"""The exercises in their order, by the number that a learner types."""

from exercises.graders.checks import api, drill, image, monitoring, project, read_a_run
from exercises.graders.grading import Exercise

EXERCISES: tuple[Exercise, ...] = (
    read_a_run.EXERCISE,
    api.EXERCISE,
    image.EXERCISE,
    monitoring.EXERCISE,
    drill.EXERCISE,
)
PROJECT: Exercise = project.EXERCISE
EVERYTHING = (*EXERCISES, PROJECT)


def find(number: str) -> Exercise | None:
    """The exercise of a number, or None."""
    return next((one for one in EVERYTHING if number in (one.number, one.folder)), None)
