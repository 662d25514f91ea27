"""Traces, received by a collector that speaks OTLP over HTTP, from a real service."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from testbed.clients import Process, running
from testbed.served_folders import ROW, write_folder

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(ThreadingHTTPServer):
    """Keeps the spans and resources that it is sent."""

    def __init__(self) -> None:
        self.spans: Queue[Span] = Queue()
        self.resources: Queue[dict[str, str]] = Queue()
        super().__init__(("127.0.0.1", 0), Receiver)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Receiver(BaseHTTPRequestHandler):
    """POST /v1/traces."""

    server: Collector

    def do_POST(self) -> None:
        """Take one batch."""
        body = self.rfile.read(int(self.headers["content-length"]))
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {one.key: one.value.string_value for one in group.resource.attributes}
            self.server.resources.put(named)
            for scope in group.scope_spans:
                for span in scope.spans:
                    self.server.spans.put(span)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def traced(folder: Path, tmp_path: Path, collector: Collector) -> Iterator[Process]:
    with running(folder, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, OTEL_BSP_SCHEDULE_DELAY="20") as up:
        yield up


def attributes(span: Span) -> dict[str, object]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_request_is_a_span_that_continues_the_callers_trace(traced: Process, collector: Collector) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    with traced.client() as client:
        client.post("/predict", json=ROW, headers=headers)
    span = collector.spans.get()
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.name) == (TRACE, PARENT, "POST /predict")
    expected = {"http.request.method": "POST", "url.scheme": "http", "http.route": "/predict"}
    assert attributes(span) == {**expected, "http.response.status_code": 200}
    assert span.kind == Span.SPAN_KIND_SERVER
    assert collector.resources.get()["service.name"] == "drawn"


@pytest.mark.parametrize(("path", "route", "status"), [
    ("/v2/models/drawn", "/v2/models/{model_name}", 200), ("/v2/models/zQ9", "/v2/models/{model_name}", 404),
    ("/zQ9", "(none)", 404), ("/predict", "/predict", 405),
])  # fmt: skip
def test_a_span_names_the_route_and_never_the_path(
    traced: Process, collector: Collector, path: str, route: str, status: int
) -> None:
    with traced.client(traceparent="zQ9") as client:
        client.get(f"{path}?secret=zQ9")
    span = collector.spans.get()
    assert (span.name, attributes(span)["http.response.status_code"]) == (f"GET {route}", status)
    assert "zQ9" not in str(span)
    assert span.status.code == Status.STATUS_CODE_UNSET


def test_health_and_metrics_are_no_spans(traced: Process, collector: Collector) -> None:
    with traced.client() as client:
        for path in ("/livez", "/readyz", "/metrics", "/model"):
            client.get(path)
    assert collector.spans.get().name == "GET /model"
    assert collector.spans.empty()


def test_a_collector_that_is_gone_costs_no_answer_and_does_not_hold_up_the_end(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model")
    with (
        running(folder, tmp_path / "log", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", GRACE_SECONDS="5") as up,
        up.client() as client,
    ):
        answers = [client.post("/predict", json=ROW).status_code for _ in range(20)]
        up.child.terminate()
        assert (answers, up.child.wait()) == ([200] * 20, 0)


def test_without_a_collector_nothing_of_it_is_loaded(process: Process, traced: Process) -> None:
    loaded = [Path(f"/proc/{one.child.pid}/maps").read_text() for one in (process, traced)]
    assert ["google/_upb" in one for one in loaded] == [False, True]
