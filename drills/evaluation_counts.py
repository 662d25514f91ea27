"""evaluations.json in a scene, as if many challengers had been judged before."""

import numpy as np
import pandas as pd

from contracts.model_folder import read_card
from contracts.schema import write_json
from drills.models import blur
from drills.scene import Scene
from training.judging.evaluations import Evaluation, Ledger, evaluation_of
from training.judging.holdout_rows import Rows, RowSample, rows_of

# After so many evaluations a model that is a little worse is inconclusive.
MANY = 400
A_LITTLE = 0.004


def a_little_worse(scene: Scene) -> None:
    """Make the challenger a little worse: within the margin, so it would pass as the first on a holdout."""
    scene.prepare("gate.cost_margin", 1.0)
    blur(scene, scene.challenger, loss=A_LITTLE)


def train_without_some_rows(scene: Scene) -> None:
    """Train an honest challenger of another function: without one in a hundred of the champion's rows."""
    is_learned = ~scene.is_from_holdout_on.to_numpy()
    scene.source(lambda table: table[~(is_learned & (np.arange(len(table)) % 100 == 50))])
    scene.run("data", "train")


def holdout_of(scene: Scene) -> pd.DataFrame:
    """The scene's holdout table."""
    return pd.read_parquet(scene.build.stage("data") / "holdout.parquet")


def write_evaluations(scene: Scene, frame: pd.DataFrame, count: int = MANY) -> None:
    """Count the champion and `count` other challengers as judged on a holdout of these rows."""
    _write(scene, rows_of(frame, scene.manifest), count)


def forge_evaluations(scene: Scene, *, rows: int, smallest: str) -> None:
    """Count the champion and MANY others as judged on a holdout whose sample was written by hand."""
    _write(scene, (RowSample(rows=rows, smallest=smallest),), MANY)


def _write(scene: Scene, rows: Rows, count: int) -> None:
    champion = evaluation_of(read_card(scene.champion), "sha256:champion")
    others = (Evaluation(model=f"sha256:{number}", function=f"{number}") for number in range(count))
    key = "another digest than that of today's holdout"
    write_json(scene.build.evaluations, Ledger(holdouts={key: (champion, *others)}, rows={key: rows}))
