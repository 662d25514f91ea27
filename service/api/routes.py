"""The routes, with their types for /docs. The small ones are also answered here.

POST /predict and /predict/batch are only documented here. `prediction/predictor.py` answers them, called by the
outermost application (`http/application.py`) before this router.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Body, FastAPI, Header, Query
from fastapi import Request as HttpRequest
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from contracts.model_folder import ModelCard
from service.api import export
from service.api.docs_page import add_docs_page
from service.api.feedback import MAX_FEEDBACK_BYTES, Feedback, FeedbackAnswer, label_type, labels_type
from service.api.open_inference import add_inference_routes
from service.api.openapi import (
    ANY,
    KEYED,
    READING,
    READING_BATCHES,
    Responses,
    arrow_answer,
    arrow_body,
    body_of,
    document_of,
    problems,
)
from service.formats.answers import batch_type, prediction_type
from service.formats.row_schema import example_row
from service.http.answer import Answer
from service.http.application import CLIENT
from service.http.body import BodyReader, Disconnected, refuse_another_type
from service.http.problems import (
    BAD_WINDOW,
    CRASHED,
    DOES_NOT_FIT,
    NO_FINITE_ANSWER,
    NOT_FOUND,
    NOT_READY,
    TOO_LARGE,
    TOO_SLOW,
    WRONG_METHOD,
    Problem,
)
from service.metrics import CONTENT_TYPE as METRICS_TYPE
from service.metrics import Metrics
from service.prediction.predictor import Predictor
from service.prediction.served_model import ServedModel

# The limits are documented here and enforced in http/request_ids.py.
RequestName = Annotated[
    str | None,
    Header(
        description="what the client calls this request; a replay gets the same prediction id",
        min_length=1,
        max_length=200,
        pattern="^[!-~]+$",
    ),
]
Moment = Annotated[
    str | None,
    Query(
        description="RFC 3339, with an offset",
        examples=["2026-11-23T00:00:00Z"],
        json_schema_extra={"format": "date-time"},
    ),
]


# Refusals of the routes that predict, besides those of their bodies.
ANSWERED = (NO_FINITE_ANSWER, *KEYED, *ANY)


@dataclass(frozen=True)
class Parts:
    """What the routes use. `root`: the prefix under which a proxy serves them."""

    predictor: Predictor
    feedback: Feedback
    reader: BodyReader
    metrics: Metrics
    log_folder: Path
    exports: export.ExportSlots
    is_ready: Callable[[], bool]
    root: str = ""


class Health(BaseModel):
    """The answer of the health routes."""

    status: str


def build_app(parts: Parts, model: ServedModel) -> FastAPI:
    """The FastAPI application, documented for this model; another model needs a new one."""
    card, digest = model.card, model.digest
    app = FastAPI(
        title=card.name,
        version=digest.removeprefix("sha256:")[:12],
        description=f"Predicts `{card.target}` ({card.task}). Model `{digest}`.",
        servers=[{"url": parts.root}] if parts.root else None,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
    )
    _predict_route(app, model)
    _predict_batch_route(app, model)
    _feedback_route(app, parts, card)
    _export_route(app, parts.log_folder, parts.exports)
    _model_routes(app, card, parts.metrics)
    _health_routes(app, parts.is_ready)
    add_inference_routes(app, card, parts.predictor, parts.reader, parts.is_ready)
    add_docs_page(app, parts.root)
    _refuse_as_problems(app, parts.metrics)
    app.openapi = lambda: document_of(app)  # type: ignore[method-assign]  # as FastAPI's own documents say
    return app


def response_of(answer: Answer) -> Response:
    """An answer as Starlette sends it."""
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, answer.status, headers, answer.content_type.decode())


def _predict_route(app: FastAPI, model: ServedModel) -> None:
    row = model.rows.row_type

    async def predict(
        row: Annotated[row, Body(examples=[example_row(model.card)])],  # type: ignore[valid-type]  # made at start
        idempotency_key: RequestName = None,
        x_request_id: RequestName = None,
    ) -> None:
        """Predict one row."""

    app.add_api_route(
        "/predict",
        predict,
        methods=["POST"],
        tags=["predict"],
        response_model=prediction_type(model.card),
        responses=problems(*READING, *ANSWERED),
    )


def _predict_batch_route(app: FastAPI, model: ServedModel) -> None:
    rows, example = model.rows.batch_type, {"rows": [example_row(model.card)]}

    async def predict_batch(
        rows: Annotated[rows, Body(examples=[example])],  # type: ignore[valid-type]  # made at start
        idempotency_key: RequestName = None,
        x_request_id: RequestName = None,
    ) -> None:
        """Predict up to the model's largest batch of rows in one go, as JSON or as an Arrow stream, in and out."""

    app.add_api_route(
        "/predict/batch",
        predict_batch,
        methods=["POST"],
        tags=["predict"],
        response_model=batch_type(model.card),
        responses={200: arrow_answer(model.card), **problems(*READING_BATCHES, *ANSWERED)},
        openapi_extra=arrow_body(model.card),
    )


