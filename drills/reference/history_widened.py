"""The card triples the past distances of every column, so that drift would never alarm."""

from contracts.model_folder import read_card
from drills.drill import FINDING, drill
from drills.scene import Scene
from testbed.cards import sign


@drill("evaluate", FINDING, r"^Challenger rejected \(history of distances\): model\.json has other distances for ")
def plant(scene: Scene) -> None:
    wider = [
        one.model_copy(update={"largest": {days: 3 * distance for days, distance in one.largest.items()}})
        for one in read_card(scene.challenger).history
    ]
    sign(scene.challenger, history=tuple(wider))
