"""Shared rows are found for all types; a feature that predicts the target is found in every form."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contracts.data_manifest import DataManifest
from contracts.data_manifest import Table as Described
from contracts.features import MISSING, Feature
from contracts.schema import Task
from training.judging.checks.shared_rows import row_hashes, shared_rows
from training.judging.checks.target_leakage import target_leakage
from training.tables import Table

COLUMNS = ["size", "shop", "answer"]
ROWS = 1200
# From the target and random numbers, both [ROWS], to the feature.
Draw = Callable[[Any, Any], Any]
CLASSES: dict[Task, tuple[str, ...]] = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}


@pytest.fixture
def table() -> pd.DataFrame:
    random = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "size": random.normal(size=100).astype(np.float32),
            "shop": random.choice(np.array(["east", "west"]), 100),
            "answer": random.choice(np.array(["no", "yes"]), 100),
        }
    )


def test_tables_without_common_rows_share_nothing(table: pd.DataFrame) -> None:
    assert shared_rows(table.iloc[:50], table.iloc[50:], COLUMNS).shared == 0


def test_the_share_of_rows_that_stand_in_both_is_counted(table: pd.DataFrame) -> None:
    assert shared_rows(table.iloc[:50], table.iloc[40:], COLUMNS).shared == 0.2


def test_order_and_index_do_not_matter(table: pd.DataFrame) -> None:
    assert shared_rows(table, table.sample(frac=1, random_state=1), COLUMNS).shared == 1


def test_another_answer_is_another_row(table: pd.DataFrame) -> None:
    assert shared_rows(table, table.assign(answer="perhaps"), COLUMNS).shared == 0


def test_equal_rows_within_the_other_table_are_counted_apart(table: pd.DataFrame) -> None:
    twice = pd.concat([table.iloc[:25], table])
    assert shared_rows(table.iloc[:10], twice, COLUMNS).repeated == pytest.approx(50 / 125)


def test_missing_values_and_signed_zeros_are_equal_and_types_of_one_value_too(table: pd.DataFrame) -> None:
    one = table.assign(size=np.where(np.arange(100) < 50, np.nan, 0.0).astype(np.float32))
    other = table.assign(size=np.where(np.arange(100) < 50, np.nan, -0.0).astype(np.float64))
    assert (row_hashes(one, COLUMNS) == row_hashes(other, COLUMNS)).all()


def test_values_of_two_columns_do_not_make_up_for_each_other() -> None:
    left = pd.DataFrame({"a": ["x", "y"], "b": ["y", "x"]})
    first, second = row_hashes(left, ["a", "b"])
    assert first != second


def test_tables_without_rows_or_common_columns_share_nothing(table: pd.DataFrame) -> None:
    assert shared_rows(table, table.iloc[:0], COLUMNS).shared == 0
    assert shared_rows(table, table.rename(columns=str.upper), COLUMNS).shared == 0


def tables(task: Task, feature: Feature, draw: Draw) -> tuple[Table, Table]:
    """Train and holdout with one feature, which `draw` makes from the target and from random numbers."""
    random = np.random.default_rng(6)
    frames = []
    for _ in range(2):
        target = drawn_target(task, random)
        answers = target if task == "regression" else np.array(CLASSES[task])[target]
        frames.append(pd.DataFrame({feature.name: draw(target, random.normal(size=ROWS)), "answer": answers}))
    described = Described(rows=ROWS, digest="0" * 64)
    manifest = DataManifest(
        source="toy",
        source_sha256="",
        task=task,
        target="answer",
        classes=CLASSES[task],
        positive="yes" if task == "binary" else "",
        features=(feature,),
        tables={"train": described, "holdout": described, "replay": described},
        digest="d",
    )
    return Table("train", frames[0], manifest), Table("holdout", frames[1], manifest)


def drawn_target(task: Task, random: np.random.Generator) -> Any:
    return random.normal(size=ROWS) if task == "regression" else random.integers(0, len(CLASSES[task]), ROWS)


def told(task: Task, feature: Feature, draw: Draw) -> float:
    train, holdout = tables(task, feature, draw)
    return target_leakage(train, holdout, [feature], 0.95)[feature.name]


NUMBER = Feature(name="x", kind="numeric")
SHOPS = Feature(name="x", kind="categorical", categories=("a", "b", "c"))


def noise(_target: Any, random: Any) -> Any:
    return random


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_noise_tells_nothing_of_classes(task: Task) -> None:
    assert told(task, NUMBER, noise) < 0.55


def test_noise_tells_nothing_of_values() -> None:
    assert told("regression", NUMBER, noise) < 0.15


@pytest.mark.parametrize("sign", [1, -1])
def test_the_target_with_a_little_noise_tells_all_in_either_direction(sign: int) -> None:
    assert told("binary", NUMBER, lambda target, random: sign * target + random / 10) > 0.99


def test_a_number_that_tells_by_its_distance_from_the_middle_is_found() -> None:
    assert told("binary", NUMBER, lambda target, random: np.sign(random) * target * 3 + random / 9) > 0.98


def test_a_value_that_is_missing_only_for_one_class_is_found() -> None:
    assert told("binary", NUMBER, lambda target, random: np.where(target == 1, np.nan, random)) > 0.98


def test_a_category_that_is_a_code_for_the_class_is_found() -> None:
    assert told("multiclass", SHOPS, lambda target, _random: np.array(["c", "a", "b"])[target]) > 0.99
    assert told("binary", SHOPS, lambda target, _random: np.where(target == 1, MISSING, "a")) > 0.99


def test_a_feature_that_tells_one_of_several_classes_is_no_leak() -> None:
    assert told("multiclass", NUMBER, lambda target, random: (target == 2) * 9 + random) < 0.8


def test_values_made_from_the_target_are_found() -> None:
    thirds = np.array(["a", "b", "c"])
    assert told("regression", NUMBER, lambda target, _random: -(target**3)) > 0.99
    assert told("regression", SHOPS, lambda target, _random: thirds[np.digitize(target, [-0.5, 0.5])]) > 0.9


def test_a_small_holdout_accuses_nobody_whose_lower_end_is_harmless() -> None:
    train, holdout = tables("binary", NUMBER, lambda target, random: target * 2.5 + random)
    many = target_leakage(train, holdout, [NUMBER], 0.95)["x"]
    few = target_leakage(train, holdout.take(np.arange(40)), [NUMBER], 0.95)["x"]
    assert few < many


def test_a_column_of_the_wrong_type_is_left_to_the_table_s_contract() -> None:
    train, holdout = tables("binary", NUMBER, noise)
    retyped = Table("holdout", holdout.frame.assign(x="text"), holdout.manifest)
    assert target_leakage(train, retyped, [NUMBER], 0.95) == {}
