"""Request logs with repeated rows, or with predictions that do not belong to their rows."""

from collections.abc import Callable

from drills.drill import Plant
from drills.scene import Change, Scene
from drills.served_requests import Probabilities, rows_like_training, serve

OTHER_PREDICTIONS = (
    r"Predictions do not follow from the logged features: of [\d,]+ rows that were scored again, [\d,]+ get"
)


def scored_otherwise(change: Change) -> Plant:
    """A plant: the model was asked with rows that `change` made of the logged ones."""

    def plant(scene: Scene) -> None:
        rows = rows_like_training(scene, 3000)
        serve(scene, rows, labels=False, scored=change(rows))

    return plant


def logged_otherwise(change: Callable[[Probabilities], Probabilities]) -> Plant:
    """A plant: the log has what `change` made of the model's probabilities."""
    return lambda scene: serve(scene, rows_like_training(scene, 3000), labels=False, logged=change)
