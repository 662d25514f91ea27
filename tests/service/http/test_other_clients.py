"""What clients, proxies and pages send that curl does not, and the settings that are for them."""

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from contracts.exits import UsageError
from service.api.inference_messages import version_of
from testbed.clients import InProcess, running, settings_of
from testbed.served_folders import ROW

GET_ROUTES = (
    "/model",
    "/livez",
    "/readyz",
    "/metrics",
    "/requests",
    "/docs",
    "/openapi.json",
    "/v2",
    "/v2/models/drawn",
)
PAGE = "https://shop.example"
BODY = json.dumps(ROW).encode()


@pytest.mark.parametrize("path", GET_ROUTES)
def test_head_is_get_without_the_body(service: InProcess, path: str) -> None:
    service.post("/predict", ROW)
    by_get, by_head = service.get(path), service.request("HEAD", path)
    assert (by_head.status_code, by_head.content) == (200, b"")
    assert by_head.headers["content-type"] == by_get.headers["content-type"]
    if path not in ("/metrics", "/requests"):
        assert by_head.headers["content-length"] == str(len(by_get.content))


@pytest.mark.parametrize("path", ["/predict", "/feedback"])
def test_head_of_a_route_without_get_is_refused(service: InProcess, path: str) -> None:
    assert service.request("HEAD", path).status_code == 405


@pytest.mark.parametrize("content_type", [
    "application/json; charset=utf8", "application/json;charset=UTF-8", 'application/json; charset="utf-8"',
    "application/json;", "application/json; charset=utf-8;", "application/json; version=1", "application/json; q",
    "application/json; odata.metadata=minimal; charset=utf-8", "application/json; charset=us-ascii",
])  # fmt: skip
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/feedback"])
def test_json_is_known_by_each_way_to_name_it(service: InProcess, path: str, content_type: str) -> None:
    bodies = {"/predict": ROW, "/predict/batch": {"rows": [ROW]}, "/feedback": {"labels": [1]}}
    assert service.post(path, bodies[path], content_type=content_type).status_code < 300


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-16", "text/json", "application/json, text/plain"]
)
def test_another_type_or_charset_is_not(service: InProcess, content_type: str) -> None:
    assert service.post("/predict", ROW, content_type=content_type).status_code == 415


@pytest.mark.parametrize(("encoding", "status"), [
    ("identity", 200), ("Identity", 200), ("", 200), ("gzip", 415), ("identity, gzip", 415), ("br", 415),
])  # fmt: skip
def test_a_body_that_says_it_is_not_encoded_is_read(service: InProcess, encoding: str, status: int) -> None:
    for path, body in (("/predict", ROW), ("/predict/batch", {"rows": [ROW]})):
        assert service.post(path, body, content_encoding=encoding).status_code == status


def test_accept_on_several_lines_is_one_list(service: InProcess) -> None:
    def answered(*accepts: str) -> int:
        headers = [("content-type", "application/json"), *(("accept", one) for one in accepts)]
        return service.request("POST", "/predict/batch", headers=headers, content=b'{"rows":[%b]}' % BODY).status_code

    assert answered("application/json", "image/png") == answered("image/png", "application/json") == 200
    assert answered("image/png", "text/html") == 406


@pytest.mark.parametrize("lines", [["a, b"], ["a,b"], ["a", "b"], ["a , b"]])
def test_a_request_id_to_which_a_proxy_added_its_own_is_one_name(service: InProcess, lines: list[str]) -> None:
    def made() -> str:
        headers = [("content-type", "application/json"), *(("x-request-id", one) for one in lines)]
        answer = service.request("POST", "/predict", headers=headers, content=BODY)
        assert answer.status_code == 200
        return str(answer.json()["id"])

    assert made() == made() != service.post("/predict", ROW, x_request_id="a").json()["id"]


@pytest.mark.parametrize(("keys", "status"), [(["k", "k"], 200), (["k, k"], 200), (["k", "l"], 400), (["k, l"], 400)])
def test_an_idempotency_key_may_be_repeated_but_not_contradicted(
    service: InProcess, keys: list[str], status: int
) -> None:
    headers = [("content-type", "application/json"), *(("idempotency-key", one) for one in keys)]
    answer = service.request("POST", "/predict", headers=headers, content=BODY)
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["id"] == service.post("/predict", ROW, idempotency_key="k").json()["id"]


