"""Cross-validation folds of the train rows.

With a time column the folds are expanding windows. The days are cut into folds + 1 blocks with about equally many rows.
Fold k trains on the first k blocks and validates on the next. No day is in two blocks, and no row is predicted from
later ones. Rows of the first block are never validated. Without time every row is validated once. Rows are shuffled by
seed and stratified by class, and a group stays in one part.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from contracts.exits import FindingError
from contracts.schema import Task
from training.tables import Integers, Numbers

REMEDY = "Ask for fewer (training.folds in pipeline.toml) or bring more rows to train on"


class FoldsError(FindingError):
    """These rows cannot be cut into the folds that were asked for."""


@dataclass(frozen=True)
class Fold:
    """Positions of rows, ascending: those to fit on, and those to predict."""

    train: Integers
    validation: Integers


def time_folds(days: Integers, count: int) -> list[Fold]:
    """Expanding windows. days: [rows], numbered in order of time from 0. Raises FoldsError."""
    rows_of_day = np.bincount(days)
    middle_of_day = np.cumsum(rows_of_day) - rows_of_day / 2
    block_of_day = (middle_of_day * (count + 1) // len(days)).astype(np.int64)
    if len(np.unique(block_of_day)) <= count:
        raise FoldsError(
            f"{len(days):,} rows of {len(rows_of_day)} days do not make {count} folds in time. {REMEDY}.",
            code="too-few-days",
        )
    block = block_of_day[days]
    return [Fold(np.flatnonzero(block < number), np.flatnonzero(block == number)) for number in range(1, count + 1)]


def shuffled_folds(
    truth: Integers | Numbers, clusters: Integers | None, task: Task, count: int, seed: int
) -> list[Fold]:
    """Stratified and grouped folds. truth, clusters: [rows]. Raises FoldsError."""
    units, unit = (len(truth), "rows") if clusters is None else (len(np.unique(clusters)), "groups")
    if units < count:
        raise FoldsError(f"{units} {unit} do not make {count} folds. {REMEDY}.", code="too-few-rows")
    if task != "regression" and (rarest := int(np.bincount(truth.astype(np.int64)).min())) < count:
        raise FoldsError(
            f"The rarest class has {rarest} rows to train on, too few for {count} folds. {REMEDY}.", code="rare-class"
        )
    if task == "regression":
        kind = KFold if clusters is None else GroupKFold
    else:
        kind = StratifiedKFold if clusters is None else StratifiedGroupKFold
    splitter = kind(n_splits=count, shuffle=True, random_state=seed)
    parts: Iterator[tuple[Integers, Integers]] = splitter.split(np.zeros(len(truth)), truth, clusters)
    return [Fold(train, validation) for train, validation in parts]


def require_every_class(
    folds: Sequence[Fold], truth: Integers | Numbers, classes: Sequence[str], weights: Numbers | None = None
) -> None:
    """Raises FoldsError where a class is absent from a part of a fold: it can be neither learned nor validated there.

    weights: [rows]; rows of weight 0 are absent.
    """
    for number, fold in enumerate(folds, start=1):
        for part, rows in (("trains", fold.train), ("validates", fold.validation)):
            where = f"Fold {number} of {len(folds)} {part} on {len(rows):,} rows"
            counting = rows if weights is None else rows[weights[rows] > 0]
            if not len(counting):
                raise FoldsError(
                    f"{where}, and their weights (training.weights) sum to 0. {REMEDY}.", code="weightless-fold"
                )
            seen = set(np.unique(truth[counting]).tolist())
            absent = [name for position, name in enumerate(classes) if position not in seen]
            if absent:
                raise FoldsError(
                    f"{where}, and none of them is of class {', '.join(absent)}. {REMEDY}.",
                    code="class-missing-in-fold",
                )
