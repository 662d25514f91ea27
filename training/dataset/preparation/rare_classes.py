"""Treats classes with few rows: data.drop_classes_below leaves them out, data.merge_classes_below merges them.

Rows are counted in the whole table, before it is cut.
"""

import numpy as np
import pandas as pd

from contracts.features import RARE
from contracts.pipeline_toml.keys import Data
from training.dataset.column_values import shape_of, text_codes, to_numbers, to_text
from training.refusals import SettingError, listed


def without_rare_classes(table: pd.DataFrame, data: Data) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table, and a line for each change to it. Raises SettingError for a target without classes."""
    if not data.drop_classes_below and not data.merge_classes_below:
        return table, ()
    values = table[data.target]
    if data.task == "regression":
        raise SettingError(
            "data.drop_classes_below and data.merge_classes_below are for classes, and data.task is regression: take "
            "them out.",
            code="no-classes",
        )
    if shape_of(values) == "numeric" and (to_numbers(values) % 1 != 0).any():
        return table, ()  # no classes; `read_target` refuses it
    names, codes = text_codes(to_text(values))
    rows = np.bincount(codes, minlength=len(names))
    dropped = np.flatnonzero(rows < data.drop_classes_below)
    merged = np.flatnonzero((rows >= data.drop_classes_below) & (rows < data.merge_classes_below))
    notes = tuple(
        f"{data.target}: {rows[rare].sum():,} rows of {len(rare):,} rare classes are {change}: "
        f"{listed(names[one] for one in rare)}"
        for rare, change in (
            (dropped, "left out (data.drop_classes_below)"),
            (merged, f"read as {RARE!r} (data.merge_classes_below)"),
        )
        if len(rare)
    )
    kept = ~np.isin(codes, dropped)
    if len(merged):
        texts = np.array([RARE if code in merged else name for code, name in enumerate(names)], dtype=object)
        table = table.assign(**{data.target: texts[codes]})
    return (table if kept.all() else table[kept].reset_index(drop=True)), notes
