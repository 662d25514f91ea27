"""One OpenTelemetry span per request. Imported only where a collector is configured.

A span continues the request's W3C trace. It follows the semantic conventions for HTTP servers and names the route's
template, never the path or a value of the body. A thread of its own sends spans in batches: a collector that is slow or
down costs spans, never answers. Requests that load shedding refuses have no span; the metrics count them.

The library itself reads OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME and the other variables of the
OpenTelemetry specification.
"""

import threading
from collections.abc import Callable
from typing import Any

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.outside.addresses import may_use_proxy
from service.http.load_shedding import EXEMPT

FLUSH_SECONDS = 2.0
_TRACE_HEADERS = (b"traceparent", b"tracestate")
_UNNAMED = "unknown_service"


def provider_of(name: str, digest: str) -> TracerProvider:
    """Makes and sends spans. `name`: the service's name, unless OTEL_SERVICE_NAME gives another."""
    resource = Resource.create({SERVICE_VERSION: digest})
    if str(resource.attributes[SERVICE_NAME]).startswith(_UNNAMED):
        resource = resource.merge(Resource({SERVICE_NAME: name}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(session=_Session())))
    return provider


class _Session(requests.Session):
    """Uses no proxy that could read the key in OTEL_EXPORTER_OTLP_HEADERS."""

    def merge_environment_settings(self, url: Any, *settings: Any) -> Any:
        self.trust_env = may_use_proxy(url, has_key=True)
        return super().merge_environment_settings(url, *settings)


def finish(provider: TracerProvider) -> None:
    """Send the remaining spans, for at most FLUSH_SECONDS: an unreachable collector must not delay the shutdown."""
    thread = threading.Thread(target=provider.shutdown, daemon=True)
    thread.start()
    thread.join(FLUSH_SECONDS)


class Traced:
    """ASGI middleware. `route_of`: the route's template, known once the request is answered."""

    def __init__(self, app: ASGIApp, tracer: Tracer, route_of: Callable[[Scope], str]) -> None:
        self._app = app
        self._tracer = tracer
        self._route_of = route_of
        self._extract = TraceContextTextMapPropagator().extract

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in EXEMPT:
            await self._app(scope, receive, send)
            return
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method: str = scope["method"]
        attributes = {"http.request.method": method, "url.scheme": scope["scheme"]}
        span = self._tracer.start_span(method, self._parent(scope), SpanKind.SERVER, attributes)
        try:
            await self._app(scope, receive, watch)
        finally:
            if route := self._route_of(scope):
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)
            if status:
                span.set_attribute("http.response.status_code", status)
            if status >= 500 or not status:
                span.set_status(StatusCode.ERROR)
            span.end()

    def _parent(self, scope: Scope) -> Context:
        return self._extract(
            {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _TRACE_HEADERS}
        )
