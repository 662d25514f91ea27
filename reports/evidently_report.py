"""The only module that imports Evidently: it draws the report, and gives back the distances that Evidently measured.

Method and threshold are set for every column, so that Evidently's defaults, which flip from p-values to distances with
the reference's size, decide nothing. The import takes 3 to 5 s and comes late; DO_NOT_TRACK keeps its telemetry silent.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from contracts.features import MISSING
from contracts.model_folder import PREDICTION_COLUMN
from reports.drift_rules import ColumnRule

HTML_FILE = "evidently.html"
JSON_FILE = "evidently.json"
# Less than one column in ten thousand, and still a figure that a person can read on the page.
LEAST_EXCESS = 0.0001


def write_report(
    reference: pd.DataFrame, current: pd.DataFrame, rules: Sequence[ColumnRule], drifted_share: float, folder: Path
) -> dict[str, float]:
    """Compare, write evidently.html and evidently.json into `folder`, and return each rule's distance by its column.

    Both tables have the rules' sources as columns, encoded like reference.parquet, each with at least one value.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    columns = {harmless(rule.column): rule.column for rule in rules}
    numbers = [harmless(rule.column) for rule in rules if rule.reading == "number"]
    others = [harmless(rule.column) for rule in rules if rule.reading != "number"]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=others)
    tables = [Dataset.from_pandas(_shown(table, rules), data_definition=definition) for table in (current, reference)]
    values = [rule for rule in rules if rule.source != PREDICTION_COLUMN and rule.reading != "missing"]
    alone = sorted((rule for rule in rules if rule not in values), key=lambda rule: rule.reading == "missing")
    metrics = [ValueDrift(column=harmless(rule.column), method=rule.method, threshold=rule.threshold) for rule in alone]
    snapshot = Report([*_overview(values, drifted_share), *metrics]).run(*tables)
    snapshot.save_html(str(folder / HTML_FILE))
    snapshot.save_json(str(folder / JSON_FILE))
    measured = [metric for metric in snapshot.dict()["metrics"] if metric["config"]["type"].endswith(":ValueDrift")]
    return {columns[metric["config"]["column"]]: float(metric["value"]) for metric in measured}


def _overview(rules: Sequence[ColumnRule], drifted_share: float) -> list[object]:
    """Evidently's table of all features. It calls drift at the share itself, we above it: hence a little more."""
    from evidently.presets import DataDriftPreset

    if not rules:
        return []
    preset = DataDriftPreset(
        columns=[harmless(rule.column) for rule in rules],
        drift_share=round(drifted_share + LEAST_EXCESS, 6),
        per_column_method={harmless(rule.column): rule.method for rule in rules},
        per_column_threshold={harmless(rule.column): rule.threshold for rule in rules},
    )
    return [preset]


def _shown(table: pd.DataFrame, rules: Sequence[ColumnRule]) -> pd.DataFrame:
    return pd.DataFrame({harmless(rule.column): _values(table[rule.source], rule) for rule in rules})


def _values(column: pd.Series, rule: ColumnRule) -> pd.Series:
    if rule.reading == "missing":
        return column.isna().map({True: "missing", False: "there"})
    if rule.reading == "boolean":
        return column.map({0.0: "false", 1.0: "true"}).fillna(MISSING)
    if rule.reading == "number":
        return column.astype(np.float64)
    return column.map(harmless, na_action="ignore")


def harmless(text: str) -> str:
    """Evidently puts names and values into a script of its page as they are: "</script>" would end it and start one."""
    return text.replace("<", "‹")
