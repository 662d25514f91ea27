"""How later stages read the tables of the data stage, and which ones they refuse."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contracts.data_manifest import DataManifest
from contracts.exits import UsageError
from contracts.features import MISSING, UNKNOWN, Feature
from contracts.schema import write_json
from contracts.stage import Build
from scoring.encoder import Encoder
from tests.refusals import refuses
from tests.training.toy_build import FEATURES, write_build
from training.tables import Table, TableError, load_manifest, load_table


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return write_build(tmp_path, rows=60)


def changed(build: Build, **columns: Any) -> Table:
    table = load_table(build, "train")
    return Table("train", table.frame.assign(**columns), table.manifest)


def rewritten(build: Build, **fields: Any) -> DataManifest:
    manifest = load_manifest(build).model_copy(update=fields)
    write_json(build.stage("data") / "data.json", manifest)
    return manifest


def test_the_matrix_is_what_the_service_would_encode(build: Build) -> None:
    table = load_table(build, "holdout")
    as_sent = [
        {str(name): None if value == MISSING or pd.isna(value) else value for name, value in row.items()}
        for row in table.frame[[one.name for one in FEATURES]].to_dict("records")
    ]
    matrix = table.matrix(FEATURES)
    np.testing.assert_array_equal(matrix, Encoder(FEATURES).rows(as_sent))
    assert matrix.dtype == np.float32
    assert np.isnan(matrix).any()


def test_the_columns_of_the_matrix_follow_the_model_and_not_the_table(build: Build) -> None:
    table = load_table(build, "train")
    np.testing.assert_array_equal(table.matrix(FEATURES[::-1]), table.matrix(FEATURES)[:, ::-1])


def test_a_category_that_the_model_has_not_seen_is_unknown_and_a_null_is_missing(build: Build) -> None:
    shop = pd.Series(["south", None, *["east"] * 58], dtype="object")
    matrix = changed(build, shop=shop).matrix([FEATURES[3]])
    assert matrix[:3, 0].tolist() == [UNKNOWN, 0, 1]


def test_text_kept_as_pandas_categories_gives_the_same_matrix(build: Build) -> None:
    table = load_table(build, "train")
    as_categories = changed(build, shop=table.frame["shop"].astype("category"))
    np.testing.assert_array_equal(as_categories.matrix(FEATURES), table.matrix(FEATURES))


def test_a_table_without_rows_gives_a_matrix_without_rows(build: Build) -> None:
    assert load_table(build, "train").take(np.arange(0)).matrix(FEATURES).shape == (0, 4)


def test_truth_is_1_for_the_positive_class_wherever_the_manifest_names_it(build: Build) -> None:
    rewritten(build, classes=("no", "yes"), positive="no")
    table = load_table(build, "train")
    assert table.manifest.classes == ("yes", "no")
    np.testing.assert_array_equal(table.truth, table.frame["answer"] == "no")


def test_truth_of_a_regression_is_the_value_itself(tmp_path: Path) -> None:
    table = load_table(write_build(tmp_path, "regression", rows=60), "train")
    assert table.truth.dtype == np.float64
    np.testing.assert_array_equal(table.truth, table.frame["answer"])


def test_clusters_say_which_rows_share_a_day(build: Build) -> None:
    table = load_table(build, "train")
    assert table.clusters is not None
    assert table.clusters.tolist() == [0] * 20 + [1] * 20 + [2] * 20


def test_days_are_numbered_in_order_of_time_also_where_rows_are_not(build: Build) -> None:
    days = load_table(build, "train").take(np.array([59, 0, 20])).days
    assert days is not None
    assert days.tolist() == [2, 0, 1]


def test_a_table_without_time_has_neither_days_nor_clusters(tmp_path: Path) -> None:
    table = load_table(write_build(tmp_path, rows=60, with_time=False), "train")
    assert table.days is None
    assert table.clusters is None


def test_only_the_columns_asked_for_are_read(build: Build) -> None:
    assert list(load_table(build, "holdout", columns=["age", "shop"]).frame) == ["age", "shop"]


def test_a_column_that_the_model_reads_and_the_table_lacks_is_refused(build: Build) -> None:
    with refuses(TableError, "no-column", "'weight'"):
        load_table(build, "train").matrix([Feature(name="weight", kind="numeric")])


@pytest.mark.parametrize(("name", "kind", "seen"), [("shop", "numeric", "text"), ("age", "categorical", "numbers")])
def test_a_column_of_another_kind_than_the_model_reads_is_refused(
    build: Build, name: str, kind: str, seen: str
) -> None:
    feature = Feature.model_validate({"name": name, "kind": kind})
    with refuses(TableError, "other-type", f"'{name}'", seen, kind):
        load_table(build, "train").matrix([feature])


def test_a_class_that_training_does_not_know_is_refused(build: Build) -> None:
    with refuses(TableError, "unknown-answer", "'perhaps'", "no, yes"):
        _ = changed(build, answer=["perhaps"] * 60).truth


def test_a_target_that_is_missing_is_refused(tmp_path: Path) -> None:
    build = write_build(tmp_path, "regression", rows=60)
    with pytest.raises(TableError, match="missing or infinite"):
        _ = changed(build, answer=np.nan).truth


def test_no_data_folder_is_refused_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with refuses(UsageError, "not-there", "`make data`"):
        load_table(Build(tmp_path), "train")


def test_a_table_that_is_gone_is_refused_with_the_command_that_makes_it(build: Build) -> None:
    (build.stage("data") / "holdout.parquet").unlink()
    with refuses(UsageError, "not-there", "holdout.parquet", "`make data`"):
        load_table(build, "holdout")


def test_a_torn_table_is_refused(build: Build) -> None:
    path = build.stage("data") / "train.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with refuses(UsageError, "unreadable", "`make data`"):
        load_table(build, "train")


def test_a_table_with_other_rows_than_the_manifest_says_is_refused(build: Build) -> None:
    path = build.stage("data") / "train.parquet"
    pd.read_parquet(path).iloc[:10].to_parquet(path)
    with refuses(UsageError, "other-rows", "10 rows", "60"):
        load_table(build, "train")
