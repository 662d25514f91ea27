"""Chooses the columns that the model reads, and their kinds: listed in pipeline.toml, or inferred from train.

A column that is inferred is left out, with the reason, when it
- has no value, or the same one in every row;
- identifies rows: more distinct texts than features.max_categories, or more distinct texts than half of the rows; a
  number that counts rows or is named like an id; a whole number beyond 2^24, whose last digits float32 would lose;
- is free text: too many distinct values of three words or more;
- is a date, or mixes numbers and text, or has lists, bytes or the like.

`features.kinds` overrides all of these except the limit on categories, for example for a large number that is one.
Distinct texts are counted as the model reads them: normalised, with the rare ones as one (features.min_category_rows).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.data_manifest import LeftOut
from contracts.pipeline_toml.keys import MOST_CATEGORIES, Config, Features
from contracts.schema import FeatureKind
from training.dataset.column_values import plain, shape_of, to_numbers
from training.dataset.preparation.spellings import normaliser
from training.refusals import SettingError, UnfitTableError, nearest, toml_key

EXACT_IN_FLOAT32 = 2**24
WORDS_OF_FREE_TEXT = 3
FEWEST_ROWS_OF_A_COUNTER = 100
DISTINCT_LOOKED_AT = 1000
# The model folder lists the texts that are read as the rare category.
MOST_RARE = 10_000
# Up to so many times the limit on categories, the reason says how to keep the column.
NEAR = 3
# Suggested for features.min_category_rows: fewer rows say little of a category.
FEW_ROWS = 20
FREE_TEXT = "make a few numbers or categories of it in the source, such as its length or whether it has a word"
NONE_KEPT = "has no category of as many rows as features.min_category_rows = "
NO_VALUE = "no-value"
_NAMED_LIKE_AN_ID = re.compile(r"(^|[_ .-])(?i:id|uuid|guid)$|[a-z](Id|ID)$")
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}([T ].*)?")


@dataclass(frozen=True)
class Choice:
    """The features in the model's order, and the columns that are left out."""

    kinds: dict[str, FeatureKind]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class ColumnChoice:
    """The kind of a column, or None with the reason why it is no feature. `code`: names the reason."""

    kind: FeatureKind | None
    code: str = ""
    reason: str = ""


def choose_features(table: pd.DataFrame, rows: npt.NDArray[np.intp], config: Config) -> Choice:
    """The features, judged on `rows` (positions) of the table. Raises where pipeline.toml and the table disagree."""
    features = config.features
    roles = _roles(config)
    _refuse_impossible(list(table.columns), roles, features)
    inferred = [name for name in table.columns if name not in roles and name not in features.exclude]
    made = [name for name in features.made_of_dates if name not in features.exclude]
    asked = [*features.include, *made] if features.include else inferred
    chosen = {name: kind_of(name, table[name].iloc[rows], features) for name in asked}
    for name, choice in chosen.items():
        if not choice.kind and (name in features.include or name in features.kinds):
            _refuse_listed(name, choice, features)
    kinds = {name: choice.kind for name, choice in chosen.items() if choice.kind}
    for name in features.normalise:
        if kinds.get(name) != "categorical":
            raise SettingError(
                f"{toml_key('features.normalise', name)} is for a feature of categories, and {name!r} is "
                f"{kinds.get(name) or 'no feature'}. Take it out.",
                code="not-categorical",
            )
    left_out = _left_out(list(table.columns), chosen, roles, features)
    if not kinds:
        reasons = "; ".join(f"{one.column} {one.reason}" for one in left_out[:5])
        raise UnfitTableError(
            f"no column is left to learn from: {reasons or 'the table has no others'}.", code="no-features"
        )
    return Choice(kinds, left_out)


