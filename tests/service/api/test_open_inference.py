"""The Open Inference Protocol: JSON and binary tensors in and out, held to the same schema as /predict/batch."""

import json
import struct
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from testbed.clients import InProcess
from testbed.served_folders import FEATURES, ROW, probability, write_folder

INFER = "/v2/models/drawn/infer"
DATATYPES = {"numeric": "FP32", "boolean": "BOOL", "categorical": "BYTES"}
KINDS = {one.name: one.kind for one in FEATURES}
ROWS = [ROW, {**ROW, "class": None, "_private": True}]


def tensor(name: str, values: list[Any], **changes: Any) -> dict[str, Any]:
    made = {"name": name, "shape": [len(values)], "datatype": DATATYPES[KINDS[name]], "data": values}
    return {key: value for key, value in (made | changes).items() if value is not None}


def inputs(rows: list[dict[str, Any]] = ROWS, **changes: dict[str, Any]) -> list[dict[str, Any]]:
    """A tensor for each feature; `changes` by feature (with _ for a space)."""
    named = {name.replace("_", " ") if name not in KINDS else name: change for name, change in changes.items()}
    return [tensor(name, [row[name] for row in rows], **named.get(name, {})) for name in ROW]


def binary(values: list[Any], datatype: str) -> bytes:
    if datatype == "BYTES":
        return b"".join(struct.pack("<I", len(one.encode())) + one.encode() for one in values)
    if datatype == "BOOL":
        return bytes(values)
    return np.array([np.nan if one is None else one for one in values], "<f4").tobytes()


def in_binary(rows: list[dict[str, Any]], **request: Any) -> tuple[bytes, dict[str, str]]:
    """The request as Triton's own client sends it by default: no content type, tensors after the JSON."""
    described, content = [], b""
    for name in ROW:
        raw = binary([row[name] for row in rows], DATATYPES[KINDS[name]])
        described.append(tensor(name, [0] * len(rows), data=None, parameters={"binary_data_size": len(raw)}))
        content += raw
    text = json.dumps({"inputs": described, **request}).encode()
    return text + content, {"inference-header-content-length": str(len(text))}


def output(answer: httpx.Response, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in answer.json()["outputs"] if one["name"] == name)
    return found


def test_json_tensors_are_predicted_and_logged(service: InProcess) -> None:
    answer = service.post(INFER, {"id": "mine", "inputs": inputs()})
    assert answer.status_code == 200
    assert answer.json()["id"] == "mine"
    assert answer.json()["model_name"] == "drawn"
    assert output(answer, "prediction")["data"] == ["yes", "yes"]
    probabilities = output(answer, "probabilities")
    assert probabilities["shape"] == [2, 2]
    assert probabilities["data"][1::2] == pytest.approx([probability(row) for row in ROWS], abs=1e-6)
    assert [record["id"] for record in service.records()] == output(answer, "id")["data"]
    assert [record["features"] for record in service.records()] == ROWS


def test_columns_of_one_are_read_as_rows(service: InProcess) -> None:
    two = [tensor(name, [[row[name]] for row in ROWS], shape=[2, 1]) for name in ROW]
    assert service.post(INFER, {"inputs": two}).status_code == 200


def test_binary_tensors_are_read_and_a_nan_is_a_missing_value(service: InProcess) -> None:
    body, headers = in_binary(ROWS)
    answer = service.request("POST", INFER, content=body, headers=headers)
    assert answer.status_code == 200
    assert output(answer, "probabilities")["data"][1::2] == pytest.approx([probability(row) for row in ROWS], abs=1e-6)
    assert service.metric("missing_values_total", feature="class") == 1


def test_outputs_are_binary_where_asked(service: InProcess) -> None:
    body, headers = in_binary(ROWS, parameters={"binary_data_output": True})
    answer = service.request("POST", INFER, content=body, headers=headers)
    length = int(answer.headers["inference-header-content-length"])
    described = json.loads(answer.content[:length])["outputs"]
    sizes = {one["name"]: one["parameters"]["binary_data_size"] for one in described}
    assert sum(sizes.values()) == len(answer.content) - length
    start = length + sizes["prediction"]
    probabilities = np.frombuffer(answer.content[start : start + sizes["probabilities"]], "<f4")
    assert probabilities[1::2] == pytest.approx([probability(row) for row in ROWS], abs=1e-6)


def test_only_the_outputs_that_were_asked_for_are_given(service: InProcess) -> None:
    asked = [{"name": "prediction", "parameters": {"binary_data": False}}]
    answer = service.post(INFER, {"inputs": inputs(), "outputs": asked})
    assert [one["name"] for one in answer.json()["outputs"]] == ["prediction"]


def test_a_feature_that_may_be_missing_may_be_left_out(service: InProcess) -> None:
    present = [one for one in inputs() if one["name"] not in ("class", "town", "_private")]
    assert service.post(INFER, {"inputs": present}).status_code == 200


def test_a_regression_gives_its_value(tmp_path: Path) -> None:
    made = InProcess(write_folder(tmp_path / "model", "regression"), tmp_path / "log")
    answer = made.post(INFER, {"inputs": inputs()})
    assert output(answer, "prediction")["datatype"] == "FP32"
    assert made.get("/v2/models/drawn").json()["outputs"][0] == {
        "name": "prediction",
        "datatype": "FP32",
        "shape": [-1],
    }


