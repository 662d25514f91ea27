"""Control: planes have 20 % more seats than in training, which matters little; labels show that performance held."""

from drills.drill import PASS, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", PASS, r"^Inputs drifted: .*seats.* Performance held: .* Nothing to do")
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 20_000)
    serve(scene, rows.assign(seats=rows["seats"] * 1.2), labels=True)
