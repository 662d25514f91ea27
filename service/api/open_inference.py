"""The Open Inference Protocol, version 2, over HTTP, which KServe's and Triton's clients use.

One input tensor for each feature, [rows] or [rows, 1]: numbers (FP32 or another numeric type), BOOL, or BYTES for
categories. A date is BYTES too, or a number where it counts since 1970. A missing number is NaN in a binary tensor and
null in JSON; a feature that may be missing may be left out. The outputs are `prediction`, `probabilities` ([rows,
classes], not for regression) and `id`, as in /predict/batch, and rows are validated, logged and counted in the same
way. Tensors are JSON or binary (Inference-Header-Content-Length).
"""

import time
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi import Path as PathParameter
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response

from contracts.model_folder import ModelCard
from service.api.inference_messages import (
    metadata_of,
    outputs_of,
    read_request,
    request_type,
    response_of,
    version_of,
)
from service.api.openapi import ANY, KEYED, READING, body_of, problems
from service.http.application import CLIENT
from service.http.body import BodyReader, refuse_compression
from service.http.problems import NO_FINITE_ANSWER, NOT_FOUND, NOT_READY, Problem
from service.prediction.predictor import Predictor

TAGS: list[str | Enum] = ["open inference protocol"]


MODEL_PATH = "/v2/models/{model_name}"
VERSION_PATH = MODEL_PATH + "/versions/{model_version}"
Check = Callable[[str, str], None]


def add_inference_routes(
    app: FastAPI, card: ModelCard, predictor: Predictor, reader: BodyReader, is_ready: Callable[[], bool]
) -> None:
    """Add the protocol's routes to the app, for this model."""
    served, current = card.name, version_of(predictor.model)

    def check(name: str, version: str) -> None:
        if (name, version) != (served, current):
            raise Problem(NOT_FOUND)
        if not is_ready():
            raise Problem(NOT_READY)

    _server_routes(app, lambda: check(served, current))
    _metadata_routes(app, predictor, served, current, check)
    _readiness_routes(app, served, current, check)
    _infer_routes(app, card, predictor, reader, current)


def _only(value: str) -> Any:
    """A path parameter with one value. Documented, not enforced: another is 404 in the protocol's own form."""
    return PathParameter(json_schema_extra={"enum": [value]})


def _server_routes(app: FastAPI, check_ready: Callable[[], None]) -> None:
    @app.get("/v2", tags=TAGS, responses=problems(*KEYED, *ANY))
    async def server() -> dict[str, Any]:
        """What this server is."""
        return {"name": "gatehouse", "version": "2", "extensions": ["binary_tensor_data"]}

    @app.get("/v2/health/live", tags=TAGS)
    async def live() -> dict[str, bool]:
        """The process answers."""
        return {"live": True}

    @app.get("/v2/health/ready", tags=TAGS, responses=problems(NOT_READY))
    async def ready() -> dict[str, bool]:
        """Send traffic here."""
        check_ready()
        return {"ready": True}


def _described() -> dict[str, Any]:
    return {"tags": TAGS, "responses": problems(NOT_FOUND, NOT_READY, *KEYED, *ANY)}


def _metadata_routes(app: FastAPI, predictor: Predictor, served: str, current: str, check: Check) -> None:
    name, version = _only(served), _only(current)

    @app.get(MODEL_PATH, **_described())
    async def metadata(model_name: Annotated[str, name]) -> dict[str, Any]:
        """The model's inputs and outputs."""
        check(model_name, current)
        return metadata_of(predictor.model)

    @app.get(VERSION_PATH, **_described())
    async def version_metadata(
        model_name: Annotated[str, name], model_version: Annotated[str, version]
    ) -> dict[str, Any]:
        """The same by version: only the served one exists."""
        check(model_name, model_version)
        return metadata_of(predictor.model)


def _readiness_routes(app: FastAPI, served: str, current: str, check: Check) -> None:
    name, version = _only(served), _only(current)

    @app.get(MODEL_PATH + "/ready", **_described())
    async def model_ready(model_name: Annotated[str, name]) -> dict[str, Any]:
        """Whether the model answers."""
        check(model_name, current)
        return {"name": served, "ready": True}

    @app.get(VERSION_PATH + "/ready", **_described())
    async def version_ready(model_name: Annotated[str, name], model_version: Annotated[str, version]) -> dict[str, Any]:
        """Whether this version answers."""
        check(model_name, model_version)
        return {"name": served, "ready": True}


def _infer_routes(app: FastAPI, card: ModelCard, predictor: Predictor, reader: BodyReader, current: str) -> None:
    name, version = _only(card.name), _only(current)
    documented: dict[str, Any] = {
        "tags": TAGS,
        "responses": problems(*READING, NOT_FOUND, NO_FINITE_ANSWER, *KEYED, *ANY),
        "response_class": JSONResponse,
        "openapi_extra": body_of(app, request_type(card)),
    }

    @app.post(MODEL_PATH + "/infer", **documented)
    async def infer(model_name: Annotated[str, name], request: HttpRequest) -> Response:
        """Predict a batch of rows, one tensor per feature."""
        if model_name != card.name:
            raise Problem(NOT_FOUND)
        return await _infer(predictor, reader, request)

    @app.post(VERSION_PATH + "/infer", **documented)
    async def version_infer(
        model_name: Annotated[str, name], model_version: Annotated[str, version], request: HttpRequest
    ) -> Response:
        """The same by version: any but the served one is 404."""
        if (model_name, model_version) != (card.name, current):
            raise Problem(NOT_FOUND)
        return await _infer(predictor, reader, request)


async def _infer(predictor: Predictor, reader: BodyReader, request: HttpRequest) -> Response:
    model = predictor.model
    headers = dict(request.scope["headers"])
    refuse_compression(headers)
    body = await reader.read(request.receive, headers, model.max_batch_bytes)
    asked, rows = read_request(body, headers, model)
    at_us = time.time_ns() // 1000
    batch = predictor.score(headers, body, rows, at_us, request.scope[CLIENT])
    return response_of(model, asked, outputs_of(model, batch))
