"""The hostile corpus, against the real server: every body is answered as documented, briefly, and never repeated."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from testbed.clients import InProcess, Process, records_in
from testbed.hostile import ACCEPTED, BATCHES, GOOD, MARK, REFUSED, with_value
from testbed.served_folders import ROW

JSON = {"content-type": "application/json"}
LARGEST_ANSWER = 2000
LARGEST_GROWTH = 20 * 1024 * 1024


@pytest.fixture(scope="module")
def client(process: Process) -> Iterator[httpx.Client]:
    with process.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def documented(client: httpx.Client) -> dict[str, Any]:
    paths: dict[str, Any] = client.get("/openapi.json").json()["paths"]
    return paths


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(REFUSED) + len(ACCEPTED) >= 80


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_body_is_refused_as_documented_and_not_repeated(
    client: httpx.Client, documented: dict[str, Any], name: str
) -> None:
    answer = client.post("/predict", content=REFUSED[name], headers=JSON)
    check_refusal(answer, documented["/predict"]["post"]["responses"])


@pytest.mark.parametrize("name", BATCHES)
def test_a_hostile_batch_is_refused_as_documented_and_not_repeated(
    client: httpx.Client, documented: dict[str, Any], name: str
) -> None:
    answer = client.post("/predict/batch", content=BATCHES[name], headers=JSON)
    check_refusal(answer, documented["/predict/batch"]["post"]["responses"])


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_strange_but_valid_body_is_answered_and_logged_as_one_record(
    client: httpx.Client, process: Process, name: str
) -> None:
    answer = client.post("/predict", content=ACCEPTED[name], headers=JSON)
    assert answer.status_code == 200
    (record,) = [one for one in records_in(process.log, "predictions") if one["id"] == answer.json()["id"]]
    assert record["features"] == json.loads(ACCEPTED[name])


def check_refusal(answer: httpx.Response, responses: dict[str, Any]) -> None:
    assert 400 <= answer.status_code < 500
    assert str(answer.status_code) in responses
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) <= LARGEST_ANSWER
    assert MARK not in answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    shown = responses[str(answer.status_code)]["content"]["application/problem+json"]["examples"].values()
    assert problem["type"] in [one["value"]["type"] for one in shown]


def test_no_hostile_body_leaves_memory_behind(client: httpx.Client, process: Process) -> None:
    everything = [*REFUSED.values(), *ACCEPTED.values()]
    for body in everything:
        client.post("/predict", content=body, headers=JSON)
    before = process.resident_bytes()
    for body in everything:
        client.post("/predict", content=body, headers=JSON)
    assert process.resident_bytes() - before < LARGEST_GROWTH


@pytest.mark.parametrize(
    ("body", "pointer", "required"),
    [
        (with_value("age in years", '"x"'), "#/age in years", "a finite number within float32"),
        (with_value("plan/~ü", "1"), "#/plan~1~0ü", "a string of at most 256 characters"),
        (with_value("is_new", "1"), "#/is_new", "true or false"),
        (with_value("class", '"x"'), "#/class", "a finite number within float32, or null"),
        (GOOD.replace(b'"is_new":true,', b""), "#/is_new", "present: true or false"),
        (GOOD[:-1] + b',"zQ9mark":1}', "#", "no member that /docs does not name"),
    ],
)
def test_a_refusal_says_where_and_what_is_required(
    service: InProcess, body: bytes, pointer: str, required: str
) -> None:
    problem = service.send("/predict", body).json()
    assert problem["errors"] == [{"pointer": pointer, "required": required}]


def test_a_refusal_in_a_batch_names_the_row(service: InProcess) -> None:
    problem = service.post("/predict/batch", {"rows": [ROW, {**ROW, "class": "x"}]}).json()
    assert [error["pointer"] for error in problem["errors"]] == ["#/rows/1/class"]


def test_many_errors_are_cut_and_counted(service: InProcess) -> None:
    problem = service.post("/predict/batch", {"rows": [{}] * 50}).json()
    assert len(problem["errors"]) == 8
    assert problem["more_errors"] == 50 * 3 - 8


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "application/jsonx"],
)
def test_another_type_than_json_is_refused(service: InProcess, content_type: str) -> None:
    assert service.send("/predict", GOOD, content_type=content_type).status_code == 415


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;"])
def test_json_may_be_named_in_its_other_ways(service: InProcess, content_type: str) -> None:
    assert service.send("/predict", GOOD, content_type=content_type).status_code == 200


def test_a_compressed_body_is_refused(service: InProcess) -> None:
    assert service.send("/predict", GOOD, content_encoding="gzip").status_code == 415


def test_refusals_are_counted_by_kind(service: InProcess) -> None:
    service.send("/predict", b"{")
    service.send("/predict", b"{}")
    assert service.metric("refusals_total", problem="not-json") == 1
    assert service.metric("refusals_total", problem="does-not-fit") == 1
    assert service.metric("requests_total", route="/predict", status="4xx") == 2
    assert service.records() == []