def kind_of(name: str, values: "pd.Series[Any]", features: Features) -> ColumnChoice:
    """The kind of one column. `values`: [rows of train]."""
    present = plain(values).dropna()
    if present.empty:
        return ColumnChoice(None, NO_VALUE, "has no value in any row of train")
    shape, forced = shape_of(present), features.kinds.get(name)
    if shape == "unreadable":
        return ColumnChoice(None, "unreadable", f"holds values of type {type(present.iloc[0]).__name__}")
    read = normaliser(features, name)
    if read is not None and shape == "text":
        present = present.map({text: read(text) for text in present.unique()})
    if name in features.dates or (shape == "date" and forced != "numeric"):
        return _is_date(name, features)
    if forced:
        return _judge_categories(present, features) if forced == "categorical" else ColumnChoice(forced)
    if shape == "mixed":
        return ColumnChoice(
            None, "mixed", f'mixes numbers and text: fix it, or say {toml_key("features.kinds", name)} = "categorical"'
        )
    if name not in features.include and len(present) == len(values) and bool((present == present.iloc[0]).all()):
        shown = repr(present.iloc[0][:40]) if shape == "text" else str(present.iloc[0])
        return ColumnChoice(None, "constant", f"is {shown} in every row of train")
    if shape == "text":
        return _judge_text(name, present, features)
    return ColumnChoice("boolean") if shape == "boolean" else _judge_numbers(name, to_numbers(present), len(values))


def _judge_numbers(name: str, numbers: npt.NDArray[np.float64], rows: int) -> ColumnChoice:
    """`numbers`: those of the `rows` values that are not missing."""
    if not np.isfinite(numbers).all() or (np.floor(numbers) != numbers).any():
        return ColumnChoice("numeric")
    say = f"say {toml_key('features.kinds', name)}"
    if np.abs(numbers).max() > EXACT_IN_FLOAT32:
        return ColumnChoice(
            None,
            "beyond-float32",
            f'has whole numbers beyond 2^24, whose last digits float32 loses: if they do not matter, {say} = "numeric"',
        )
    if _NAMED_LIKE_AN_ID.search(name):
        return ColumnChoice(
            None,
            "named-like-an-id",
            f'is a number named like an identifier: if it is none, {say} = "numeric" or "categorical"',
        )
    if rows >= FEWEST_ROWS_OF_A_COUNTER and np.ptp(numbers) < 2 * rows and len(np.unique(numbers)) == rows:
        return ColumnChoice(None, "row-number", f'counts the rows: if it does not, {say} = "numeric"')
    return ColumnChoice("numeric")


def _is_date(name: str, features: Features) -> ColumnChoice:
    if name in features.dates:
        return ColumnChoice(None, "date", f"is a date, of which {toml_key('features.dates', name)} makes numbers")
    key = f'{toml_key("features.dates", name)} = ["month", "weekday"]'
    return ColumnChoice(None, "date", f"is a date: {key} makes numbers of it, and clients send the date")


def _judge_text(name: str, present: "pd.Series[Any]", features: Features) -> ColumnChoice:
    distinct = present.drop_duplicates()
    sample = [str(text) for text in distinct.iloc[:DISTINCT_LOOKED_AT]]
    if all(_DATE.fullmatch(text) for text in sample):
        return _is_date(name, features)
    count, limit = _categories_read(present, features), features.max_categories
    if not count:
        return ColumnChoice(None, "no-category-kept", NONE_KEPT + str(features.min_category_rows))
    is_repeated = len(distinct) <= len(present) / 2
    if count <= limit and is_repeated:
        return ColumnChoice("categorical")
    words = float(np.median([len(text.split()) for text in sample]))
    seen = f"{len(distinct):,} distinct texts in {len(present):,} rows"
    why = f", more than features.max_categories = {limit}" if is_repeated else ", more than one for every two rows"
    if words >= WORDS_OF_FREE_TEXT:
        return ColumnChoice(None, "free-text", f"is taken for free text: {seen}; {FREE_TEXT}")
    near = _near(count, limit) if is_repeated else ""
    return ColumnChoice(None, "identifier", f"is taken for an identifier: {seen}{why}{near}")


