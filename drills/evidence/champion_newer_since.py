"""After all stages passed, another model becomes the champion: the challenger was never compared with it."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from testbed.cards import sign


@drill(
    "promote",
    FINDING,
    r"^Not promoted: evaluate compared with champion sha256:[0-9a-f]+; sha256:[0-9a-f]+ is the champion now "
    r"\(champion-moved\)\. load-test compared .* Judge again: `make evaluate load-test drift`",
)
def plant(scene: Scene) -> None:
    sign(scene.champion, estimator="a better one")