def _feedback_route(app: FastAPI, parts: Parts, card: ModelCard) -> None:
    body = body_of(app, labels_type(label_type(card)))

    @app.post(
        "/feedback",
        status_code=202,
        tags=["feedback"],
        responses=problems(*READING, *KEYED, *ANY),
        openapi_extra=body,
    )
    async def feedback(request: HttpRequest) -> FeedbackAnswer:
        """Say what really happened. Outcome of each label: recorded, unknown, repeated, late, misdated or malformed."""
        headers = dict(request.scope["headers"])
        refuse_another_type(headers)
        body = await parts.reader.read(request.receive, headers, MAX_FEEDBACK_BYTES)
        return await parts.feedback.take(body, card, request.scope[CLIENT], headers)


def _export_route(app: FastAPI, folder: Path, slots: export.ExportSlots) -> None:
    lines: Responses = {200: {"description": "records, one a line", "content": {export.CONTENT_TYPE: {}}}}

    @app.get(
        "/requests",
        tags=["feedback"],
        response_class=StreamingResponse,
        responses={**lines, **problems(BAD_WINDOW, *KEYED, *ANY)},
    )
    async def requests(request: HttpRequest, since: Moment = None, until: Moment = None) -> Response:
        """The log of predictions and labels from `since` on and before `until`, as NDJSON; gzip where accepted."""
        records = export.records_in(folder, export.window_of(since, until))
        headers = {"vary": "accept-encoding"}
        if export.accepts_gzip(request.headers.get("accept-encoding", "")):
            records, headers["content-encoding"] = export.compressed(records), "gzip"
        return export.ExportResponse(slots.one_for(request.scope[CLIENT]), records, headers)


def _model_routes(app: FastAPI, card: ModelCard, metrics: Metrics) -> None:
    @app.get("/model", tags=["model"], responses=problems(*KEYED, *ANY))
    async def model() -> ModelCard:
        """The model card: what the model is, what it reads, and how good it was found to be."""
        return card

    text: Responses = {200: {"description": "Prometheus' text format", "content": {"text/plain": {}}}}

    @app.get("/metrics", tags=["health"], response_class=Response, responses={**text, **problems(*KEYED)})
    async def exposition() -> Response:
        """Every series; all of them exist from the start."""
        return Response(metrics.exposition(), media_type=METRICS_TYPE)


def _health_routes(app: FastAPI, is_ready: Callable[[], bool]) -> None:
    @app.get("/livez", tags=["health"])
    async def livez() -> Health:
        """The process answers."""
        return Health(status="live")

    @app.get("/startupz", tags=["health"])
    async def startupz() -> Health:
        """The model was loaded and proved on its golden rows: nothing listens before that."""
        return Health(status="started")

    @app.get("/readyz", tags=["health"], responses=problems(NOT_READY))
    async def readyz() -> Health:
        """Send traffic here. Turns to 503 while the service is being shut down."""
        if not is_ready():
            raise Problem(NOT_READY)
        return Health(status="ready")


def _refuse_as_problems(app: FastAPI, metrics: Metrics) -> None:
    async def answer(request: HttpRequest, error: Exception) -> Response:
        problem = _problem_of(error)
        metrics.refusals.add(problem.kind.slug)
        return response_of(problem.answer(in_inference_protocol=request.url.path.startswith("/v2/")))

    for kind in (Problem, HTTPException, Disconnected, Exception):
        app.add_exception_handler(kind, answer)


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, Disconnected):
        return Problem(TOO_SLOW)
    if isinstance(error, HTTPException):
        kinds = {404: NOT_FOUND, 405: WRONG_METHOD, 413: TOO_LARGE, 422: DOES_NOT_FIT}
        allowed = (error.headers or {}).get("Allow")
        headers = ((b"allow", allowed.encode()),) if allowed else ()
        return Problem(kinds.get(error.status_code, CRASHED), headers=headers)
    return Problem(CRASHED)
