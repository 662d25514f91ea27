"""Describes each feature as train shows it: its categories, range, share of missing values, and an example.

Categories are counted as the model reads them (features.normalise). Those with fewer rows than
features.min_category_rows are one category. Only the train table is used, so that nothing about the holdout or the
replay is known before they are scored.
"""

from typing import Any

import numpy as np
import pyarrow.compute as pc

from contracts.features import MISSING, RARE, Feature
from contracts.pipeline_toml.keys import Features
from contracts.schema import FeatureKind
from training.dataset.preparation.spellings import normalised_column, normaliser
from training.dataset.table_digest import ArrowColumn


def describe(name: str, kind: FeatureKind, column: ArrowColumn, features: Features) -> Feature:
    """A feature as the model card has it. `column`: Arrow [rows of train], float32 or text, not all missing."""
    if kind == "categorical":
        return _describe_text(name, column, features)
    values = column.to_numpy()
    present = values[~np.isnan(values)]
    missing_share = 1 - len(present) / len(values)
    if kind == "boolean":
        return Feature(name=name, kind=kind, missing_share=missing_share, example=bool(present.mean() > 0.5))
    middle = (len(present) - 1) // 2
    return Feature(
        name=name,
        kind=kind,
        minimum=_short(present.min()),
        maximum=_short(present.max()),
        missing_share=missing_share,
        example=_short(np.partition(present, middle)[middle]),
    )


def _describe_text(name: str, column: ArrowColumn, features: Features) -> Feature:
    read = normalised_column(column, normaliser(features, name))
    counts = {str(one["values"]): int(one["counts"].as_py()) for one in pc.value_counts(read)}
    missing = counts.get(MISSING, 0)
    most_frequent = min((text for text in counts if text != MISSING), key=lambda text: (-counts[text], text))
    rare = [text for text, rows in counts.items() if text != MISSING and rows < features.min_category_rows]
    return Feature(
        name=name,
        kind="categorical",
        categories=tuple(sorted(counts.keys() - set(rare) | ({RARE} if rare else set()))),
        missing_share=missing / len(column),
        example=most_frequent,
        normalise=features.normalise.get(name, ()),
        rare=tuple(sorted(rare)),
    )


def _short(number: Any) -> float:
    """The shortest decimal that is this float32: 39.02, not 39.02000045776367."""
    return float(str(np.float32(number)))
