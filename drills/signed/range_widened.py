"""The card says that half of the temperatures were missing in training, so they may be missing now."""

from contracts.model_folder import read_card
from drills.drill import FINDING, drill
from drills.scene import Scene
from testbed.cards import sign


@drill("evaluate", FINDING, r"^Challenger rejected \(description of the data\): .* of temp;", nightly=True)
def plant(scene: Scene) -> None:
    features = read_card(scene.challenger).features
    changed = [one.model_copy(update={"missing_share": 0.5}) if one.name == "temp" else one for one in features]
    sign(scene.challenger, features=tuple(changed))
