"""Control: dewp and humid are swapped in the graph and in the card, so every answer stays the same."""

from drills.drill import PASS, drill
from drills.model_evidence import swap_columns, swap_columns_in_card
from drills.models import edit
from drills.scene import Scene


@drill("evaluate", PASS, r"^Challenger promoted", nightly=True)
def plant(scene: Scene) -> None:
    edit(scene.challenger, swap_columns(scene.challenger, "dewp", "humid"))
    swap_columns_in_card(scene.challenger, "dewp", "humid")
