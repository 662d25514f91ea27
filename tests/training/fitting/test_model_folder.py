"""The model folder: its golden rows, its reference out of fold, and loading it again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contracts.features import MISSING
from contracts.model_folder import Golden, GoldenRow, ModelCard, ModelFolderError, read_card, sha256_of
from contracts.schema import Task
from scoring.scorer import Scorer
from testbed.cards import card
from tests.refusals import refuses
from tests.training.toy_build import CLASSES, FEATURES, write_build
from training.fitting.candidates import find_candidates
from training.fitting.export import export
from training.fitting.model_folder import UNSEEN_CATEGORY, golden_of, reference_of, write_model_folder
from training.tables import Table, load_table

BUILT_IN = {"binary": "logistic", "multiclass": "logistic", "regression": "ridge"}


@dataclass(frozen=True)
class Parts:
    """A fitted model and all that is written of it."""

    model: Any
    graph: bytes
    card: ModelCard
    holdout: Table
    train: Table

    @property
    def scorer(self) -> Scorer:
        return Scorer(self.card, "", self.graph)


def parts(root: Path, task: Task = "binary") -> Parts:
    build = write_build(root, task)
    train, holdout = load_table(build, "train"), load_table(build, "holdout")
    candidate = find_candidates([BUILT_IN[task]], FEATURES, task, 7, 1)[0]
    model = candidate.make({}).fit(train.matrix(FEATURES), train.truth)
    made = card(FEATURES, task, name="toy", classes=CLASSES[task], threshold=None, estimator=candidate.name)
    return Parts(model, export(model, len(FEATURES), task), made, holdout, train)


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return parts(tmp_path_factory.mktemp("binary"))


def test_golden_rows_run_from_the_lowest_score_to_the_highest(binary: Parts) -> None:
    golden = golden_of(binary.model, binary.scorer, binary.holdout)
    probability = binary.model.predict_proba(binary.holdout.matrix(FEATURES))[:, 1]
    unchanged = [row.output[1] for row in golden.rows[::2]]
    assert len(golden.rows) == 20
    assert unchanged == sorted(unchanged)
    assert unchanged[0] == pytest.approx(probability.min())


def test_golden_rows_hold_each_missing_value_and_each_unseen_category(binary: Parts) -> None:
    inputs = [row.inputs for row in golden_of(binary.model, binary.scorer, binary.holdout).rows]
    for name in ("size", "is_new", "shop"):
        assert None in [row[name] for row in inputs]
    assert UNSEEN_CATEGORY in [row["shop"] for row in inputs]
    assert None not in [row["age"] for row in inputs]  # training saw none missing, so the service refuses it
    assert MISSING not in [row["shop"] for row in inputs]  # a client sends null


def test_golden_rows_are_what_a_client_would_send(binary: Parts) -> None:
    rows = golden_of(binary.model, binary.scorer, binary.holdout).rows
    assert {type(row.inputs["is_new"]) for row in rows} == {bool, type(None)}
    numbers = [row.inputs["size"] for row in rows if row.inputs["size"] is not None]
    assert all(len(str(number)) <= 13 for number in numbers)


def test_a_holdout_of_three_rows_gives_three_golden_rows(binary: Parts) -> None:
    assert len(golden_of(binary.model, binary.scorer, binary.holdout.take(np.arange(3))).rows) == 3


def test_golden_rows_of_a_regression_have_one_value(tmp_path: Path) -> None:
    made = parts(tmp_path, "regression")
    rows = golden_of(made.model, made.scorer, made.holdout).rows
    assert {len(row.output) for row in rows} == {1}


def test_a_graph_that_is_another_model_has_no_golden_rows(binary: Parts) -> None:
    half = binary.train.take(np.arange(100))
    other = find_candidates(["logistic"], FEATURES, "binary", 7, 1)[0].make({}).fit(half.matrix(FEATURES), half.truth)
    with refuses(ModelFolderError, "no-golden-row", "5e-06", "20 rows"):
        golden_of(other, binary.scorer, binary.holdout)


def test_the_reference_is_a_seeded_sample_in_order_of_the_table(binary: Parts) -> None:
    probability = np.linspace(0, 1, 300, dtype=np.float32)
    predicted = np.column_stack([1 - probability, probability])
    reference, again, other = (reference_of(binary.train, predicted, 50, seed) for seed in (7, 7, 8))
    assert list(reference) == ["size", "age", "is_new", "shop", "answer", "at", "prediction"]
    assert len(reference) == 50
    assert reference["at"].is_monotonic_increasing
    pd.testing.assert_frame_equal(reference, again)
    assert reference["at"].tolist() != other["at"].tolist()


def test_a_reference_row_has_the_prediction_of_that_row(binary: Parts) -> None:
    probability = np.linspace(0, 1, 300, dtype=np.float32)
    reference = reference_of(binary.train, np.column_stack([1 - probability, probability]), 50, 7)
    by_time = dict(zip(binary.train.frame["at"], probability, strict=True))
    assert reference["prediction"].tolist() == [by_time[at] for at in reference["at"]]


def test_a_small_table_is_its_own_reference(binary: Parts) -> None:
    assert len(reference_of(binary.train, np.full((300, 2), 0.5, np.float32), 5000, 7)) == 300


def test_predictions_of_several_classes_are_their_names(tmp_path: Path) -> None:
    table = load_table(write_build(tmp_path, "multiclass", rows=60, with_time=False), "train")
    predicted = np.eye(3, dtype=np.float32)[np.arange(60) % 3]
    reference = reference_of(table, predicted, 60, 7)
    assert reference["prediction"].tolist() == ["a", "b", "c"] * 20
    assert "at" not in reference


def test_the_reference_of_a_table_with_groups_has_whole_groups_by_number(tmp_path: Path) -> None:
    table = load_table(write_build(tmp_path, "binary", rows=400, with_time=False, with_groups=True), "train")
    names = [f"person {place // 4}" for place in range(400)]
    table = Table("train", table.frame.assign(cluster=names), table.manifest)
    reference = reference_of(table, np.full((400, 2), 0.5, np.float32), 250, 7)
    assert reference["cluster"].value_counts().unique().tolist() == [4]
    assert 240 <= len(reference) <= 250
    assert reference["cluster"].dtype.kind == "i"
    whole = reference_of(table, np.full((400, 2), 0.5, np.float32), 5000, 7)
    assert whole["cluster"].tolist() == [place // 4 for place in range(400)]


def test_equal_rows_are_groups_too_where_there_are_many(tmp_path: Path) -> None:
    table = load_table(write_build(tmp_path, "binary", rows=400, with_time=False), "train")
    predicted = np.full((400, 2), 0.5, np.float32)
    assert "cluster" not in reference_of(table, predicted, 5000, 7)
    twice = Table("train", table.frame.iloc[np.arange(400) // 2].reset_index(drop=True), table.manifest)
    for rows in (5000, 250):
        groups = reference_of(twice, predicted, rows, 7)["cluster"].to_numpy()
        assert (groups[::2] == groups[1::2]).all()
        assert len(np.unique(groups)) > 0.4 * len(groups)


def test_of_groups_too_large_for_the_reference_it_has_a_few_rows_each(tmp_path: Path) -> None:
    table = load_table(write_build(tmp_path, "binary", rows=400, with_time=False, with_groups=True), "train")
    table = Table(
        "train", table.frame.assign(cluster=[f"machine {place // 50}" for place in range(400)]), table.manifest
    )
    reference = reference_of(table, np.full((400, 2), 0.5, np.float32), 250, 7)
    assert (len(reference), reference["cluster"].nunique()) == (250, 8)


def test_the_written_folder_is_loaded_and_names_the_sha256_of_every_file(binary: Parts, tmp_path: Path) -> None:
    golden = golden_of(binary.model, binary.scorer, binary.holdout)
    reference = reference_of(binary.train, np.full((300, 2), 0.5, np.float32), 50, 7)
    scorer = write_model_folder(tmp_path / "model", binary.card, binary.graph, golden, reference)
    assert scorer.digest == f"sha256:{sha256_of(tmp_path / 'model' / 'model.json')}"
    assert read_card(tmp_path / "model").files == {
        name: sha256_of(tmp_path / "model" / name) for name in ("model.onnx", "reference.parquet", "golden.json")
    }


def test_a_folder_whose_golden_rows_do_not_hold_is_refused(binary: Parts, tmp_path: Path) -> None:
    row = golden_of(binary.model, binary.scorer, binary.holdout).rows[0]
    wrong = Golden(tolerance=1e-5, rows=(GoldenRow(inputs=row.inputs, output=row.output[::-1]),))
    reference = reference_of(binary.train, np.full((300, 2), 0.5, np.float32), 50, 7)
    with refuses(ModelFolderError, "golden-rows-differ", "row 0"):
        write_model_folder(tmp_path / "model", binary.card, binary.graph, wrong, reference)
