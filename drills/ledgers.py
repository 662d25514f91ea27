"""A count of evaluations in a scene, as if many challengers had been judged before."""

import pandas as pd

from contracts.model_folder import read_card
from contracts.schema import write_json
from drills.models import blur
from drills.scene import Scene
from training.judging.evaluations import Evaluation, Ledger, evaluation_of
from training.judging.holdout_rows import rows_of

# Enough that a model which is a little worse cannot be told from one that is worse than the margin.
MANY = 400
A_LITTLE = 0.004


def a_little_worse(scene: Scene) -> None:
    """A challenger that passes as the first on a holdout: within the margin, and nothing else is asked of it."""
    scene.prepare("gate.cost_margin", 1.0)
    blur(scene, scene.challenger, loss=A_LITTLE)


def holdout_of(scene: Scene) -> pd.DataFrame:
    """The scene's holdout table."""
    return pd.read_parquet(scene.build.stage("data") / "holdout.parquet")


def lay_evaluations(scene: Scene, frame: pd.DataFrame, count: int = MANY) -> None:
    """As if `count` other challengers had been judged on a holdout of these rows, and the champion before them."""
    champion = evaluation_of(read_card(scene.champion), "sha256:champion")
    others = (Evaluation(model=f"sha256:{number}", function=f"{number}") for number in range(count))
    key = "another digest than that of today's holdout"
    write_json(
        scene.build.evaluations,
        Ledger(holdouts={key: (champion, *others)}, rows={key: rows_of(frame, scene.manifest)}),
    )
