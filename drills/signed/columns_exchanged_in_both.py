"""Control: dewp and humid are exchanged in the graph and in the card alike, so that every answer is what it was."""

from drills.drill import PASS, drill
from drills.models import edit
from drills.resigned import exchange, exchange_in_card
from drills.scene import Scene


@drill("evaluate", PASS, r"^Challenger promoted", nightly=True)
def plant(scene: Scene) -> None:
    edit(scene.challenger, exchange(scene.challenger, "dewp", "humid"))
    exchange_in_card(scene.challenger, "dewp", "humid")
