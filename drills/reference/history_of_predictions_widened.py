"""The card doubles the past distances of the predictions; every column's are as they were."""

from contracts.model_folder import read_card
from drills.drill import FINDING, drill
from drills.scene import Scene
from testbed.cards import sign


@drill("evaluate", FINDING, r"^Challenger rejected \(history of distances\): .* for prediction;", nightly=True)
def plant(scene: Scene) -> None:
    history = read_card(scene.challenger).history
    wider = [
        one.model_copy(update={"largest": {days: 2 * distance for days, distance in one.largest.items()}})
        if one.column == "prediction"
        else one
        for one in history
    ]
    sign(scene.challenger, history=tuple(wider))
