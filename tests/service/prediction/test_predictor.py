"""What a prediction answers, records and counts, for each kind of task."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from onnx import helper

from contracts.model_folder import Golden, GoldenRow, model_digest
from contracts.request_log import PredictionRecord
from contracts.schema import Task
from testbed.cards import CLASSES
from testbed.clients import InProcess
from testbed.served_folders import ROW, graph, linear, output_of, probability, write_folder

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def served(tmp_path: Path, task: Task, **card: Any) -> InProcess:
    return InProcess(write_folder(tmp_path / "model", task, **card), tmp_path / "log")


def test_a_binary_answer_has_the_class_and_the_probability_of_the_positive_one(
    service: InProcess, folder: Path
) -> None:
    answer = service.post("/predict", ROW)
    assert answer.status_code == 200
    content = answer.json()
    assert UUID7.fullmatch(content.pop("id"))
    assert content == {
        "model": model_digest(folder),
        "prediction": "yes",
        "probability": pytest.approx(probability(ROW), abs=1e-6),
    }


def test_the_threshold_decides_the_class(tmp_path: Path) -> None:
    strict = served(tmp_path, "binary", threshold=0.95)
    assert strict.post("/predict", ROW).json()["prediction"] == "no"


def test_the_positive_class_may_stand_first(tmp_path: Path) -> None:
    turned = served(tmp_path, "binary", classes=("yes", "no"), positive="yes")
    answer = turned.post("/predict", ROW).json()
    assert answer["prediction"] == "no"
    assert answer["probability"] == pytest.approx(1 - probability(ROW), abs=1e-6)


def test_a_multiclass_answer_has_a_probability_for_each_class(tmp_path: Path) -> None:
    answer = served(tmp_path, "multiclass").post("/predict", ROW).json()
    required = dict(zip(CLASSES["multiclass"], output_of("multiclass", ROW), strict=True))
    assert answer["prediction"] == max(required, key=lambda name: required[name])
    assert answer["probabilities"] == pytest.approx(required, abs=1e-6)


def test_a_regression_answers_its_value(tmp_path: Path) -> None:
    answer = served(tmp_path, "regression").post("/predict", ROW).json()
    assert answer["prediction"] == pytest.approx(output_of("regression", ROW)[0], abs=1e-5)
    assert set(answer) == {"id", "model", "prediction"}


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_record_says_what_the_answer_said(tmp_path: Path, task: Task) -> None:
    made = served(tmp_path, task)
    answer = made.post("/predict", ROW).json()
    (line,) = made.records()
    record = PredictionRecord.model_validate_json(json.dumps(line))
    assert (record.id, record.model, record.prediction) == (answer["id"], answer["model"], answer["prediction"])
    assert record.features == ROW
    if task != "regression":
        assert record.probabilities == pytest.approx(output_of(task, ROW), abs=1e-6)


def test_a_batch_answers_row_by_row_what_single_requests_answer(service: InProcess) -> None:
    rows = [ROW, {**ROW, "class": None}, {**ROW, "plan/~ü": "never heard of"}]
    batch = service.post("/predict/batch", {"rows": rows}).json()["predictions"]
    single = [service.post("/predict", row).json() for row in rows]
    assert [one["probability"] for one in batch] == [one["probability"] for one in single]
    assert len({one["id"] for one in batch + single}) == 6
    assert [record["features"] for record in service.records()] == rows + rows


def test_a_batch_is_one_write_of_one_record_for_each_row(service: InProcess) -> None:
    service.post("/predict/batch", {"rows": [ROW] * 50})
    assert len(service.records()) == 50
    assert service.metric("log_records_written_total", log="predictions") == 50


def test_only_the_allowed_features_are_logged(tmp_path: Path) -> None:
    made = served(tmp_path, "binary", logged_features=("class", "town"))
    made.post("/predict", ROW)
    made.post("/predict/batch", {"rows": [ROW]})
    assert [record["features"] for record in made.records()] == [{"class": 1.0, "town": "Ulm"}] * 2


@pytest.mark.parametrize("layout", [None, 0, 3])
def test_each_record_is_one_line_whatever_the_white_space(service: InProcess, layout: int | None) -> None:
    text = json.dumps(ROW, indent=layout, ensure_ascii=False)
    assert service.send("/predict", text.encode()).status_code == 200
    batch = f'{{ "rows" : [ {text} , {text} ] }}'
    assert service.send("/predict/batch", batch.encode()).status_code == 200
    assert [record["features"] for record in service.records()] == [ROW] * 3


def test_braces_in_a_value_do_not_confuse_a_batch(service: InProcess) -> None:
    rows = [{**ROW, "town": "},{"}, {**ROW, "town": '"}, {"'}]
    assert service.post("/predict/batch", {"rows": rows}).status_code == 200
    assert [record["features"] for record in service.records()] == rows


def test_a_missing_value_may_be_null_or_left_out(service: InProcess) -> None:
    left_out = {name: value for name, value in ROW.items() if name not in ("class", "town")}
    null = {**ROW, "class": None, "town": None}
    assert service.post("/predict", left_out).json()["probability"] == pytest.approx(probability(null), abs=1e-6)
    assert service.post("/predict", null).json()["probability"] == pytest.approx(probability(null), abs=1e-6)


def test_what_is_odd_about_rows_is_counted_by_feature(service: InProcess) -> None:
    odd = {**ROW, "class": None, "town": None, "plan/~ü": "never heard of", "age in years": 121}
    service.post("/predict", odd)
    service.post("/predict/batch", {"rows": [odd, odd, ROW]})
    assert service.metric("missing_values_total", feature="class") == 3
    assert service.metric("missing_values_total", feature="town") == 3
    assert service.metric("unknown_categories_total", feature="plan/~ü") == 3
    assert service.metric("out_of_range_values_total", feature="age in years") == 3
    assert service.metric("unknown_categories_total", feature="town") == 0


def test_predictions_are_counted_and_their_distribution_kept(service: InProcess) -> None:
    service.post("/predict", ROW)
    service.post("/predict/batch", {"rows": [ROW, ROW]})
    assert service.metric("predictions_total", prediction="yes") == 3
    assert service.metric("score_count") == 3
    assert service.metric("score_sum") == pytest.approx(3 * probability(ROW), abs=1e-5)
    assert service.metric("score_bucket", le="1") == 3
    assert service.metric("batch_rows_sum") == 2


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
def test_a_row_without_a_finite_answer_is_refused_and_not_logged(tmp_path: Path, path: str) -> None:
    logarithm = graph("regression")
    logarithm.graph.node[-1].output[0] = "sum"
    logarithm.graph.node.append(helper.make_node("Log", ["sum"], ["value"]))
    golden = Golden(tolerance=1e-5, rows=(GoldenRow(inputs=ROW, output=(math.log(linear(ROW)),)),))
    made = served(tmp_path, "regression", model=logarithm, golden=golden)
    negative = {**ROW, "class": -1000}
    answer = made.post(path, negative if path == "/predict" else {"rows": [ROW, negative]})
    assert answer.status_code == 422
    assert answer.json()["type"].endswith(":no-finite-answer")
    assert made.records() == []
