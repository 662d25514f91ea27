"""The card has no history of one column, so that every season of it would be drift."""

from contracts.model_folder import read_card
from drills.drill import FINDING, drill
from drills.scene import Scene
from testbed.cards import sign


@drill("evaluate", FINDING, r"^Challenger rejected \(history of distances\): .* for temp;", nightly=True)
def plant(scene: Scene) -> None:
    sign(scene.challenger, history=tuple(one for one in read_card(scene.challenger).history if one.column != "temp"))
