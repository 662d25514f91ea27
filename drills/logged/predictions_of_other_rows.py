"""One in twenty of the logged predictions is another row's; no distribution has moved."""

from drills.drill import FINDING, drill
from drills.logged import OTHER_PREDICTIONS
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, OTHER_PREDICTIONS)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 3000)
    scored = rows.reset_index(drop=True)
    others = scored.shift(1).bfill().astype(rows.dtypes)
    scored.iloc[::20] = others.iloc[::20]
    serve(scene, rows, labels=False, scored=scored)
