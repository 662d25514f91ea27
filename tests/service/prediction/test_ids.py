"""Ids: ordered by time where they are new, the same for a replay where they are derived, else never the same."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from service.prediction.ids import IdSource, derived
from testbed.clients import InProcess
from testbed.served_folders import ROW

AT = 1_795_000_000_123_456


def test_new_ids_are_uuids_of_version_7_with_their_time() -> None:
    made = [uuid.UUID(IdSource().new(AT).decode()) for _ in range(3)]
    assert {one.version for one in made} == {7}
    assert {one.variant for one in made} == {uuid.RFC_4122}
    assert {one.int >> 80 for one in made} == {AT // 1000}


def test_many_new_ids_of_one_millisecond_are_all_different() -> None:
    source = IdSource()
    assert len({source.new(AT) for _ in range(10_000)}) == 10_000


def test_new_ids_sort_by_time() -> None:
    source = IdSource()
    made = [source.new(AT + step * 1000) for step in range(100)]
    assert made == sorted(made)


def test_a_derived_id_is_a_uuid_of_version_8() -> None:
    made = uuid.UUID(derived(b"name", "client", b"body").decode())
    assert (made.version, made.variant) == (8, uuid.RFC_4122)


def test_a_derived_id_depends_on_each_of_its_parts_and_on_where_they_end() -> None:
    parts = [("name", "client", "body"), ("other", "client", "body"), ("name", "other", "body")]
    parts += [("name", "client", "other"), ("nameb", "client", "ody"), ("namec", "lient", "body")]
    assert len({derived(name.encode(), client, body.encode()) for name, client, body in parts}) == len(parts)


@pytest.mark.parametrize("header", ["idempotency_key", "x_request_id"])
def test_a_replayed_request_gets_the_same_id_and_is_one_prediction_to_a_reader(service: InProcess, header: str) -> None:
    first, second = (service.post("/predict", ROW, **{header: "order-1"}).json() for _ in range(2))
    assert first == second
    assert {record["id"] for record in service.records()} == {first["id"]}


def test_a_replayed_batch_gets_the_same_ids_one_for_each_row(service: InProcess) -> None:
    first, second = (
        service.post("/predict/batch", {"rows": [ROW, ROW]}, x_request_id="order-1").json() for _ in range(2)
    )
    assert first == second
    assert len({one["id"] for one in first["predictions"]}) == 2


def test_a_restarted_service_derives_the_same_id(folder: Path, tmp_path: Path) -> None:
    answers = [
        InProcess(folder, tmp_path / name).post("/predict", ROW, idempotency_key="order-1").json() for name in "ab"
    ]
    assert answers[0]["id"] == answers[1]["id"]


def test_the_clients_name_wins_over_the_edges(service: InProcess) -> None:
    first = service.post("/predict", ROW, idempotency_key="order-1", x_request_id="edge-1").json()
    second = service.post("/predict", ROW, idempotency_key="order-1", x_request_id="edge-2").json()
    assert first["id"] == second["id"]


def test_one_name_for_different_rows_means_two_predictions(service: InProcess) -> None:
    first = service.post("/predict", ROW, x_request_id="same").json()
    second = service.post("/predict", {**ROW, "class": 2}, x_request_id="same").json()
    assert first["id"] != second["id"]


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
@pytest.mark.parametrize("name", ["", "a b", "a" * 201, "ünï"])
def test_an_unusable_name_is_refused(service: InProcess, path: str, name: str) -> None:
    body = ROW if path == "/predict" else {"rows": [ROW]}
    key: Any = name.encode("latin-1")
    answer = service.post(path, body, idempotency_key=key)
    assert answer.status_code == 400
    assert answer.json()["type"].endswith(":bad-header")
    assert service.records() == []
