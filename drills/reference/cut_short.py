"""reference.parquet holds its first 1,000 rows only: so little that drift finds hardly anything significant."""

from drills.drill import FINDING, drill
from drills.resigned import replace_reference
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(reference rows\): of 1,000 rows in", nightly=True)
def plant(scene: Scene) -> None:
    replace_reference(scene, lambda reference: reference.iloc[:1000])
