"""Triton's own HTTP client, unmodified, against the running service: what KServe's users have in their hands."""

from collections.abc import Iterator

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from testbed.clients import Process, records_in
from testbed.served_folders import FEATURES, ROW, probability

MODEL = "drawn"
DATATYPES = {"numeric": "FP32", "boolean": "BOOL", "categorical": "BYTES"}
NUMPY_TYPES = {"FP32": np.float32, "BOOL": np.bool_, "BYTES": np.object_}


@pytest.fixture
def client(process: Process) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(f"{process.host}:{process.port}") as made:
        yield made


def tensors(rows: int = 2, *, binary: bool = True, **datatypes: str) -> list[InferInput]:
    made = []
    for feature in FEATURES:
        datatype = datatypes.get(feature.name, DATATYPES[feature.kind])
        tensor = InferInput(feature.name, [rows], datatype)
        tensor.set_data_from_numpy(
            np.array([ROW[feature.name]] * rows, dtype=NUMPY_TYPES[datatype]), binary_data=binary
        )
        made.append(tensor)
    return made


def test_health_and_metadata_are_what_the_client_expects(client: InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.get_server_metadata()["name"] == "gatehouse"
    assert [one["name"] for one in client.get_model_metadata(MODEL)["inputs"]] == [one.name for one in FEATURES]


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("binary_output", [True, False])
def test_rows_are_predicted_and_logged(
    client: InferenceServerClient, process: Process, binary: bool, binary_output: bool
) -> None:
    names = ("prediction", "probabilities", "id")
    wanted = [InferRequestedOutput(name, binary_data=binary_output) for name in names]
    answer = client.infer(MODEL, tensors(binary=binary), outputs=wanted, request_id="mine")
    assert answer.get_response()["id"] == "mine"
    assert answer.as_numpy("probabilities")[:, 1] == pytest.approx([probability(ROW)] * 2, abs=1e-6)
    assert {_text(one) for one in answer.as_numpy("prediction")} == {"yes"}
    logged = {record["id"] for record in records_in(process.log, "predictions")}
    assert {_text(one) for one in answer.as_numpy("id")} <= logged


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_requests_are_refused_in_words_the_client_can_raise(
    client: InferenceServerClient, algorithm: str
) -> None:
    with pytest.raises(InferenceServerException, match="not compressed"):
        client.infer(MODEL, tensors(), request_compression_algorithm=algorithm)


def test_another_model_is_refused(client: InferenceServerClient) -> None:
    assert not client.is_model_ready("another")
    with pytest.raises(InferenceServerException):
        client.infer("another", tensors())


def test_a_tensor_of_the_wrong_type_is_refused(client: InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="errors"):
        client.infer(MODEL, tensors(is_new="FP32"))


def test_rows_that_are_left_out_are_refused(client: InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException):
        client.infer(MODEL, tensors()[1:])


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
