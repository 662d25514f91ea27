"""The source no longer has `carrier`, which the champion reads; pipeline.toml does not list it."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(champion\): it cannot be scored: .* no column 'carrier'")
def plant(scene: Scene) -> None:
    scene.set("gate.slices", ["origin"])
    scene.source(lambda table: table.drop(columns="carrier"))
    scene.run("data", "train")
