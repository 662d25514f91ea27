"""Every request has another hour's weather: no column has moved, but the labels show the loss."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve, with_weather_of_other_rows


@drill(
    "drift",
    FINDING,
    r"^Inputs are stable: .* Predictions are stable.* Performance became worse: roc_auc 0\.[56]\d\d",
    nightly=True,
)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 20_000)
    serve(scene, with_weather_of_other_rows(rows), labels=True)
