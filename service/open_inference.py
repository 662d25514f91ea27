"""The Open Inference Protocol, version 2, over HTTP: what KServe's and Triton's own clients speak.

One input tensor for each feature, [rows] or [rows, 1]: numbers (FP32 or another numeric type), BOOL, or BYTES for
categories. A missing number is NaN in a binary tensor and null in JSON; a feature that may be missing may be left out.
The outputs are `prediction`, `probabilities` ([rows, classes], not for regression) and `id`, as in /predict/batch, and
rows are validated, logged and counted in the same way. Tensors are JSON or binary (Inference-Header-Content-Length).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json, to_json

from contracts.features import Feature
from service.body import BodyReader
from service.documentation import ANY, KEYED, READING, body_of, problems
from service.front import CLIENT
from service.predict import Predictor
from service.problems import DOES_NOT_FIT, NO_FINITE_ANSWER, NOT_FOUND, NOT_JSON, NOT_READY, Problem
from service.rows import refuse_duplicate_keys
from service.schema import Row
from service.served_model import ServedModel
from service.tensors import DATATYPE_OF_KIND, NUMBERS, Tensor, TensorError, flat, from_bytes, to_bytes

JSON_LENGTH = b"inference-header-content-length"
TAGS: list[str | Enum] = ["open inference protocol"]


class Parameters(BaseModel):
    """Of what clients put here, what this service reads."""

    model_config = ConfigDict(extra="ignore", strict=True)

    binary_data_size: Annotated[int, Field(ge=0)] | None = None
    binary_data: bool | None = None
    binary_data_output: bool = False


class InputTensor(BaseModel):
    """The values of one feature."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=2)]
    datatype: str
    parameters: Parameters = Parameters()
    data: list[Any] | None = None


class AskedOutput(BaseModel):
    """One output that the client wants."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    parameters: Parameters = Parameters()


class InferenceRequest(BaseModel):
    """The JSON part of a request."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, Field(max_length=200)] | None = None
    parameters: Parameters = Parameters()
    inputs: Annotated[list[InputTensor], Field(min_length=1, max_length=10_000)]
    outputs: Annotated[list[AskedOutput], Field(max_length=10)] | None = None


def add_inference_routes(app: FastAPI, predictor: Predictor, reader: BodyReader, is_ready: Callable[[], bool]) -> None:
    """Add the protocol's routes to the app."""
    name = predictor.model.card.name

    def check(asked: str) -> None:
        if asked != name:
            raise Problem(NOT_FOUND)
        if not is_ready():
            raise Problem(NOT_READY)

    @app.get("/v2", tags=TAGS, responses=problems(*ANY))
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

    @app.get("/v2/models/{model_name}", tags=TAGS, responses=problems(NOT_FOUND, NOT_READY, *KEYED, *ANY))
    async def metadata(model_name: str) -> dict[str, Any]:
        """The model's inputs and outputs."""
        check(model_name)
        return metadata_of(predictor.model)

    @app.get("/v2/models/{model_name}/ready", tags=TAGS, responses=problems(NOT_FOUND, NOT_READY, *KEYED, *ANY))
    async def model_ready(model_name: str) -> dict[str, Any]:
        """Whether the model answers."""
        check(model_name)
        return {"name": name, "ready": True}

    @app.post(
        "/v2/models/{model_name}/infer",
        tags=TAGS,
        responses=problems(*READING, NOT_FOUND, NO_FINITE_ANSWER, *KEYED, *ANY),
        response_class=JSONResponse,
        openapi_extra=body_of(app, InferenceRequest),
    )
    async def infer(model_name: str, request: HttpRequest) -> Response:
        """Predict a batch of rows that are given by column."""
        if model_name != name:
            raise Problem(NOT_FOUND)
        model = predictor.model
        headers = dict(request.scope["headers"])
        body = await reader.read(request.receive, headers, model.max_batch_bytes)
        asked, rows = read_request(body, headers, model)
        at_us = time.time_ns() // 1000
        batch = predictor.score(headers, body, rows, at_us, request.scope[CLIENT])
        tensors = _outputs(model, [one.decode() for one in batch.identities], batch.outputs, batch.labels)
        return _response(model, asked, tensors)


def metadata_of(model: ServedModel) -> dict[str, Any]:
    """The protocol's description of the model."""
    inputs = [_described(one.name, DATATYPE_OF_KIND[one.kind], [-1]) for one in model.card.features]
    return {
        "name": model.card.name,
        "versions": [_version(model)],
        "platform": "onnxruntime_onnx",
        "inputs": inputs,
        "outputs": [_described(one.name, one.datatype, [-1, *one.shape[1:]]) for one in _outputs(model, [], [], [])],
    }


