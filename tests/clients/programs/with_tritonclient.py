"""Triton's own client as it comes, which KServe's users have: it speaks the Open Inference Protocol alone."""

import sys
from importlib.metadata import version

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

print("version", version("tritonclient"))


def tensor(name: str, datatype: str, values: list[object], kind: type) -> InferInput:
    """One feature's column."""
    made = InferInput(name, [len(values)], datatype)
    made.set_data_from_numpy(np.array(values, dtype=kind))
    return made


def status_of(client: InferenceServerClient, rows: int, version: str = "") -> int:
    """What comes of one inference."""
    columns = [
        tensor("distance", "FP32", [1.5] * rows, np.float32),
        tensor("is_weekend", "BOOL", [True] * rows, np.bool_),
        tensor("carrier", "BYTES", ["AA"] * rows, np.object_),
    ]
    try:
        client.infer("tiny", columns, model_version=version)
    except InferenceServerException as error:
        return int(error.status())
    return 200


with InferenceServerClient(sys.argv[1].removeprefix("http://")) as client:
    print("get", 200 if client.is_server_live() and client.is_model_ready("tiny") else 503)
    print("predict", status_of(client, 1))
    print("batch", status_of(client, 500))
    print("too-large", status_of(client, 500_000))
    served = client.get_model_metadata("tiny")["versions"][0]
    print("versions", status_of(client, 1, served) if client.is_model_ready("tiny", served) else 404)
    print("other-version", status_of(client, 1, "0" * 12))
