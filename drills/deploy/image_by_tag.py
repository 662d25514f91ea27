"""Production is told to take an image by its tag, which may name another image tomorrow."""

from drills.drill import USAGE, drill
from drills.scene import Scene


@drill("deploy", USAGE, r"^deploy: 'flights:champion' is no digest; required: name@sha256:<64 hex digits>")
def plant(scene: Scene) -> None:
    scene.environment["IMAGE"] = "flights:champion"
