"""Writes Evidently's report, and asks Evidently for its own verdict. The only module that imports Evidently.

The page shows values and predictions by the methods and thresholds of our verdict. The same rows are then judged by
Evidently's preset, for comparison only: its tests change from p-values to distances with the reference's size.
The import takes 3 to 5 s, so functions do it. DO_NOT_TRACK switches telemetry off.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from contracts.features import Feature
from contracts.model_folder import PREDICTION_COLUMN
from contracts.verdict import ColumnComparison, LibraryVerdict
from reports.drift.log_reader import UNKNOWN_CATEGORY

HTML_FILE = "evidently.html"
JSON_FILE = "evidently.json"
# Less than one column in ten thousand, and still readable on the page.
LEAST_EXCESS = 0.0001
MOST_DRAWN = 60


def write_report(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    columns: Sequence[ColumnComparison],
    features: Sequence[Feature],
    folder: Path,
) -> LibraryVerdict:
    """Write evidently.html and evidently.json into `folder`; return Evidently's own verdict on the features.

    Both tables are encoded like reference.parquet. Columns are drawn if the tables have them: at most `MOST_DRAWN`,
    those with the largest excess, because each takes tenths of a second.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import Report

    names = {*(feature.name for feature in features), PREDICTION_COLUMN}
    shown = [one for one in columns if one.column in names]
    furthest = sorted(shown, key=lambda one: one.distance / one.threshold, reverse=True)[:MOST_DRAWN]
    drawn = [one for one in shown if one in furthest or one.kind == "prediction"]
    others = [one.column for one in drawn if current[one.column].dtype.kind not in "fiub"]
    tables = [_dataset(table, [one.column for one in drawn], others) for table in (current, reference)]
    snapshot = Report(_our_metrics(drawn)).run(*tables)
    snapshot.save_html(str(folder / HTML_FILE))
    snapshot.save_json(str(folder / JSON_FILE))
    return default_verdict(reference, current, [one.column for one in drawn if one.kind == "feature"])


def _our_metrics(drawn: Sequence[ColumnComparison]) -> list[object]:
    """Evidently's metrics with the methods and thresholds of our verdict."""
    from evidently.metrics import ValueDrift
    from evidently.presets import DataDriftPreset

    values = [one for one in drawn if one.kind == "feature"]
    ours: list[object] = [
        ValueDrift(column=harmless(one.column), method=one.method, threshold=one.threshold)
        for one in drawn
        if one.kind == "prediction"
    ]
    if values:
        # For Evidently the share itself is drift; for us the first column above its threshold is.
        ours.insert(0, DataDriftPreset(
            columns=[harmless(one.column) for one in values],
            drift_share=LEAST_EXCESS,
            per_column_method={harmless(one.column): one.method for one in values},
            per_column_threshold={harmless(one.column): one.threshold for one in values},
        ))  # fmt: skip
    return ours


def default_verdict(reference: pd.DataFrame, current: pd.DataFrame, columns: Sequence[str]) -> LibraryVerdict:
    """The verdict of Evidently's preset on these columns, by its defaults: drift if half of them drift."""
    os.environ["DO_NOT_TRACK"] = "1"
    import evidently
    from evidently import Report
    from evidently.presets import DataDriftPreset

    name = f"Evidently {evidently.__version__}"
    if not columns:
        return LibraryVerdict(library=name, is_drift=False, drifted=(), columns=0)
    others = [column for column in columns if current[column].dtype.kind not in "fiub"]
    tables = [_dataset(table, columns, others) for table in (current, reference)]
    names = {harmless(column): column for column in columns}
    drifted: list[str] = []
    for metric in Report([DataDriftPreset()]).run(*tables).dict()["metrics"]:
        settings = metric["config"]
        if not settings["type"].endswith(":ValueDrift"):
            continue
        # A p-value below the threshold is drift, and a distance at or above it.
        is_p_value = "p_value" in str(settings["method"]) or "p-value" in str(metric.get("metric_name", ""))
        value, threshold = float(metric["value"]), float(settings["threshold"])
        if (value < threshold) if is_p_value else (value >= threshold):
            drifted.append(names[settings["column"]])
    return LibraryVerdict(
        library=name, is_drift=len(drifted) >= len(columns) / 2, drifted=tuple(sorted(drifted)), columns=len(columns)
    )


def _dataset(table: pd.DataFrame, columns: Sequence[str], others: Sequence[str]) -> object:
    from evidently import DataDefinition, Dataset

    numbers = [harmless(column) for column in columns if column not in others]
    shown = pd.DataFrame({harmless(column): _values(table[column]) for column in columns})
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=[harmless(column) for column in others])
    return Dataset.from_pandas(shown, data_definition=definition)


def _values(column: pd.Series) -> pd.Series:
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    return column.astype(str).map(_category)


def _category(text: str) -> str:
    return UNKNOWN_CATEGORY if text.startswith(UNKNOWN_CATEGORY) else harmless(text)


def harmless(text: str) -> str:
    """Without "<". Evidently puts names and values unescaped into a script, which "</script>" would end."""
    return text.replace("<", "‹")
