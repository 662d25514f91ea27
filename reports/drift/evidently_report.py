"""The only module that imports Evidently: it draws the report, and says what it would have called by its own defaults.

The page shows values and predictions by the methods and thresholds of our verdict; the same rows are then given to
Evidently's own preset, whose tests flip from p-values to distances with the reference's size, for comparison alone.
The import takes 3 to 5 s and comes late; DO_NOT_TRACK keeps its telemetry silent.
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
# Less than one column in ten thousand, and still a figure that a person can read on the page.
LEAST_EXCESS = 0.0001
MOST_DRAWN = 60


def write_report(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    columns: Sequence[ColumnComparison],
    features: Sequence[Feature],
    folder: Path,
) -> LibraryVerdict:
    """Write evidently.html and evidently.json into `folder`; return what its defaults say of the features.

    Both tables are encoded like reference.parquet. Of `columns`, those are drawn that a table has under their name; of
    more than `MOST_DRAWN` those that are furthest from their threshold, as each costs tenths of a second.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import Report
    from evidently.metrics import ValueDrift
    from evidently.presets import DataDriftPreset

    kinds = {feature.name: feature.kind for feature in features}
    shown = [one for one in columns if one.column in kinds or one.column == PREDICTION_COLUMN]
    furthest = sorted(shown, key=lambda one: one.distance / one.threshold, reverse=True)[:MOST_DRAWN]
    drawn = [one for one in shown if one in furthest or one.kind == "prediction"]
    values = [one for one in drawn if one.kind == "feature"]
    others = [one.column for one in drawn if current[one.column].dtype.kind not in "fiub"]
    ours: list[object] = [
        ValueDrift(column=harmless(one.column), method=one.method, threshold=one.threshold)
        for one in drawn
        if one.kind == "prediction"
    ]
    if values:
        # Evidently calls drift at the share itself; here the first column over its threshold is one too many.
        ours.insert(0, DataDriftPreset(
            columns=[harmless(one.column) for one in values],
            drift_share=LEAST_EXCESS,
            per_column_method={harmless(one.column): one.method for one in values},
            per_column_threshold={harmless(one.column): one.threshold for one in values},
        ))  # fmt: skip
    tables = [_dataset(table, [one.column for one in drawn], others) for table in (current, reference)]
    snapshot = Report(ours).run(*tables)
    snapshot.save_html(str(folder / HTML_FILE))
    snapshot.save_json(str(folder / JSON_FILE))
    return default_verdict(reference, current, [one.column for one in values])


def default_verdict(reference: pd.DataFrame, current: pd.DataFrame, columns: Sequence[str]) -> LibraryVerdict:
    """What Evidently's preset says of these columns by its defaults: drift where half of them drift."""
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
        # Its tests are of two kinds: a p-value is drift below the threshold, a distance from it on.
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
    """Evidently puts names and values into a script of its page as they are: "</script>" would end it and start one."""
    return text.replace("<", "‹")
