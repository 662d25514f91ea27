"""The outermost ASGI application: load shedding, API keys, body limits, refusals and metrics.

The fast routes are answered here, before FastAPI's router, which only documents them: an ASGI callable costs a third of
a route. All other requests go on to FastAPI.
"""

import asyncio
import traceback
from collections.abc import Iterable, Mapping
from time import perf_counter, time_ns

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.answer import Answer
from service.http.api_keys import Keys
from service.http.body import BodyReader, Disconnected, Flow
from service.http.content_types import Negotiation
from service.http.load_shedding import Admission
from service.http.problems import CLOSE, CRASHED, NOT_FOUND, OVERLOADED, Problem
from service.http.protocol import ARRIVED, MALFORMED, UNMATCHED
from service.http.request_ids import names_of
from service.logs import Throttled
from service.metrics import Metrics

CLIENT = "gatehouse.client"
STATUS_CLASSES = ("2xx", "3xx", "4xx", "5xx")


class Application:
    """The outermost ASGI application.

    `app` (FastAPI's), `direct` and `keys` (None: no key is needed) may be replaced between two requests.
    """

    def __init__(
        self,
        app: ASGIApp,
        direct: Mapping[str, Negotiation],
        routes: tuple[str, ...],
        admission: Admission,
        reader: BodyReader,
        keys: Keys | None,
        metrics: Metrics,
    ) -> None:
        self.app = app
        self.keys = keys
        self.direct = direct
        self._refuse_late = admission.refuse_late
        self._read, self._reader = reader.read, reader
        self._metrics = metrics
        self._complaints = Throttled()
        self._refusals = Throttled()
        known = (*routes, UNMATCHED, MALFORMED)
        metrics.request_seconds.make((route,) for route in known)
        metrics.requests.make((route, status) for route in known for status in STATUS_CLASSES)
        self._counts = metrics.requests.values
        self._observe_seconds = {route: metrics.request_seconds.of(route).observe for route in known}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        route: str = scope["path"]
        started = scope.get(ARRIVED) or perf_counter()
        headers = dict(scope["headers"])
        if len(headers) < len(scope["headers"]):
            headers = _joined(scope["headers"])
            scope = {**scope, "headers": list(headers.items())}
        is_unread = True
        try:
            self._refuse_late(route, started)
            if not is_plain(scope):
                raise Problem(NOT_FOUND)
            client = "" if self.keys is None else self.keys.client(headers, route)
            negotiation = self.direct.get(route)
            if negotiation is None or scope["method"] != "POST":
                scope[CLIENT] = client
                if scope["method"] == "HEAD":
                    # A copy, because the server must still see HEAD.
                    scope = dict(scope)
                route, status = await self._pass_on(scope, receive, send)
                if status >= 400:
                    self._refusals.say("refused", path=scope["path"][:200], status=status, **names_of(headers))
            else:
                direct = negotiation.of(headers)
                is_unread = False
                body = await self._read(receive, headers, direct.max_bytes)
                content = direct.handle(headers, body, time_ns() // 1000, client)
                status = 200
                length = (b"content-length", b"%d" % len(content))
                await send({"type": "http.response.start", "status": 200, "headers": [direct.content_type, length]})
                await send({"type": "http.response.body", "body": content})
        except Disconnected:
            return
        except Problem as problem:
            route = self.route_of(scope)
            # Under overload, the body of a refused request is not read either.
            if is_unread and problem.kind is not OVERLOADED:
                send = self._answering_before_the_body(receive, headers, send)
            status = await self._refuse(problem, scope, headers, send)
        except Exception:
            self._complaints.say("crash", route=route, error=traceback.format_exc(), **names_of(headers))
            status = await self._refuse(Problem(CRASHED), scope, headers, send)
        if status:
            self._counts[(route, STATUS_CLASSES[status // 100 - 2])] += 1
            self._observe_seconds[route](perf_counter() - started)

    def route_of(self, scope: Scope) -> str:
        """The template of the route that answered; UNMATCHED where none did."""
        # Only FastAPI's routes set this; the documentation pages have no parameters, so their path is the template.
        path: str = getattr(scope.get("route"), "path", None) or scope["path"]
        return path if path in self._observe_seconds and is_plain(scope) else UNMATCHED

    async def _refuse(self, problem: Problem, scope: Scope, headers: Mapping[bytes, bytes], send: Send) -> int:
        kind = problem.kind
        self._metrics.refusals.add(kind.slug)
        self._refusals.say(
            "refused", path=scope["path"][:200], status=kind.status, problem=kind.slug, **names_of(headers)
        )
        answer = problem.answer(in_inference_protocol=scope["path"].startswith("/v2/"))
        await _send(answer, send)
        return answer.status

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> tuple[str, int]:
        """Let FastAPI answer; return the route and the status."""
        status = 0
        more_body = True
        is_head = scope["method"] == "HEAD"
        started = asyncio.Event()
        answer = send
        if is_head:
            scope["method"] = "GET"

        async def read() -> Message:
            nonlocal more_body
            if is_head:
                # Ends an export, whose body nobody wants.
                await started.wait()
                return {"type": "http.disconnect"}
            message = await receive()
            more_body = message.get("more_body", False)
            return message

        async def watch(message: Message) -> None:
            nonlocal status, answer
            if message["type"] == "http.response.start":
                status = message["status"]
                if status >= 400 and more_body:
                    answer = self._answering_before_the_body(receive, dict(scope["headers"]), send)
                started.set()
            elif is_head:
                return
            await answer(message)

        try:
            await self.app(scope, read, watch)
        except Exception:
            if not status:
                raise
            # FastAPI has answered 500 already, and raises the error again for the log.
            self._complaints.say("crash", route=scope["path"], error=traceback.format_exc())
        if is_head:
            await answer({"type": "http.response.body", "body": b""})
        return self.route_of(scope), status

    def _answering_before_the_body(self, receive: Receive, headers: Mapping[bytes, bytes], send: Send) -> Send:
        """A `send` for a request that was refused by its headers.

        A body that flows is read before the answer; of one that does not, the client gets the whole answer first. For
        uvicorn the request ends when the rest of its body was read and dropped: then the connection is closed or used
        again. Where that is not read, the answer says `close`.
        """
        is_read = self._reader.will_discard(headers)
        is_whole = False

        async def answer(message: Message) -> None:
            nonlocal is_read, is_whole
            if message["type"] == "http.response.start":
                if is_read:
                    flow = await self._reader.discard_while_it_flows(receive, headers)
                    is_whole, is_read = flow is Flow.WHOLE, flow is not Flow.TOO_LARGE
                if not is_read:
                    message["headers"] = [*message["headers"], *CLOSE]
            elif not message.get("more_body") and is_read and not is_whole:
                await send({**message, "more_body": True})
                await self._reader.discard_after_answer(receive, headers)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        return answer


def _joined(lines: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Repeated headers as one comma-separated list each (RFC 9110, section 5.3), without repeated values."""
    values: dict[bytes, dict[bytes, None]] = {}
    for name, value in lines:
        values.setdefault(name, {})[value] = None
    return {name: b", ".join(found) for name, found in values.items()}


def is_plain(scope: Scope) -> bool:
    """Whether the path has no percent-encoding: a proxy may block paths before decoding, so only one spelling works."""
    return bool(scope["raw_path"] == scope["path"].encode())


async def _send(answer: Answer, send: Send) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % len(answer.body)),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
