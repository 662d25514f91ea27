"""evaluations.json in a scene, as if many challengers had been judged before."""

import pandas as pd

from contracts.model_folder import read_card
from contracts.schema import write_json
from drills.models import blur
from drills.scene import Scene
from training.judging.evaluations import Evaluation, Ledger, evaluation_of
from training.judging.holdout_rows import rows_of

# After so many evaluations a model that is a little worse is inconclusive.
MANY = 400
A_LITTLE = 0.004


def a_little_worse(scene: Scene) -> None:
    """Make the challenger a little worse: within the margin, so it would pass as the first on a holdout."""
    scene.prepare("gate.cost_margin", 1.0)
    blur(scene, scene.challenger, loss=A_LITTLE)


def holdout_of(scene: Scene) -> pd.DataFrame:
    """The scene's holdout table."""
    return pd.read_parquet(scene.build.stage("data") / "holdout.parquet")


def write_evaluations(scene: Scene, frame: pd.DataFrame, count: int = MANY) -> None:
    """Count the champion and `count` other challengers as judged on a holdout of these rows."""
    champion = evaluation_of(read_card(scene.champion), "sha256:champion")
    others = (Evaluation(model=f"sha256:{number}", function=f"{number}") for number in range(count))
    key = "another digest than that of today's holdout"
    write_json(
        scene.build.evaluations,
        Ledger(holdouts={key: (champion, *others)}, rows={key: rows_of(frame, scene.manifest)}),
    )
