"""Classes with few rows: left out or merged by a key, refused with that key otherwise."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.data_manifest import TABLE_NAMES
from contracts.features import RARE
from tests.training.toy_tables import finding, machines, misuse, run, table_of

TASK = {"target": "kind", "task": "multiclass"}


def kinds() -> pd.DataFrame:
    """Two classes of 190 rows, and three of 8, 7 and 5."""
    names = np.repeat(["a", "b", "rust", "ice", "mice"], [190, 190, 8, 7, 5])
    return machines(kind=np.random.default_rng(2).permutation(names))


def seen(folder: Path) -> dict[str, int]:
    return dict(Counter(kind for name in TABLE_NAMES for kind in table_of(folder, name)["kind"]))


def test_rare_classes_are_refused_with_the_keys_that_treat_them(tmp_path: Path) -> None:
    refused = finding(tmp_path, kinds(), TASK)
    assert refused.code == "rare-class"
    assert "data.drop_classes_below = 8" in refused


def test_rare_classes_are_left_out_and_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = run(tmp_path, kinds(), {"target": "kind", "drop_classes_below": 10})
    assert left.classes == ("a", "b")
    assert seen(tmp_path) == {"a": 190, "b": 190}
    said = capsys.readouterr().out
    assert "kind: 20 rows" in said
    assert "3 rare classes" in said
    assert "data.drop_classes_below" in said


def test_rare_classes_are_put_together(tmp_path: Path) -> None:
    merged = run(tmp_path, kinds(), TASK | {"merge_classes_below": 10, "holdout_share": 0.5})
    assert merged.classes == (RARE, "a", "b")
    assert seen(tmp_path) == {"a": 190, "b": 190, RARE: 20}


def test_the_rarest_are_left_out_and_the_others_put_together(tmp_path: Path) -> None:
    run(tmp_path, kinds(), TASK | {"drop_classes_below": 6, "merge_classes_below": 10, "holdout_share": 0.7})
    assert seen(tmp_path) == {"a": 190, "b": 190, RARE: 15}


def test_classes_that_are_not_rare_stay_as_they_are(tmp_path: Path) -> None:
    table = machines()
    assert run(tmp_path, table, {"drop_classes_below": 10, "merge_classes_below": 10}) == run(tmp_path, table)


def test_a_regression_has_no_classes(tmp_path: Path) -> None:
    asked = {"target": "heat", "task": "regression", "drop_classes_below": 10}
    assert misuse(tmp_path, machines(), asked).code == "no-classes"


def test_the_class_of_the_rare_ones_is_refused_with_the_keys_that_fill_it_or_take_it_out(tmp_path: Path) -> None:
    refused = finding(tmp_path, kinds(), TASK | {"merge_classes_below": 9})
    assert refused.code == "rare-class"
    assert "'(rare)'" in refused
    assert "data.merge_classes_below = 9 rows: raise that limit" in refused
    assert "data.drop_classes_below = 9" in refused
    cleared: dict[str, object] = {"target": "kind", "merge_classes_below": 9, "drop_classes_below": 9}
    assert RARE not in run(tmp_path, kinds(), cleared).classes


def test_a_class_that_the_source_itself_calls_rare_is_a_class_like_another(tmp_path: Path) -> None:
    table = kinds()
    refused = finding(tmp_path, table.assign(kind=table["kind"].replace({"ice": RARE, "rust": "a"})), TASK)
    assert "data.drop_classes_below = 8" in refused


def test_a_positive_class_that_was_merged_is_named_with_the_limits(tmp_path: Path) -> None:
    table = kinds()
    table["kind"] = table["kind"].replace({"b": "a"})
    refused = misuse(tmp_path, table, {"target": "kind", "merge_classes_below": 10, "positive": "ice"})
    assert refused.code == "unknown-class"
    assert "merge_classes_below = 10" in refused
    assert f"{RARE!r} here" in refused
