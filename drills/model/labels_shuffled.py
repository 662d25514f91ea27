"""The train stage reads the labels in another order than the rows."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected: roc_auc 0\.[45]\d\d on .* is worse than the margin")
def plant(scene: Scene) -> None:
    with scene.for_training(lambda train: train.assign(late=train["late"].sample(frac=1, random_state=1).to_numpy())):
        scene.run("train")
