"""Schemathesis finds nothing, and would find something: a short run; `make torture` has the long one."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from testbed.clients import InProcess, Process
from testbed.fuzzing import fuzz
from testbed.served_folders import ROW


def test_schemathesis_finds_no_answer_that_the_document_does_not_allow(process: Process) -> None:
    result = fuzz(process.url, 20)
    assert result.passed, result.report
    assert result.operations >= 15
    assert result.cases > 20 * result.operations


class BrokenPromises(BaseHTTPRequestHandler):
    """Documents one route that answers 200, and answers 500."""

    def do_GET(self) -> None:
        """Either the document or the broken route."""
        is_document = self.path == "/openapi.json"
        self.send_response(200 if is_document else 500)
        self.end_headers()
        operation = {"responses": {"200": {"description": "fine"}}}
        info = {"title": "broken", "version": "1"}
        document = {"openapi": "3.1.0", "info": info, "paths": {"/": {"get": operation}}}
        self.wfile.write(json.dumps(document).encode() if is_document else b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_schemathesis_reports_a_service_that_is_not_what_it_says() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BrokenPromises) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        result = fuzz(f"http://127.0.0.1:{server.server_port}", 1)
        server.shutdown()
    assert not result.passed
    assert "Server error" in result.report


@pytest.mark.parametrize("name", ["", "\x7f", "two words", "x" * 201])
@pytest.mark.parametrize("other", [{}, {"idempotency_key": "mine"}])
def test_an_unusable_request_id_is_refused_beside_a_usable_key_too(
    service: InProcess, name: str, other: dict[str, str]
) -> None:
    answer = service.post("/predict", ROW, x_request_id=name, **other)
    assert answer.status_code == 400


def test_what_is_no_label_is_answered_as_the_document_says(service: InProcess) -> None:
    answer = service.post("/feedback", {"labels": [[None, None], 7, {}]})
    assert (answer.status_code, answer.json()["outcomes"]) == (202, ["malformed"] * 3)
    schemas = service.get("/openapi.json").json()["components"]["schemas"]
    assert {"title", "description"} in [set(one) for one in schemas["Labels"]["properties"]["labels"]["items"]["anyOf"]]
