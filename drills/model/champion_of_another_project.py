"""Control: the champion is another project's, as in a new copy of the template; the decision says so and promotes."""

from drills.drill import PASS, drill
from drills.scene import Scene
from testbed.cards import sign


@drill("evaluate", PASS, r"^Challenger promoted: .* First run of this project: the champion sha256:\w+ is of")
def plant(scene: Scene) -> None:
    sign(scene.champion, name="another-project")
