"""Distances of past windows from the reference: they tell the drift job how far seasons move each column.

Windows of 1, 7 and 30 whole days are counted back from the last day of training. Each is compared with the reference
as a window of production will be (scoring/drift_statistics.py). The largest distance for each length goes into the
model card. Predictions are those out of fold, so their windows begin later. A length with fewer than four windows says
nothing about the next window and is left out.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.features import Feature
from contracts.model_folder import PREDICTION_COLUMN, ColumnHistory
from contracts.pipeline_toml.keys import Drift
from scoring.category_fit import Columns
from scoring.distances import coarsened, counted, distance_of_counts
from scoring.drift_statistics import (
    DriftStatistic,
    feature_statistics,
    fit_others,
    label_statistic,
    prediction_statistic,
    values_of,
)
from training.fitting.model_folder import predictions_of
from training.tables import Integers, Table

LENGTHS_DAYS = (1, 7, 30)
LEAST_WINDOWS = 4
# More distinct numbers than this are merged with their neighbours, which changes a distance by less than a thousandth.
MOST_CELLS = 2000


def history_of(
    drift: Drift, features: Sequence[Feature], searched: Table, judged: Table, predicted: npt.NDArray[np.float32],
    reference: pd.DataFrame,
) -> tuple[ColumnHistory, ...]:  # fmt: skip
    """`searched`: train rows. `judged`: those predicted out of fold, as `predicted`. Empty without time."""
    if searched.days is None or judged.days is None:
        return ()
    manifest, before = searched.manifest, _columns(reference)
    fit = fit_others(before, features)
    now = _columns(searched.frame)
    left = fit.of_reference(before), fit.residuals(now)
    asked = [*feature_statistics(drift, features, fit), label_statistic(drift, manifest.target, manifest.task)]
    windows = _windows(searched.days)
    found = [_history(one, values_of(one, before, left[0]), values_of(one, now, left[1]), windows) for one in asked]
    prediction = prediction_statistic(drift, manifest.task)
    scores = predictions_of(manifest, predicted)
    scores = scores if manifest.task == "multiclass" else scores.astype(np.float64)
    found.append(_history(prediction, before[PREDICTION_COLUMN], scores, _windows(judged.days)))
    return tuple(one for one in found if one.largest)


def _columns(table: pd.DataFrame) -> Columns:
    return {
        str(name): table[name].to_numpy(dtype=np.float64 if pd.api.types.is_numeric_dtype(table[name]) else object)
        for name in table
        if not pd.api.types.is_datetime64_any_dtype(table[name])
    }


def _windows(days: Integers) -> dict[int, Integers]:
    """By length, the number of each row's window [rows], -1 for a row in none. `days`: [rows], from 0."""
    last = int(days.max()) + 1
    found = {}
    for length in LENGTHS_DAYS:
        if last // length >= LEAST_WINDOWS:
            found[length] = np.maximum((days - last % length) // length, -1)
    return found


def _history(
    statistic: DriftStatistic,
    before: npt.NDArray[np.generic],
    now: npt.NDArray[np.generic],
    windows: dict[int, Integers],
) -> ColumnHistory:
    one = coarsened(counted(statistic.method, before, now), MOST_CELLS)
    reference = np.bincount(one.reference[one.reference >= 0], minlength=one.cells).astype(np.float64)
    largest = {}
    for length, window in windows.items():
        rows = (one.current >= 0) & (window >= 0)
        cells = window[rows] * one.cells + one.current[rows]
        counts = np.bincount(cells, minlength=(int(window.max()) + 1) * one.cells).reshape(-1, one.cells)
        distances = distance_of_counts(one, reference, counts.astype(np.float64))
        if not np.isnan(distances).all():
            largest[length] = float(np.nanmax(distances))
    return ColumnHistory(column=statistic.column, method=statistic.method, largest=largest)