def test_two_types_that_differ_are_none(service: InProcess) -> None:
    headers = [("idempotency-key", "k"), ("idempotency-key", "k"), ("content-type", "text/plain"),
               ("content-type", "application/json")]  # fmt: skip
    assert service.request("POST", "/predict", headers=headers, content=BODY).status_code == 415


@pytest.mark.parametrize("end", ["", "/ready", "/infer"])
def test_the_version_that_is_advertised_has_its_paths(service: InProcess, end: str) -> None:
    tensors = [{"name": name, "shape": [1], "datatype": {bool: "BOOL", str: "BYTES"}.get(type(value), "FP32"),
                "data": [value]} for name, value in ROW.items()]  # fmt: skip
    (version,) = service.get("/v2/models/drawn").json()["versions"]
    assert version == version_of(service.service.predictor.model)
    for asked, status in ((version, 200), ("1", 404), (version.upper() + "0", 404)):
        path = f"/v2/models/drawn/versions/{asked}{end}"
        answer = service.post(path, {"inputs": tensors}) if end == "/infer" else service.get(path)
        assert answer.status_code == status


def test_the_documentation_loads_nothing_from_another_server(service: InProcess) -> None:
    page = service.get("/docs").text
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(links) == 3
    assert "://" not in page
    for link in links:
        if link != "data:,":
            answer = service.get(link)
            assert answer.status_code == 200
            assert len(answer.content) > 100_000


@pytest.mark.parametrize("path", ["/models/late/predict", "/predict"])
def test_a_prefix_may_be_taken_off_by_the_proxy_or_left_on(folder: Path, tmp_path: Path, path: str) -> None:
    service = InProcess(folder, tmp_path / "log", ROOT_PATH="/models/late")
    assert send(service, "POST", path, b"").startswith("4")
    assert send(service, "GET", path.replace("predict", "livez"), b"") == "200"
    assert send(service, "GET", path.replace("predict", "%6civez"), b"") == "404"
    document = service.get("/openapi.json").json()
    assert document["servers"] == [{"url": "/models/late"}]
    assert '"/models/late/docs/swagger-ui.css"' in service.get("/docs").text


def send(service: InProcess, method: str, path: str, body: bytes) -> str:
    """The status, through everything that a connection meets."""
    outermost: Any = service.service.config.app
    inner, service.service.application = service.service.application, outermost
    try:
        return str(service.request(method, path, content=body).status_code)
    finally:
        service.service.application = inner


@pytest.mark.parametrize("name", ["ROOT_PATH", "CORS_ORIGINS"])
@pytest.mark.parametrize(
    "value", ["late", "/late/", "/", "/a b", "shop.example", "https://shop.example/x", "*,https://a.b"]
)
def test_a_setting_that_means_nothing_is_refused(folder: Path, tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(UsageError, match=name):
        settings_of(folder, tmp_path, **{name: value})


def test_pages_of_named_origins_may_call_and_no_others(folder: Path, tmp_path: Path) -> None:
    with running(folder, tmp_path, CORS_ORIGINS=f"{PAGE}, http://localhost:3000") as process:

        def asked(origin: str, method: str = "OPTIONS") -> bytes:
            wanted = (
                "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type,authorization\r\n"
            )
            head = f"{method} /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: {origin}\r\n{wanted}\r\n"
            return process.exchange(head.encode()).lower()

        for origin in (PAGE, "http://localhost:3000"):
            assert f"access-control-allow-origin: {origin}".encode() in asked(origin)
            assert f"access-control-allow-origin: {origin}".encode() in asked(origin, "GET")
        assert b"access-control-allow-origin" not in asked("https://evil.example")


def test_no_page_may_call_where_no_origin_is_named(service: InProcess) -> None:
    assert "access-control-allow-origin" not in service.get("/model", headers={"origin": PAGE}).headers


def test_all_addresses_are_listened_on_by_both_protocols(folder: Path, tmp_path: Path) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with running(folder, tmp_path, HOST="::") as process:
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, process.port), timeout=20) as client:
                client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert client.recv(100).startswith(b"HTTP/1.1 200 ")