def _judge_categories(present: "pd.Series[Any]", features: Features) -> ColumnChoice:
    count, limit = _categories_read(present, features), features.max_categories
    if not count:
        return ColumnChoice(None, "no-category-kept", NONE_KEPT + str(features.min_category_rows))
    if count > limit:
        return ColumnChoice(
            None,
            "too-many-categories",
            f"has {count:,} distinct values, more than features.max_categories = {limit}{_near(count, limit)}",
        )
    return ColumnChoice("categorical")


def _categories_read(present: "pd.Series[Any]", features: Features) -> int:
    """How many categories the model would know of these values; 0 where it would know the rare one alone."""
    counts = present.value_counts()
    kept = int((counts >= features.min_category_rows).sum())
    rare = len(counts) - kept
    return kept and (len(counts) if rare > MOST_RARE else kept + bool(rare))


def _near(count: int, limit: int) -> str:
    """What to set where the limit is exceeded by little."""
    if count > NEAR * limit:
        return ""
    ways = "put rare ones together" if limit >= MOST_CATEGORIES else "raise it, or put rare ones together"
    return f"; {ways}: features.min_category_rows = {FEW_ROWS}"


def _roles(config: Config) -> dict[str, str]:
    """Columns with another role than feature, and the key that gives it."""
    data = config.data
    weights = config.training.weights or ""
    named = {
        weights: "training.weights", data.group: "data.group", data.time: "data.time", data.target: "data.target"
    }  # fmt: skip
    return {column: key for column, key in named.items() if column}


def _refuse_impossible(columns: Sequence[str], roles: dict[str, str], features: Features) -> None:
    """Raises SettingError where [features] names unknown columns, or contradicts itself."""
    for key, names in (
        ("include", features.include), ("exclude", features.exclude), ("kinds", tuple(features.kinds)),
        ("normalise", tuple(features.normalise)),
    ):  # fmt: skip
        _refuse_names(f"features.{key}", names, columns, roles)
    for name in features.exclude:
        if name in features.include or name in features.kinds:
            other = "include" if name in features.include else "kinds"
            raise SettingError(
                f"features.exclude and features.{other} both name {name!r}: take it out of one.", code="key-twice"
            )


def _refuse_names(key: str, names: Sequence[str], columns: Sequence[str], roles: dict[str, str]) -> None:
    for position, name in enumerate(names):
        if name not in columns:
            raise SettingError(
                f"{key} names {name!r}, which the table does not have.{nearest(name, columns)}", code="unknown-column"
            )
        if roles.get(name, "data.group") != "data.group":
            raise SettingError(
                f"{key} names {name!r}, which is {roles[name]} and never a feature.", code="not-a-feature"
            )
        if name in names[:position]:
            raise SettingError(f"{key} names {name!r} twice.", code="key-twice")


def _refuse_listed(name: str, choice: ColumnChoice, features: Features) -> None:
    key = "include" if name in features.include else "kinds"
    text = f"features.{key} names {name!r}, but this column {choice.reason}."
    if choice.code == NO_VALUE:
        raise UnfitTableError(text, code="listed-without-values")
    raise SettingError(text, code="listed-unfit")


def _left_out(
    columns: Sequence[str], chosen: dict[str, ColumnChoice], roles: dict[str, str], features: Features
) -> tuple[LeftOut, ...]:
    """Every column that is neither feature nor target, time or weights, in the table's order."""
    reasons = dict.fromkeys(columns, "is not listed in features.include")
    reasons |= {name: f"is {key}, which ties rows together" for name, key in roles.items()}
    reasons |= dict.fromkeys(features.exclude, "is listed in features.exclude")
    reasons |= {name: choice.reason for name, choice in chosen.items()}
    used = {name for name, key in roles.items() if key != "data.group"}
    used |= {name for name, choice in chosen.items() if choice.kind}
    return tuple(
        LeftOut(column=name, reason=reason) for name, reason in reasons.items() if name in columns and name not in used
    )
