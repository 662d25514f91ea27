"""The Open Inference Protocol, version 2, over HTTP, which KServe's and Triton's clients use.

One input tensor for each feature, [rows] or [rows, 1]: numbers (FP32 or another numeric type), BOOL, or BYTES for
categories. A missing number is NaN in a binary tensor and null in JSON; a feature that may be missing may be left out.
The outputs are `prediction`, `probabilities` ([rows, classes], not for regression) and `id`, as in /predict/batch, and
rows are validated, logged and counted in the same way. Tensors are JSON or binary (Inference-Header-Content-Length).
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


def add_inference_routes(
    app: FastAPI, card: ModelCard, predictor: Predictor, reader: BodyReader, is_ready: Callable[[], bool]
) -> None:
    """Add the protocol's routes to the app, for this model."""
    name = card.name
    # Documented, not enforced: another name is answered 404 in the protocol's own form.
    Name = Annotated[str, PathParameter(json_schema_extra={"enum": [name]})]  # noqa: N806 — it is a type

    current = version_of(predictor.model)
    Version = Annotated[str, PathParameter(json_schema_extra={"enum": [current]})]  # noqa: N806

    def check(asked: str, version: str = current) -> None:
        if asked != name or version != current:
            raise Problem(NOT_FOUND)
        if not is_ready():
            raise Problem(NOT_READY)

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
        check(name)
        return {"ready": True}

    model_path, version_path = "/v2/models/{model_name}", "/v2/models/{model_name}/versions/{model_version}"
    known: dict[str, Any] = {"tags": TAGS, "responses": problems(NOT_FOUND, NOT_READY, *KEYED, *ANY)}
    inferring: dict[str, Any] = {
        "tags": TAGS,
        "responses": problems(*READING, NOT_FOUND, NO_FINITE_ANSWER, *KEYED, *ANY),
        "response_class": JSONResponse,
        "openapi_extra": body_of(app, request_type(card)),
    }

    @app.get(model_path, **known)
    async def metadata(model_name: Name) -> dict[str, Any]:
        """The model's inputs and outputs."""
        check(model_name)
        return metadata_of(predictor.model)

    @app.get(version_path, **known)
    async def version_metadata(model_name: Name, model_version: Version) -> dict[str, Any]:
        """The same by version: only the served one exists."""
        check(model_name, model_version)
        return metadata_of(predictor.model)

    @app.get(model_path + "/ready", **known)
    async def model_ready(model_name: Name) -> dict[str, Any]:
        """Whether the model answers."""
        check(model_name)
        return {"name": name, "ready": True}

    @app.get(version_path + "/ready", **known)
    async def version_ready(model_name: Name, model_version: Version) -> dict[str, Any]:
        """Whether this version answers."""
        check(model_name, model_version)
        return {"name": name, "ready": True}

    @app.post(model_path + "/infer", **inferring)
    async def infer(model_name: Name, request: HttpRequest) -> Response:
        """Predict a batch of rows, one tensor per feature."""
        if model_name != name:
            raise Problem(NOT_FOUND)
        model = predictor.model
        headers = dict(request.scope["headers"])
        refuse_compression(headers)
        body = await reader.read(request.receive, headers, model.max_batch_bytes)
        asked, rows = read_request(body, headers, model)
        at_us = time.time_ns() // 1000
        batch = predictor.score(headers, body, rows, at_us, request.scope[CLIENT])
        return response_of(model, asked, outputs_of(model, batch))

    @app.post(version_path + "/infer", **inferring)
    async def version_infer(model_name: Name, model_version: Version, request: HttpRequest) -> Response:
        """The same by version: any but the served one is 404."""
        if model_version != current:
            raise Problem(NOT_FOUND)
        return await infer(model_name, request)
