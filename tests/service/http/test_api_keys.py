"""Keys and scopes: nothing is asked on a laptop; with a file, each route opens to its scope alone."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from contracts.exits import UsageError
from service.http.api_keys import Keys, read_keys
from testbed.clients import InProcess
from testbed.served_folders import ROW

CALLS: dict[str, tuple[str, str, bytes]] = {
    "/predict": ("predict", "POST", json.dumps(ROW).encode()),
    "/predict/batch": ("predict", "POST", json.dumps({"rows": [ROW]}).encode()),
    "/v2/models/drawn": ("predict", "GET", b""),
    "/feedback": ("feedback", "POST", b'{"labels":[1]}'),
    "/requests": ("export", "GET", b""),
    "/metrics": ("metrics", "GET", b""),
}
HEALTH = ("/livez", "/readyz", "/startupz", "/v2/health/live", "/v2/health/ready")
DESCRIBING = ("/model", "/docs", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/openapi.json", "/v2")


def entry(key: str, *scopes: str, identity: str = "", **more: object) -> dict[str, Any]:
    return {"id": identity or key, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": scopes, **more}


def keys_of(folder: Path, *entries: dict[str, Any]) -> Keys:
    path = folder / "keys.json"
    path.write_text(json.dumps({"keys": entries}))
    return read_keys(path)


@pytest.fixture
def guarded(folder: Path, tmp_path: Path) -> InProcess:
    scopes = ("predict", "feedback", "export", "metrics")
    keys = keys_of(tmp_path, *(entry(f"key-for-{scope}", scope) for scope in scopes), entry("key-for-all", *scopes))
    return InProcess(folder, tmp_path / "log", keys)


def call(service: InProcess, path: str, authorization: str | None) -> int:
    _, method, body = CALLS[path]
    headers: dict[str, str | bytes] = {"content-type": "application/json"}
    if authorization is not None:
        headers["authorization"] = authorization.encode("latin-1")
    return service.request(method, path, content=body, headers=headers).status_code


@pytest.mark.parametrize("path", CALLS)
def test_without_a_file_no_key_is_asked(service: InProcess, path: str) -> None:
    assert call(service, path, None) < 300


@pytest.mark.parametrize("path", CALLS)
def test_a_key_opens_what_its_scope_names(guarded: InProcess, path: str) -> None:
    assert call(guarded, path, f"Bearer key-for-{CALLS[path][0]}") < 300
    assert call(guarded, path, "bearer  key-for-all ") < 300


@pytest.mark.parametrize("path", CALLS)
def test_a_key_without_the_scope_is_told_so(guarded: InProcess, path: str) -> None:
    for scope in {"predict", "feedback", "export", "metrics"} - {CALLS[path][0]}:
        assert call(guarded, path, f"Bearer key-for-{scope}") == 403


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic key-for-all", "key-for-all", "Bearer \xfcber"],
)
def test_no_valid_key_is_told_so(guarded: InProcess, path: str, authorization: str | None) -> None:
    assert call(guarded, path, authorization) == 401


def test_a_refusal_says_how_to_bring_a_key_and_records_nothing(guarded: InProcess) -> None:
    answer = guarded.post("/predict", ROW)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert guarded.records() == []


@pytest.mark.parametrize("path", HEALTH)
def test_health_is_open(guarded: InProcess, path: str) -> None:
    assert guarded.get(path).status_code == 200


def test_every_other_route_needs_a_key(guarded: InProcess) -> None:
    routes = guarded.service.application.app.routes  # type: ignore[attr-defined]  # the innermost application is FastAPI's
    paths = {re.sub(r"{\w+}", "x", getattr(route, "path", "")) for route in routes}
    assert paths >= {*HEALTH, *DESCRIBING, "/predict"}
    for path in paths - set(HEALTH):
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            assert guarded.request(method, path).status_code == 401, (method, path)


@pytest.mark.parametrize("path", DESCRIBING)
@pytest.mark.parametrize("scope", ["predict", "feedback", "export", "metrics"])
def test_any_key_opens_what_describes_the_service(guarded: InProcess, path: str, scope: str) -> None:
    assert guarded.get(path, headers={"authorization": f"Bearer key-for-{scope}"}).status_code == 200


def test_what_is_not_there_is_not_found_with_a_key_alone(guarded: InProcess) -> None:
    assert guarded.get("/nothing").status_code == 401
    assert guarded.get("/nothing", headers={"authorization": "Bearer key-for-predict"}).status_code == 404


def test_the_log_has_the_keys_id_and_never_the_key(folder: Path, tmp_path: Path) -> None:
    service = InProcess(
        folder, tmp_path / "log", keys_of(tmp_path, entry("secret", "predict", "feedback", identity="web"))
    )
    headers = {"authorization": "Bearer secret"}
    identity = service.post("/predict", ROW, **headers).json()["id"]
    service.post("/predict/batch", {"rows": [ROW]}, **headers)
    service.post("/feedback", {"labels": [{"id": identity, "actual": "no"}]}, **headers)
    assert [record["key"] for record in service.records() + service.records("labels")] == ["web"] * 3
    assert not any("secret" in path.read_text() for path in service.log.iterdir())


def test_two_keys_are_valid_at_once_while_one_replaces_the_other(folder: Path, tmp_path: Path) -> None:
    keys = keys_of(tmp_path, entry("old", "predict"), entry("new", "predict"))
    service = InProcess(folder, tmp_path / "log", keys)
    assert {call(service, "/predict", f"Bearer {key}") for key in ("old", "new")} == {200}
    service.service.application.keys = keys_of(tmp_path, entry("new", "predict"))
    assert [call(service, "/predict", f"Bearer {key}") for key in ("old", "new")] == [401, 200]


def test_a_byte_order_mark_before_the_file_of_keys_is_passed_over(folder: Path, tmp_path: Path) -> None:
    keys_of(tmp_path, entry("a", "predict"))
    path = tmp_path / "keys.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert call(InProcess(folder, tmp_path / "log", read_keys(path)), "/predict", "Bearer a") == 200


def test_one_client_cannot_take_anothers_idempotency_key(folder: Path, tmp_path: Path) -> None:
    service = InProcess(folder, tmp_path / "log", keys_of(tmp_path, entry("a", "predict"), entry("b", "predict")))
    answers = [
        service.post("/predict", ROW, idempotency_key="order-1", authorization=f"Bearer {key}").json() for key in "ab"
    ]
    assert answers[0]["id"] != answers[1]["id"]


GOOD = entry("a", "predict")
FILES: dict[str, tuple[object, str]] = {
    "no JSON": ("{", "Invalid JSON"),
    "no keys": ({"keys": []}, "keys: Tuple should have at least 1 item"),
    "a key instead of its digest": ({"keys": [GOOD | {"sha256": "secret"}]}, "keys.0.sha256"),
    "an unknown scope": ({"keys": [GOOD | {"scopes": ["admin"]}]}, "keys.0.scopes.0"),
    "an id that would break a log line": ({"keys": [GOOD | {"id": 'a"'}]}, "keys.0.id"),
    "one more member": ({"keys": [GOOD | {"key": "secret"}]}, "keys.0.key"),
    "a pattern of ids": ({"keys": [GOOD | {"labels_for": ["web-*"]}]}, "keys.0.labels_for.0"),
    "one id twice": ({"keys": [GOOD, entry("b", "predict", identity="a")]}, "same id"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_list_of_keys_is_refused_with_the_place(tmp_path: Path, name: str) -> None:
    content, place = FILES[name]
    path = tmp_path / "keys.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(UsageError, match="API_KEYS_FILE is ") as refusal:
        read_keys(path)
    assert place in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_keys(tmp_path / "keys.json")
