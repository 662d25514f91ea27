"""Counts each column of a large log over all rows, in DuckDB: distinct values where they are few, else cells.

How many distinct values all rows have at most, the sample tells: values that it has once are found at no higher rate in
further rows (Good 1953). Numbers with more are counted in cells, narrow near the middle of the reference and wider far
from it: asinh of the number of standard deviations. A text with more is left to the sample.

Source: Good 1953, "The population frequencies of species and the estimation of population parameters" (Biometrika 40).
"""

from collections.abc import Mapping

import duckdb
import numpy as np
import pandas as pd

from contracts.features import text_reader
from contracts.model_folder import PREDICTION_COLUMN, ModelCard
from reports.drift.large_log.records import Records
from reports.drift.large_log.whole import Tally
from reports.drift.log_reader import RequestWindow, categories_of
from scoring.distances import FAR, LEAST_SCALE, FloatArray

MOST_VALUES = 200_000
# Within a standard deviation of the reference's middle a cell is at most 0.0005 wide, ten beyond 0.005.
CELLS_OF_ONE = 2000
STEEPNESS = 10.0
_VALUES = "SELECT {value}, count(*) FROM {source} WHERE {ours} GROUP BY ALL"
_CELLS = """
    SELECT CAST(round({cells} * asinh({steepness} * (least(greatest(x, {low}), {high}) - {middle}) / {scale}))
                AS INTEGER),
           count(*)
    FROM (SELECT CAST({value} AS DOUBLE) AS x FROM {source} WHERE {ours}) WHERE x IS NOT NULL GROUP BY ALL
"""
_MISSING = "SELECT count(*) FROM {source} WHERE {ours} AND {value} IS NULL"


def tallies_of(
    connection: duckdb.DuckDBPyConnection,
    records: Records,
    card: ModelCard,
    sample: RequestWindow,
    reference: pd.DataFrame,
) -> dict[str, Tally]:
    """For each logged feature, and the predictions: a tally, unless it is a text with too many values."""
    readers = {one.name: (one.categories, text_reader(one)) for one in card.features}
    readers[PREDICTION_COLUMN] = (card.classes, None)
    found = {}
    for name, value in records.values.items():
        few = distinct_at_most(sample.rows[name], sample.requests) <= MOST_VALUES
        asked = {"value": value, "source": records.source, "ours": records.is_ours}
        if few:
            pairs = connection.execute(_VALUES.format_map(asked)).fetchall()
            texts = readers[name] if name in records.texts else None
            found[name] = _of_numbers(pairs) if texts is None else _of_texts(pairs, *texts)
        elif name not in records.texts:
            found[name] = _in_cells(connection, asked, reference[name].to_numpy(dtype=np.float64))
    return found


def distinct_at_most(column: pd.Series, rows: int) -> float:
    """How many distinct values so many rows have at most, as a sample of them shows: those seen, and new ones."""
    counts = column.value_counts().to_numpy()
    return len(counts) + float((counts == 1).sum()) / max(1, len(column)) * rows


def _of_numbers(pairs: list[tuple[float | None, int]]) -> Tally:
    known = sorted((value, count) for value, count in pairs if value is not None)
    missing = sum(count for value, count in pairs if value is None)
    values, counts = (np.array(one) for one in zip(*known, strict=True)) if known else (np.empty(0), np.empty(0))
    return Tally(values.astype(np.float64), counts.astype(np.int64), missing)


def _of_texts(pairs: list[tuple[str | None, int]], known: tuple[str, ...], reader: object) -> Tally:
    """Texts as the model reads them; a missing one is a category."""
    names = categories_of([value for value, _ in pairs], known, reader)  # type: ignore[arg-type]  # of text_reader
    sums = pd.Series([count for _, count in pairs]).groupby(names.to_numpy()).sum()
    return Tally(sums.index.to_numpy(dtype=object), sums.to_numpy().astype(np.int64))


def _in_cells(connection: duckdb.DuckDBPyConnection, asked: Mapping[str, str], reference: FloatArray) -> Tally:
    """Cells' middles, in the order of the numbers. Beyond FAR a number counts as it does in every distance."""
    known = reference[~np.isnan(reference)]
    if not len(known):
        known = np.zeros(1)
    middle, scale = float(np.median(known)), max(float(known.std()), LEAST_SCALE)
    low, high = float(known.min()) - FAR * scale, float(known.max()) + FAR * scale
    numbers = {
        "middle": middle,
        "scale": scale,
        "low": low,
        "high": high,
        "steepness": STEEPNESS,
        "cells": CELLS_OF_ONE,
    }
    query = _CELLS.format_map({**asked, **{name: f"({number!r}::DOUBLE)" for name, number in numbers.items()}})
    pairs = np.array(sorted(connection.execute(query).fetchall()), dtype=np.int64).reshape(-1, 2)
    (missing,) = connection.execute(_MISSING.format_map(asked)).fetchall()[0]
    edges = [middle + scale * np.sinh((pairs[:, 0] + half) / CELLS_OF_ONE) / STEEPNESS for half in (-0.5, 0, 0.5)]
    off = float(((edges[2] - edges[0]) / 2) @ pairs[:, 1] / max(1, int(pairs[:, 1].sum())))
    return Tally(np.clip(edges[1], low, high), pairs[:, 1], int(missing), off)