def _described(name: str, datatype: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape}


def _version(model: ServedModel) -> str:
    return model.digest.removeprefix("sha256:")[:12]


def read_request(body: bytes, headers: Mapping[bytes, bytes], model: ServedModel) -> tuple[InferenceRequest, list[Row]]:
    """The request and its rows, validated as those of /predict/batch are. Raises Problem."""
    length = headers.get(JSON_LENGTH)
    if length is not None and not (length.isdigit() and len(length) < 10 and int(length) <= len(body)):
        raise Problem(DOES_NOT_FIT, (("#", "Inference-Header-Content-Length within the body"),))
    end = len(body) if length is None else int(length)
    asked = _read_json(body[:end])
    try:
        columns = _columns(asked.inputs, body[end:], {one.name: one for one in model.card.features})
    except TensorError:
        required = "tensors named as features, of their types, of one shape [rows] or [rows, 1], with data of that size"
        raise Problem(DOES_NOT_FIT, (("#/inputs", required),)) from None
    names = list(columns)
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return asked, model.rows.checked(rows)


def _read_json(text: bytes) -> InferenceRequest:
    try:
        document = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise Problem(NOT_JSON) from None
    refuse_duplicate_keys(text)
    try:
        return InferenceRequest.model_validate(document)
    except ValidationError:
        raise Problem(DOES_NOT_FIT, (("#", "an inference request of the Open Inference Protocol V2"),)) from None


def _columns(inputs: Sequence[InputTensor], binary: bytes, features: Mapping[str, Feature]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    place = 0
    for tensor in inputs:
        feature = features.get(tensor.name)
        rows = tensor.shape[0]
        if feature is None or tensor.name in columns or tensor.shape[1:] not in ([], [1]):
            raise TensorError
        if feature.kind == "numeric" and tensor.datatype not in NUMBERS:
            raise TensorError
        if feature.kind != "numeric" and tensor.datatype != DATATYPE_OF_KIND[feature.kind]:
            raise TensorError
        size = tensor.parameters.binary_data_size
        if (size is None) == (tensor.data is None):
            raise TensorError
        if size is not None:
            columns[tensor.name] = from_bytes(binary[place : place + size], tensor.datatype, rows)
            place += size
        else:
            columns[tensor.name] = flat(tensor.data or [])
        if len(columns[tensor.name]) != rows:
            raise TensorError
    if place != len(binary) or len({len(one) for one in columns.values()}) != 1:
        raise TensorError
    return columns


def _outputs(
    model: ServedModel, identities: list[str], outputs: Sequence[Sequence[float]], labels: list[str]
) -> list[Tensor]:
    rows = len(identities)
    named = Tensor("id", "BYTES", (rows,), identities)
    if model.card.task == "regression":
        return [Tensor("prediction", "FP32", (rows,), [value for (value,) in outputs]), named]
    probabilities = [value for row in outputs for value in row]
    return [
        Tensor("prediction", "BYTES", (rows,), labels),
        Tensor("probabilities", "FP32", (rows, len(model.card.classes)), probabilities),
        named,
    ]


def _response(model: ServedModel, asked: InferenceRequest, tensors: list[Tensor]) -> Response:
    wanted = {one.name: one for one in asked.outputs or ()}
    if not set(wanted) <= {tensor.name for tensor in tensors}:
        raise Problem(DOES_NOT_FIT, (("#/outputs", "names of the model's outputs"),))
    shown: list[dict[str, Any]] = []
    binary = b""
    for tensor in tensors:
        if wanted and tensor.name not in wanted:
            continue
        described = _described(tensor.name, tensor.datatype, list(tensor.shape))
        choice = wanted[tensor.name].parameters.binary_data if wanted else None
        if asked.parameters.binary_data_output if choice is None else choice:
            raw = to_bytes(tensor)
            binary += raw
            shown.append({**described, "parameters": {"binary_data_size": len(raw)}})
        else:
            shown.append({**described, "data": tensor.values})
    document = {"model_name": model.card.name, "model_version": _version(model), "outputs": shown}
    text = to_json(document if asked.id is None else {"id": asked.id, **document})
    if not binary:
        return Response(text, media_type="application/json")
    headers = {JSON_LENGTH.decode(): str(len(text))}
    return Response(text + binary, headers=headers, media_type="application/octet-stream")
