"""The Open Inference Protocol's requests and answers: their types, and their conversion to rows and from tensors."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import from_json, to_json

from contracts.dates.inputs import Input
from contracts.model_folder import ModelCard
from service.formats.json_rows import refuse_duplicate_keys
from service.formats.row_schema import Row, parts_not_sent
from service.formats.tensors import DATATYPE_OF_KIND, NUMBERS, Tensor, TensorError, flat, from_bytes, to_bytes
from service.http.problems import DOES_NOT_FIT, NOT_JSON, Problem
from service.prediction.predictor import Predicted
from service.prediction.served_model import ServedModel

JSON_LENGTH = b"inference-header-content-length"


class Parameters(BaseModel):
    """The parameters that this service reads; it ignores others."""

    model_config = ConfigDict(extra="ignore", strict=True)

    binary_data_size: Annotated[int, Field(ge=0)] | None = None
    binary_data: bool | None = None
    binary_data_output: bool = False


class InputTensor(BaseModel):
    """The values of one feature or date."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=2)]
    datatype: str
    parameters: Parameters = Parameters()
    data: list[Any] | None = None


class RequestedOutput(BaseModel):
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
    outputs: Annotated[list[RequestedOutput], Field(max_length=10)] | None = None


def request_type(card: ModelCard) -> type[BaseModel]:
    """The JSON part of a request to this model, for the documentation."""
    names: Any = Literal[tuple(one.name for one in card.inputs)]
    kinds: Any = Literal[tuple(NUMBERS) + tuple(DATATYPE_OF_KIND[kind] for kind in ("boolean", "categorical"))]
    rows: Any = Annotated[list[Any], Field(max_length=card.max_batch_rows)] | None
    tensor = create_model(
        "InputTensor", __base__=InputTensor, name=(names, ...), datatype=(kinds, ...), data=(rows, None)
    )
    # The tensor's type is made from the model card at start.
    tensors: Any = Annotated[list[tensor], Field(min_length=1, max_length=len(card.inputs))]  # type: ignore[valid-type]  # made at start
    return create_model("InferenceRequest", __base__=InferenceRequest, inputs=(tensors, ...))


def read_request(body: bytes, headers: Mapping[bytes, bytes], model: ServedModel) -> tuple[InferenceRequest, list[Row]]:
    """The request and its rows, validated as those of /predict/batch are. Raises Problem."""
    length = headers.get(JSON_LENGTH)
    if length is not None and not (length.isdigit() and len(length) < 10 and int(length) <= len(body)):
        raise Problem(DOES_NOT_FIT, (("#", "Inference-Header-Content-Length within the body"),))
    end = len(body) if length is None else int(length)
    asked = _read_json(body[:end])
    if not {one.name for one in asked.outputs or ()} <= {one.name for one in [*_results(model, [], []), _ids([])]}:
        raise Problem(DOES_NOT_FIT, (("#/outputs", "names of the model's outputs"),))
    not_sent = parts_not_sent(model.card.inputs)
    if wrong := [
        (f"#/inputs/{place}", not_sent[one.name]) for place, one in enumerate(asked.inputs) if one.name in not_sent
    ]:
        raise Problem(DOES_NOT_FIT, tuple(wrong))
    try:
        columns = _columns(asked.inputs, body[end:], {one.name: one for one in model.card.inputs})
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


def _columns(
    inputs: Sequence[InputTensor], binary: bytes, inputs_of_model: Mapping[str, Input]
) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    place = 0
    for tensor in inputs:
        known = inputs_of_model.get(tensor.name)
        rows = tensor.shape[0]
        if known is None or tensor.name in columns or tensor.shape[1:] not in ([], [1]):
            raise TensorError
        is_number = known.kind in ("numeric", "epoch")
        if is_number and tensor.datatype not in NUMBERS:
            raise TensorError
        if not is_number and tensor.datatype != DATATYPE_OF_KIND[known.kind]:
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


def outputs_of(model: ServedModel, predicted: Predicted) -> list[Tensor]:
    """The output tensors of predicted rows."""
    values = predicted.outputs.ravel().tolist()
    return [*_results(model, predicted.scored.labels, values), _ids([one.decode() for one in predicted.identities])]


def _results(model: ServedModel, labels: list[str], values: list[float]) -> list[Tensor]:
    rows = len(labels)
    if model.card.task == "regression":
        return [Tensor("prediction", "FP32", (rows,), values)]
    return [
        Tensor("prediction", "BYTES", (rows,), labels),
        Tensor("probabilities", "FP32", (rows, len(model.card.classes)), values),
    ]


def _ids(identities: list[str]) -> Tensor:
    return Tensor("id", "BYTES", (len(identities),), identities)


def response_of(model: ServedModel, asked: InferenceRequest, tensors: list[Tensor]) -> Response:
    """The answer with the requested outputs, each as JSON or binary as requested."""
    wanted = {one.name: one.parameters.binary_data for one in asked.outputs or ()}
    shown: list[dict[str, Any]] = []
    binary = b""
    for tensor in tensors:
        if wanted and tensor.name not in wanted:
            continue
        described = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        choice = wanted.get(tensor.name)
        if asked.parameters.binary_data_output if choice is None else choice:
            raw = to_bytes(tensor)
            binary += raw
            shown.append({**described, "parameters": {"binary_data_size": len(raw)}})
        else:
            shown.append({**described, "data": tensor.values})
    document = {"model_name": model.card.name, "model_version": version_of(model), "outputs": shown}
    text = to_json(document if asked.id is None else {"id": asked.id, **document})
    if not binary:
        return Response(text, media_type="application/json")
    headers = {JSON_LENGTH.decode(): str(len(text))}
    return Response(text + binary, headers=headers, media_type="application/octet-stream")


def metadata_of(model: ServedModel) -> dict[str, Any]:
    """The protocol's description of the model."""
    inputs = [{"name": one.name, "datatype": DATATYPE_OF_KIND[one.kind], "shape": [-1]} for one in model.card.inputs]
    outputs = [
        {"name": one.name, "datatype": one.datatype, "shape": [-1, *one.shape[1:]]}
        for one in [*_results(model, [], []), _ids([])]
    ]
    return {
        "name": model.card.name,
        "versions": [version_of(model)],
        "platform": "onnxruntime_onnx",
        "inputs": inputs,
        "outputs": outputs,
    }


def version_of(model: ServedModel) -> str:
    """The protocol's model version: the start of the model's digest."""
    return model.digest.removeprefix("sha256:")[:12]
