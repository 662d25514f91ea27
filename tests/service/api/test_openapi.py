"""The documentation is true: it names every feature and every status, and answers are what it says."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from contracts.model_folder import ModelCard
from service.http.problems import KINDS
from testbed.cards import CLASSES
from testbed.clients import InProcess
from testbed.served_folders import FEATURES, ROW, write_folder


@pytest.fixture
def document(service: InProcess) -> dict[str, Any]:
    found: dict[str, Any] = service.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, operation) for path, methods in document["paths"].items() for operation in methods.values()]


def test_every_feature_is_named_with_type_meaning_and_example(document: dict[str, Any]) -> None:
    row = document["components"]["schemas"]["Row"]
    assert list(row["properties"]) == [one.name for one in FEATURES]
    assert row["required"] == [one.name for one in FEATURES if not one.may_be_missing]
    assert row["additionalProperties"] is False
    for feature in FEATURES:
        shown = row["properties"][feature.name]
        assert shown["examples"] == [feature.example]
        assert shown["description"]
        assert "type" in shown or "anyOf" in shown


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("age in years", "0 to 120 in training; never missing"),
        ("class", "-5 to 5 in training; missing in 25.00% of training"),
        ("plan/~ü", "one of basic, plus, pro; never missing"),
    ],
)
def test_a_feature_says_what_training_saw(document: dict[str, Any], name: str, meaning: str) -> None:
    assert document["components"]["schemas"]["Row"]["properties"][name]["description"] == meaning


def test_the_example_in_the_documentation_is_answered(service: InProcess, document: dict[str, Any]) -> None:
    for path in ("/predict", "/predict/batch"):
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        schema = content["schema"]
        (example,) = content.get("examples") or schema["examples"]
        assert service.post(path, example).status_code == 200


def test_every_refusal_has_an_example_somewhere(document: dict[str, Any]) -> None:
    shown = {
        one["value"]["type"]
        for _, operation in operations(document)
        for response in operation["responses"].values()
        for one in response.get("content", {}).get("application/problem+json", {}).get("examples", {}).values()
    }
    unmatched = {"urn:gatehouse:problem:wrong-method"}
    assert shown == {kind.uri for kind in KINDS} - unmatched


def test_no_refusal_is_documented_in_a_form_that_is_never_sent(document: dict[str, Any]) -> None:
    for path, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (path, status)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [one for value in node.values() for one in references(value)]
        return [one for value in node for one in references(value)] if isinstance(node, list) else []

    for reference in set(references(document)):
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_an_answer_is_what_the_document_says(tmp_path: Path, task: Any) -> None:
    service = InProcess(write_folder(tmp_path / "model", task), tmp_path / "log")
    schema = service.get("/openapi.json").json()["components"]["schemas"]["Prediction"]
    answer = service.post("/predict", ROW).json()
    assert list(answer) == list(schema["properties"])
    assert set(schema["required"]) == set(answer)
    if CLASSES[service.service.predictor.model.card.task]:
        assert schema["properties"]["prediction"]["enum"] == list(CLASSES[task])


def test_the_model_card_is_served_as_it_is(service: InProcess) -> None:
    assert TypeAdapter(ModelCard).validate_json(service.get("/model").content) == service.service.predictor.model.card


def test_the_documentations_page_is_there(service: InProcess) -> None:
    page = service.get("/docs")
    assert page.status_code == 200
    assert "/openapi.json" in page.text


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/predict", 405), ("PUT", "/predict/batch", 405), ("POST", "/model", 405), ("GET", "/nowhere", 404),
    ("GET", "/predict/", 404), ("GET", "/redoc", 404), ("OPTIONS", "/predict", 405), ("DELETE", "/model", 405),
])  # fmt: skip
def test_what_is_not_there_is_a_problem_too(service: InProcess, method: str, path: str, status: int) -> None:
    answer = service.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 405:
        assert answer.headers["allow"]
