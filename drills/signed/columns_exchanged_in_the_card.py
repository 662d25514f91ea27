"""The card lists humid before dewp, each with its own range, and the graph reads them as before; golden rows agree."""

from drills.drill import FINDING, drill
from drills.resigned import exchange_in_card
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(fitted again\): the graph's answers are", nightly=True)
def plant(scene: Scene) -> None:
    exchange_in_card(scene.challenger, "dewp", "humid")
