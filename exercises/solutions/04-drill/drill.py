"""A hundred rows of the source have lost the moment of their departure."""

from drills.drill import FINDING, drill
from drills.scene import Scene

ROWS = 100


@drill("data", FINDING, r"^data\.time = 'scheduled_at': 100 of [\d,]+ rows do not say when")
def plant(scene: Scene) -> None:
    scene.source(lambda table: table.assign(scheduled_at=table["scheduled_at"].mask(table.index < ROWS)))
