"""A model folder as the gate uses it: loaded, proved on its golden rows, and with its predictions for the holdout.

Nothing is raised for a fault of the folder or of its predictions. `problem` names it, and so does the decision.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from contracts.data_manifest import DataManifest
from contracts.exits import FindingError
from contracts.features import Matrix
from contracts.model_folder import PREDICTION_COLUMN, ModelCard, ModelFolderError, model_digest
from scoring.scorer import Scorer, load_scorer
from training.refusals import listed
from training.statistics.metrics import FloatArray
from training.tables import Table

Role = Literal["challenger", "champion"]

ROWS_AT_ONCE = 65_536  # bounds the runtime's memory, whatever the holdout's size
FLOAT32_EXCESS = 1e-6  # a float32 sum of shares may end a few units of its last place above 1


class UnscorableError(FindingError):
    """This model cannot score these rows: says where its card and the table differ."""


@dataclass(frozen=True)
class Predictions:
    """predicted: float64 probabilities [rows, classes], or values [rows]. threshold: of a binary model, else None."""

    predicted: FloatArray
    threshold: float | None


@dataclass(frozen=True)
class ScoredModel:
    """A model folder in the gate. What could not be loaded or computed is None, and `problem` says why.

    reference: a sample of the rows that the model was fitted on.
    """

    role: Role
    folder: Path
    digest: str
    scorer: Scorer | None = None
    reference: pd.DataFrame | None = None
    predictions: Predictions | None = None
    problem: str = ""


def load_and_score(role: Role, folder: Path, holdout: Table) -> ScoredModel:
    """Load, prove and score one model. Never raises for a fault of the folder or of its predictions."""
    model = ScoredModel(role, folder, _digest(folder))
    try:
        scorer = load_scorer(folder)
        model = replace(model, scorer=scorer)
        model = replace(model, reference=_reference(scorer, folder))
        return replace(model, predictions=predictions_for(scorer, holdout))
    except (AttributeError, ImportError, NameError):  # a mistake in this code is no model's fault
        raise
    except Exception as error:  # ONNX Runtime's errors have no base class, and a forged folder may raise anything
        return replace(model, problem=_reason(error, folder))


def predictions_for(scorer: Scorer, table: Table) -> Predictions:
    """For every row. Raises UnscorableError, or TableError for columns that the model cannot read."""
    refuse_other_purpose(scorer.card, table.manifest)
    if not len(table.frame):
        raise UnscorableError(f"the {table.name} table has no rows.")
    return predict(scorer, table.matrix(scorer.card.features))


def predict(scorer: Scorer, matrix: Matrix) -> Predictions:
    """For a float32 matrix [rows, features]. Raises UnscorableError."""
    parts = [scorer.predict(matrix[start : start + ROWS_AT_ONCE]) for start in range(0, len(matrix), ROWS_AT_ONCE)]
    scores = np.concatenate(parts).astype(np.float64)
    required = (len(matrix), len(scorer.card.classes) or 1)
    if scores.shape != required:
        raise UnscorableError(f"it answers {len(matrix):,} rows with shape {scores.shape}; required {required}.")
    if scorer.card.task == "regression":
        return Predictions(scores[:, 0], None)
    just_above = (scores > 1) & (scores <= 1 + FLOAT32_EXCESS)
    return Predictions(np.where(just_above, 1.0, scores), scorer.card.threshold)


def refuse_other_purpose(card: ModelCard, manifest: DataManifest) -> None:
    """Raises UnscorableError for a model with another task, target, or order of classes than the table has."""
    for what, seen, required in (
        ("task", card.task, manifest.task),
        ("target", card.target, manifest.target),
        ("classes", card.classes, manifest.classes),
        ("positive class", card.positive, manifest.positive),
    ):
        if seen != required:
            raise UnscorableError(f"its {what}: {_shown(seen)}; the table's: {_shown(required)}.")


def _reference(scorer: Scorer, folder: Path) -> pd.DataFrame:
    reference = pd.read_parquet(folder / "reference.parquet")
    required = (*scorer.encoder.names, scorer.card.target, PREDICTION_COLUMN)
    if missing := [name for name in required if name not in reference]:
        raise UnscorableError(f"reference.parquet lacks the columns {listed(missing)}.")
    return reference


def _shown(value: str | tuple[str, ...]) -> str:
    return ", ".join(value) if isinstance(value, tuple) else value


def _digest(folder: Path) -> str:
    try:
        return model_digest(folder)
    except ModelFolderError:
        return ""


def _reason(error: Exception, folder: Path) -> str:
    """The error's first line without this machine's path: the same fault gives the same decision everywhere."""
    text = str(error) if isinstance(error, FindingError) else f"{type(error).__name__}: {error}"
    return text.replace(f"{folder}/", "").splitlines()[0]
