"""Every refusal, as an RFC 9457 problem detail. None of them repeats anything that the client sent.

A client's values may be personal data, and an answer that echoes them lets a small request make a large answer.
"""

import json
from dataclasses import dataclass

from service.http.answer import Answer

CONTENT_TYPE = "application/problem+json"
# Limits of the list of errors, which keep each answer below 2 kB.
MAX_ERRORS = 8
MAX_ERROR_BYTES = 1200
# For refusals that leave a part of the request unread: the connection cannot be used again.
CLOSE = ((b"connection", b"close"),)


@dataclass(frozen=True)
class Kind:
    """One kind of refusal: its name, its status, and what its reader should do."""

    slug: str
    status: int
    title: str
    detail: str

    @property
    def uri(self) -> str:
        return f"urn:gatehouse:problem:{self.slug}"


BAD_REQUEST = Kind("bad-request", 400, "Not an HTTP request", "The request cannot be parsed as HTTP/1.1.")
NOT_JSON = Kind("not-json", 400, "The body is not JSON", "Send one JSON document in UTF-8, as RFC 8259 has it.")
NOT_ARROW = Kind(
    "not-arrow", 400, "The body is not an Arrow stream", "Send one whole IPC stream: schema, batches, end mark."
)
DUPLICATE_KEY = Kind(
    "duplicate-key", 400, "A key stands twice", "One object of the body has the same key twice: which is meant?"
)
BAD_HEADER = Kind(
    "bad-header",
    400,
    "A header cannot be used",
    "Idempotency-Key and X-Request-ID: 1 to 200 visible ASCII characters.",
)
BAD_WINDOW = Kind(
    "bad-window", 400, "No window of time", "since and until: RFC 3339 times with an offset, since before until."
)
NO_KEY = Kind("no-key", 401, "No valid key", "Send `Authorization: Bearer <key>` with a key of this service.")
NOT_ALLOWED = Kind(
    "not-allowed", 403, "The key does not open this", "The key is valid, but lacks the scope needed here."
)
NOT_FOUND = Kind("not-found", 404, "Nothing here", "See /docs for every route, and spell it as there.")
WRONG_METHOD = Kind("wrong-method", 405, "Not this method", "See /docs for the methods of this route.")
TOO_SLOW = Kind("too-slow", 408, "The request took too long to arrive", "Send headers and body in one go.")
TOO_LARGE = Kind("too-large", 413, "The body is too large", "Send fewer rows at once; see /docs for the limits.")
NOT_JSON_TYPE = Kind(
    "not-json-type", 415, "Not a type that is read here", "Send `Content-Type: application/json`, not compressed."
)
NOT_BATCH_TYPE = Kind(
    "not-batch-type",
    415,
    "Not a type that is read here",
    "Send `application/json` or `application/vnd.apache.arrow.stream`, not compressed.",
)
NOT_ACCEPTABLE = Kind(
    "not-acceptable",
    406,
    "Not a type that is answered here",
    "Accept `application/json` or `application/vnd.apache.arrow.stream`, or leave Accept out.",
)
DOES_NOT_FIT = Kind(
    "does-not-fit",
    422,
    "The body does not fit the schema",
    "See `errors` for what is required, and /docs for all of it.",
)
NO_FINITE_ANSWER = Kind(
    "no-finite-answer",
    422,
    "The model has no answer for these values",
    "Some number is far outside anything plausible.",
)
HEADERS_TOO_LARGE = Kind("headers-too-large", 431, "The headers are too large", "Send less than 16 kB of headers.")
CRASHED = Kind("crashed", 500, "A fault of the service", "It has been logged. Try again, or tell the operator.")
OVERLOADED = Kind("overloaded", 503, "Too much to do", "Try again after the seconds in Retry-After.")
NOT_READY = Kind("not-ready", 503, "Not ready", "The service is being shut down: use another instance.")

KINDS = tuple(value for value in list(globals().values()) if isinstance(value, Kind))


class Problem(Exception):  # noqa: N818 — an answer to the client, named as RFC 9457 names it
    """Ends the request. `errors` says where something is wrong and what is required; it must not repeat the request."""

    def __init__(
        self, kind: Kind, errors: tuple[tuple[str, str], ...] = (), headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(kind.slug)
        self.kind = kind
        self.errors = errors
        self.headers = headers

    def answer(self, in_inference_protocol: bool = False) -> Answer:
        """The problem detail as an answer, below 2 kB. Clients of the Open Inference Protocol look for `error`."""
        document: dict[str, object] = {"error": self.kind.detail} if in_inference_protocol else {}
        document |= _members(self.kind, self.errors)
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        return Answer(self.kind.status, body, CONTENT_TYPE.encode(), self.headers)


def _members(kind: Kind, errors: tuple[tuple[str, str], ...]) -> dict[str, object]:
    document: dict[str, object] = {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.detail,
    }
    if errors:
        shown = _that_fit(errors)
        document["errors"] = [{"pointer": pointer, "required": required} for pointer, required in shown]
        if len(shown) < len(errors):
            document["more_errors"] = len(errors) - len(shown)
    return document


def _that_fit(errors: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    shown: list[tuple[str, str]] = []
    room = MAX_ERROR_BYTES
    for pointer, required in errors[:MAX_ERRORS]:
        room -= len(json.dumps([pointer, required], ensure_ascii=False).encode())
        if room < 0:
            break
        shown.append((pointer, required))
    return shown
