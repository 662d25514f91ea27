"""The card lists humid before dewp, each with its own range, but the graph reads dewp first; golden rows agree."""

from drills.drill import FINDING, drill
from drills.model_evidence import swap_columns_in_card
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(fitted again\): the graph's answers are", nightly=True)
def plant(scene: Scene) -> None:
    swap_columns_in_card(scene.challenger, "dewp", "humid")
