"""Writes the model folder that `contracts/model_folder.py` describes, and then loads it as the service will."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.data_manifest import CLUSTER_COLUMN, DataManifest
from contracts.dates.inputs import other_writings
from contracts.features import MISSING, Feature, Matrix, Value, other_spellings
from contracts.model_folder import (
    CARD_FILE,
    MODEL_FILES,
    PREDICTION_COLUMN,
    Golden,
    GoldenRow,
    ModelCard,
    ModelFolderError,
    sha256_of,
)
from contracts.schema import write_json
from scoring.scorer import Scorer, load_scorer
from training.dataset.preparation.golden_dates import with_dates
from training.tables import Integers, Table

Numbers = npt.NDArray[np.float64]

GOLDEN_ROWS = 20
GOLDEN_TOLERANCE = 1e-5
UNSEEN_CATEGORY = "(never seen)"
# With fewer whole groups drift would know too little of how groups differ. Then rows are drawn one by one.
LEAST_GROUPS = 50
# Least share of rows that equal an earlier one; with fewer, rows count as independent.
MANY_EQUAL = 0.05


def write_model_folder(folder: Path, card: ModelCard, graph: bytes, golden: Golden, reference: pd.DataFrame) -> Scorer:
    """Write the four files, with their sha256 in the card, and load them again. Raises ModelFolderError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(graph)
    write_json(folder / "golden.json", golden)
    reference.to_parquet(folder / "reference.parquet", index=False)
    digests = {name: sha256_of(folder / name) for name in MODEL_FILES}
    write_json(folder / CARD_FILE, card.model_copy(update={"files": digests}))
    return load_scorer(folder)


def golden_of(model: Any, scorer: Scorer, table: Table) -> Golden:
    """Rows of `table` from the lowest score to the highest, with the outputs of the scikit-learn model.

    Every second row is changed. Among them, each value that may be missing is missing once. Each categorical feature
    has an unseen category once and, where it is normalised, another spelling once; a date has an offset once. A row is
    left out where the exported graph is off by more than half the tolerance, because another machine may add the rest:
    for example a value near zero, where large terms cancel.
    """
    features = scorer.card.features
    inputs = with_dates(_spread(table, features, _outputs(model, table.matrix(features))), scorer.card.dates)
    _change(inputs[1::2] or inputs, golden_changes(scorer.card))
    matrix = scorer.encoded(inputs)
    outputs = _outputs(model, matrix)
    bounds = GOLDEN_TOLERANCE / 2 * np.maximum(1, np.abs(outputs))
    # Alone, as a service may get it, a row is added up in another order than among others.
    alone = np.concatenate([scorer.predict(matrix[place : place + 1]) for place in range(len(matrix))])
    agrees = np.all([np.abs(seen - outputs) <= bounds for seen in (scorer.predict(matrix), alone)], axis=(0, 2))
    if not agrees.any():
        raise ModelFolderError(
            f"The graph is off by more than {GOLDEN_TOLERANCE / 2:g} × max(1, |output|) on each of {len(inputs)} rows, "
            "so no row can test it on another machine. Change the model (training.candidates).",
            code="no-golden-row",
        )
    rows = [GoldenRow(inputs=inputs[place], output=tuple(outputs[place].tolist())) for place in np.flatnonzero(agrees)]
    return Golden(tolerance=GOLDEN_TOLERANCE, rows=tuple(rows))


def _change(rows: list[dict[str, Value]], changes: Sequence[tuple[str, Value]]) -> None:
    """One change in each row by turns; of two changes of one column the second goes into the next row without one."""
    done: set[tuple[int, str]] = set()
    for number, (name, value) in enumerate(changes):
        turns = [(number + step) % len(rows) for step in range(len(rows))]
        place = next((turn for turn in turns if (turn, name) not in done), turns[0])
        rows[place][name] = value
        done.add((place, name))