def test_the_metadata_names_every_feature(service: InProcess) -> None:
    metadata = service.get("/v2/models/drawn").json()
    assert {one["name"]: one["datatype"] for one in metadata["inputs"]} == {
        name: DATATYPES[kind] for name, kind in KINDS.items()
    }
    assert metadata["outputs"][1] == {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}


def test_health_and_server_metadata_answer(service: InProcess) -> None:
    assert service.get("/v2/health/live").json() == {"live": True}
    assert service.get("/v2/health/ready").json() == {"ready": True}
    assert service.get("/v2/models/drawn/ready").json() == {"name": "drawn", "ready": True}
    assert "binary_tensor_data" in service.get("/v2").json()["extensions"]


REFUSED: dict[str, object] = {
    "no inputs": {"inputs": []},
    "not an object": [1],
    "one more member": {"inputs": inputs(), "model": "x"},
    "an unknown feature": {"inputs": [*inputs(), {**inputs()[0], "name": "zQ9mark"}]},
    "a feature twice": {"inputs": [*inputs(), inputs()[0]]},
    "a required feature missing": {"inputs": inputs()[1:]},
    "rows of different numbers": {"inputs": [*inputs()[1:], tensor("age in years", [1.0])]},
    "a shape that is not the data's": {"inputs": inputs(age_in_years={"shape": [3]})},
    "a shape of two columns": {"inputs": inputs(age_in_years={"shape": [2, 2]})},
    "a huge shape": {"inputs": inputs(age_in_years={"shape": [2**60]})},
    "an unknown type": {"inputs": inputs(age_in_years={"datatype": "COMPLEX"})},
    "a number as text": {"inputs": inputs(age_in_years={"datatype": "BYTES"})},
    "a category as a number": {"inputs": inputs(town={"datatype": "FP32", "data": [1, 2]})},
    "a boolean as a number": {"inputs": inputs(is_new={"data": [0, 1]})},
    "text in a number's data": {"inputs": inputs(age_in_years={"data": ["zQ9mark", 1]})},
    "null where none may be missing": {"inputs": inputs(age_in_years={"data": [None, 1]})},
    "a number beyond float32": {"inputs": inputs(age_in_years={"data": [1e39, 1]})},
    "ragged data": {"inputs": inputs(age_in_years={"data": [[1], [1, 2]]})},
    "data and a binary size": {"inputs": inputs(age_in_years={"parameters": {"binary_data_size": 8}})},
    "no data": {"inputs": inputs(age_in_years={"data": None})},
    "a negative binary size": {"inputs": inputs(age_in_years={"data": None, "parameters": {"binary_data_size": -1}})},
    "a binary size beyond the body": {
        "inputs": inputs(age_in_years={"data": None, "parameters": {"binary_data_size": 8}})
    },
    "too many rows": {"inputs": inputs([ROW] * 51)},
    "an unknown output": {"inputs": inputs(), "outputs": [{"name": "zQ9mark"}]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_that_does_not_fit_is_refused_with_an_error_and_not_logged(service: InProcess, name: str) -> None:
    answer = service.post(INFER, REFUSED[name])
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert "zQ9mark" not in answer.text
    assert len(answer.content) <= 2000
    assert service.records() == []


@pytest.mark.parametrize(("body", "headers", "status"), [
    (b"{", {}, 400),
    (b'{"inputs":NaN}', {}, 400),
    (b'{"inputs":[],"inputs":[]}', {}, 400),
    (b"[" * 30_000, {}, 400),
    (b"{}", {"inference-header-content-length": "3"}, 422),
    (b"{}", {"inference-header-content-length": "-1"}, 422),
    (b"{}", {"inference-header-content-length": "9" * 5000}, 422),
    (b"{}", {"inference-header-content-length": "x"}, 422),
    (b"x" * 200_000, {}, 413),
])  # fmt: skip
def test_a_body_that_is_no_request_is_refused(
    service: InProcess, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = service.request("POST", INFER, content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize("cut", [1, 4, 9, 30])
def test_binary_tensors_that_were_cut_are_refused(service: InProcess, cut: int) -> None:
    body, headers = in_binary(ROWS)
    assert service.request("POST", INFER, content=body[:-cut], headers=headers).status_code == 422
    assert service.request("POST", INFER, content=body + b"x" * cut, headers=headers).status_code == 422


def test_a_string_tensor_that_lies_about_its_lengths_is_refused(service: InProcess) -> None:
    raw = struct.pack("<I", 2**32 - 1) + b"Ulm"
    lying = tensor("town", [0], data=None, parameters={"binary_data_size": len(raw)})
    others = [tensor(name, [ROW[name]]) for name in ROW if name != "town"]
    text = json.dumps({"inputs": [*others, lying]}).encode()
    headers = {"inference-header-content-length": str(len(text))}
    assert service.request("POST", INFER, content=text + raw, headers=headers).status_code == 422


@pytest.mark.parametrize("path", ["/v2/models/other", "/v2/models/other/ready", "/v2/models/drawn/versions/1"])
def test_another_model_is_not_found(service: InProcess, path: str) -> None:
    answer = service.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]


def test_another_model_infers_nothing(service: InProcess) -> None:
    assert service.post("/v2/models/other/infer", {"inputs": inputs()}).status_code == 404
