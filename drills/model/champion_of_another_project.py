"""Control: the champion is of another project, as the template has it for your table; it passes, and says so."""

from drills.drill import PASS, drill
from drills.scene import Scene
from testbed.cards import sign


@drill("evaluate", PASS, r"^Challenger promoted: .* First run of this project: the champion sha256:\w+ is of")
def plant(scene: Scene) -> None:
    sign(scene.champion, name="another-project")
