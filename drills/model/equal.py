"""Control: the challenger is trained without one in a hundred of the champion's rows; it must pass as equivalent."""

import numpy as np

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("evaluate", PASS, r"^Challenger promoted: .* is within the margin")
def plant(scene: Scene) -> None:
    is_learned = ~scene.is_from_holdout_on.to_numpy()
    scene.source(lambda table: table[~(is_learned & (np.arange(len(table)) % 100 == 50))])
    scene.run("data", "train")
