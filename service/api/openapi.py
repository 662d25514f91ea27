"""The refusals in the OpenAPI document: every status that a route can return, each with an example."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from contracts.model_folder import ModelCard
from service.formats.row_schema import described_as
from service.http.content_types import ARROW
from service.http.problems import (
    BAD_HEADER,
    BAD_REQUEST,
    CONTENT_TYPE,
    CRASHED,
    DOES_NOT_FIT,
    DUPLICATE_KEY,
    HEADERS_TOO_LARGE,
    NO_KEY,
    NOT_ACCEPTABLE,
    NOT_ALLOWED,
    NOT_ARROW,
    NOT_BATCH_TYPE,
    NOT_JSON,
    NOT_JSON_TYPE,
    OVERLOADED,
    TOO_LARGE,
    TOO_SLOW,
    Kind,
)

_ARROW_TYPES = {
    "numeric": "an integer or floating-point type",
    "boolean": "bool",
    "categorical": "utf8, large_utf8, utf8_view or a dictionary of one",
    "date": "utf8, large_utf8, utf8_view or a dictionary of one, a date or a timestamp",
    "epoch": "an integer or floating-point type, a date or a timestamp",
}
Responses = dict[int | str, dict[str, Any]]
PLACE = "#/components/schemas/{model}"

# Refusals of the HTTP protocol itself, on any route.
TRANSPORT = (BAD_REQUEST, TOO_SLOW, HEADERS_TOO_LARGE)
ANY = (*TRANSPORT, CRASHED, OVERLOADED)
KEYED = (NO_KEY, NOT_ALLOWED)
READING = (NOT_JSON, DUPLICATE_KEY, BAD_HEADER, TOO_LARGE, NOT_JSON_TYPE, DOES_NOT_FIT)
READING_BATCHES = (
    NOT_JSON, NOT_ARROW, DUPLICATE_KEY, BAD_HEADER, NOT_ACCEPTABLE, TOO_LARGE, NOT_BATCH_TYPE, DOES_NOT_FIT
)  # fmt: skip


class ErrorDetail(BaseModel):
    """One mistake: where it is, and what is required there."""

    pointer: str
    required: str


class ProblemDetail(BaseModel):
    """RFC 9457. Never repeats the request."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ErrorDetail] = []
    more_errors: int = 0


def problems(*kinds: Kind) -> Responses:
    """The documentation of these refusals, by status."""
    by_status: Responses = {}
    for kind in kinds:
        shown = by_status.setdefault(kind.status, _response(kind))
        document = {"type": kind.uri, "title": kind.title, "status": kind.status, "detail": kind.detail}
        shown["content"][CONTENT_TYPE]["examples"][kind.slug] = {"summary": kind.title, "value": document}
        if kind is OVERLOADED:
            shown["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    return by_status


def _response(kind: Kind) -> dict[str, Any]:
    schema = {"$ref": PLACE.format(model=ProblemDetail.__name__)}
    return {"description": kind.title, "content": {CONTENT_TYPE: {"schema": schema, "examples": {}}}}


def body_of(app: FastAPI, model: type[BaseModel], *examples: Any) -> dict[str, Any]:
    """`openapi_extra` for a route that reads its body itself: adds the body's type to the document."""
    schema = model.model_json_schema(ref_template=PLACE)
    named = schema.pop("$defs", {}) | {model.__name__: schema}
    app.state.schemas = {**getattr(app.state, "schemas", {}), **named}
    content: dict[str, Any] = {"schema": {"$ref": PLACE.format(model=model.__name__)}}
    if examples:
        content["examples"] = {str(number): {"value": example} for number, example in enumerate(examples)}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def arrow_body(card: ModelCard) -> dict[str, Any]:
    """`openapi_extra` for a route that also reads an Arrow stream: its columns, in words and as an example."""
    columns = {one.name: f"{_ARROW_TYPES[one.kind]}; {described_as(one)}" for one in card.inputs}
    return {"requestBody": {"content": _arrow_content("a column for each member of a row", columns)}}


def arrow_answer(card: ModelCard) -> dict[str, Any]:
    """The 200 of a route that also answers with an Arrow stream."""
    columns = {"id": "utf8", "prediction": "utf8" if card.classes else "float32"}
    if card.task == "binary":
        columns["probability"] = "float32"
    if card.task == "multiclass":
        columns["probabilities"] = f"struct<{', '.join(f'{name}: float32' for name in card.classes)}>"
    return {"content": _arrow_content("the model's digest is `model` in the schema's metadata", columns)}


def _arrow_content(meaning: str, columns: dict[str, str]) -> dict[str, Any]:
    schema = {"type": "string", "format": "binary", "description": f"an Arrow IPC stream; {meaning}"}
    shown = {"summary": "the stream's columns, in words", "value": columns}
    return {ARROW.decode(): {"schema": schema, "examples": {"columns": shown}}}


def document_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once: FastAPI's own, and the schemas of problem details and bodies."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            servers=app.servers or None,
            routes=app.routes,
        )
        schema = ProblemDetail.model_json_schema(ref_template=PLACE)
        parts = document.setdefault("components", {}).setdefault("schemas", {})
        parts |= getattr(app.state, "schemas", {}) | schema.pop("$defs", {}) | {ProblemDetail.__name__: schema}
        _remove_fastapi_refusals(document)
        app.openapi_schema = document
    return app.openapi_schema


def _remove_fastapi_refusals(document: dict[str, Any]) -> None:
    """Remove the 422 that FastAPI documents for every parameter: this service never answers in that form."""
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    for operations in document["paths"].values():
        for operation in operations.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
