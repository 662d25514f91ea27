"""Which answers are right. Status 200 alone is not."""

import json
from typing import Any

import pytest
from answers import NO_PREDICTION, NOT_JSON, OTHER_MODEL, fault
from plan import Request

MODEL = "sha256:" + "a" * 64
BINARY = Request(body="{}", labels=("true",), probability=0.62)
MULTICLASS = Request(body="{}", labels=("b",), probabilities={"a": 0.2, "b": 0.5, "c": 0.3})
REGRESSION = Request(body="{}", value=1234.5)


def judged(request: Request, status: int = 200, model: str = MODEL, **members: Any) -> str:
    return fault(status, json.dumps({"id": "1", "model": model, **members}).encode(), request, MODEL)


@pytest.mark.parametrize(
    ("request_", "members"),
    [
        (BINARY, {"prediction": "true", "probability": 0.620009}),
        (MULTICLASS, {"prediction": "b", "probabilities": {"a": 0.2, "b": 0.5, "c": 0.3}}),
        (REGRESSION, {"prediction": 1234.51}),
    ],
)
def test_the_models_own_answer_is_right(request_: Request, members: dict[str, Any]) -> None:
    assert judged(request_, **members) == ""


def test_on_the_border_between_two_classes_both_are_right() -> None:
    border = Request(body="{}", labels=("true", "false"), probability=0.4)
    assert (
        judged(border, prediction="true", probability=0.4) == judged(border, prediction="false", probability=0.4) == ""
    )


@pytest.mark.parametrize(
    ("request_", "members", "said"),
    [
        (BINARY, {"prediction": "false", "probability": 0.62}, "wrong prediction"),
        (BINARY, {"prediction": True, "probability": 0.62}, "wrong prediction"),
        (BINARY, {"prediction": "true", "probability": 0.62002}, "wrong probability"),
        (BINARY, {"prediction": "true"}, "wrong probability"),
        (BINARY, {"prediction": "true", "probability": None}, "wrong probability"),
        (BINARY, {"prediction": "true", "probability": float("nan")}, "wrong probability"),
        (BINARY, {"probability": 0.62}, NO_PREDICTION),
        (MULTICLASS, {"prediction": "a", "probabilities": {"a": 0.2, "b": 0.5, "c": 0.3}}, "wrong prediction"),
        (MULTICLASS, {"prediction": "b", "probabilities": {"a": 0.3, "b": 0.5, "c": 0.2}}, "wrong probabilities"),
        (MULTICLASS, {"prediction": "b", "probabilities": {"a": 0.2, "b": 0.5}}, "wrong probabilities"),
        (MULTICLASS, {"prediction": "b", "probabilities": [0.2, 0.5, 0.3]}, "wrong probabilities"),
        (REGRESSION, {"prediction": 1234.6}, "wrong prediction"),
        (REGRESSION, {"prediction": "1234.5"}, "wrong prediction"),
    ],
)
def test_a_wrong_answer_with_status_200_is_named(request_: Request, members: dict[str, Any], said: str) -> None:
    assert judged(request_, **members) == said


def test_another_status_is_named() -> None:
    assert judged(BINARY, status=503, prediction="true", probability=0.62) == "status 503"


def test_an_answer_of_another_model_is_named() -> None:
    assert judged(BINARY, model="sha256:b", prediction="true", probability=0.62) == OTHER_MODEL


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff", b'{"prediction": "true"'])
def test_what_is_not_json_is_named(content: bytes) -> None:
    assert fault(200, content, BINARY, MODEL) == NOT_JSON


def test_a_list_is_no_answer() -> None:
    assert fault(200, b"[1]", BINARY, MODEL) == NO_PREDICTION