def reference_of(table: Table, predicted: npt.NDArray[np.float32], rows: int, seed: int) -> pd.DataFrame:
    """A seeded sample of `table`, in its order: features, target, time, weights, and the prediction out of fold.

    Where the table was split by groups, or keeps equal rows together, the sample has whole groups, as many as fit, and
    the number of each row's group: drift compares it with a window of whole groups.
    `predicted`: probabilities [rows of table, classes] or values, from models that were not fitted on these rows. On
    rows that it was fitted on, a model is more certain than in production, so these would be no reference for drift.
    """
    manifest = table.manifest
    groups = _groups(table)
    chosen = _chosen(len(table.frame), groups, rows, seed)
    others = filter(None, [manifest.time, manifest.weights])
    names = [*(one.name for one in manifest.features), manifest.target, *others]
    reference = table.take(chosen).frame[names]
    if groups is not None:
        reference = reference.assign(**{CLUSTER_COLUMN: groups[chosen]})
    return reference.assign(**{PREDICTION_COLUMN: predictions_of(manifest, predicted[chosen])})


def _groups(table: Table) -> Integers | None:
    """[rows]: the groups that the split keeps together. None where it follows time, or where few rows are equal."""
    manifest = table.manifest
    if manifest.time or manifest.cluster:
        return None if manifest.time else table.clusters
    features = [one.name for one in manifest.features]
    equal = np.asarray(table.frame.groupby(features, dropna=False, sort=False).ngroup(), dtype=np.int64)
    return equal if equal.max() + 1 < (1 - MANY_EQUAL) * len(equal) else None


def _chosen(count: int, groups: Integers | None, rows: int, seed: int) -> Integers:
    """Positions of at most `rows` of `count` rows, ascending. `groups`: [count], None where rows are independent."""
    random = np.random.default_rng(seed)
    if groups is not None and count > rows:
        order = random.permutation(int(groups.max()) + 1)
        fitting = order[np.cumsum(np.bincount(groups)[order]) <= rows]
        if len(fitting) >= LEAST_GROUPS:
            return np.flatnonzero(np.isin(groups, fitting))
    return np.sort(random.choice(count, min(rows, count), replace=False))


def predictions_of(manifest: DataManifest, predicted: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """[rows]: the positive class's probability, the class, or the value, as reference.parquet has them."""
    if manifest.task == "regression":
        return predicted
    if manifest.task == "binary":
        return predicted[:, 1]
    names: npt.NDArray[Any] = np.array(manifest.classes, dtype=object)[predicted.argmax(axis=1)]
    return names


def _spread(table: Table, features: Sequence[Feature], outputs: Numbers) -> list[dict[str, Value]]:
    """Rows of `table` as a client sends them, at even distances in the order of their scores."""
    scores = scores_of(outputs)
    places = np.linspace(0, len(scores) - 1, min(GOLDEN_ROWS, len(scores))).round().astype(np.int64)
    rows = table.frame[[one.name for one in features]].iloc[np.argsort(scores, kind="stable")[places]]
    return [
        {feature.name: _value(feature, value) for feature, value in zip(features, row, strict=True)}
        for row in rows.itertuples(index=False, name=None)
    ]


def _value(feature: Feature, value: Any) -> Value:
    if feature.kind == "categorical":
        return None if value == MISSING else str(value)
    if np.isnan(value):
        return None
    # The shortest decimal of this float32: 39.02, not 39.02000045776367.
    return bool(value) if feature.kind == "boolean" else float(str(np.float32(value)))


def scores_of(outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[rows]: the scores that order the golden rows. `outputs`: [rows, classes or 1]."""
    scores: npt.NDArray[Any] = outputs.max(axis=1) if outputs.shape[1] > 2 else outputs[:, -1]
    return scores


def golden_changes(card: ModelCard) -> list[tuple[str, Value]]:
    """The changed values that some golden row has: missing ones, unseen categories, other spellings, and offsets."""
    categorical = [one for one in card.features if one.kind == "categorical"]
    return [
        *((one.name, None) for one in card.inputs if one.may_be_missing),
        *((one.name, UNSEEN_CATEGORY) for one in categorical if UNSEEN_CATEGORY not in one.categories),
        *((one.name, text) for one in categorical for text in other_spellings(one)),
        *(change for one in card.dates for change in other_writings(one)),
    ]


def _outputs(model: Any, matrix: Matrix) -> Numbers:
    """What the graph must give: probabilities [rows, classes], or values [rows, 1]."""
    predict = model.predict_proba if hasattr(model, "predict_proba") else model.predict
    return np.asarray(predict(matrix), dtype=np.float64).reshape(len(matrix), -1)
