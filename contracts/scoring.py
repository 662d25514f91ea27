"""A model folder as a function: verified, loaded from bytes into ONNX Runtime, and proved on its golden rows."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from pydantic import ValidationError

from contracts.config import Task
from contracts.features import Encoder, Matrix
from contracts.model_folder import Golden, ModelCard, ModelFolderError, model_digest, read_card, verify_files

INPUT_NAME = "X"
OUTPUT_NAMES: dict[Task, str] = {"binary": "probabilities", "multiclass": "probabilities", "regression": "value"}
EXTERNAL_DATA_MARK = b"external_data"
KNOWN_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})


class Scorer:
    """Scores rows. Thread-safe: `session.run` is, and nothing else changes after construction."""

    def __init__(self, card: ModelCard, digest: str, graph: bytes) -> None:
        self.card = card
        self.digest = digest
        self.encoder = Encoder(card.features)
        self._session = _session(graph)
        self._output = [_checked_output(self._session, card)]

    def predict(self, matrix: Matrix) -> npt.NDArray[np.float32]:
        """Encoded float32 [rows, features] to probabilities [rows, classes] or values [rows, 1]."""
        scores: npt.NDArray[np.float32] = self._session.run(self._output, {INPUT_NAME: matrix})[0]
        return scores


def load_scorer(folder: Path) -> Scorer:
    """Verify, load and prove a model folder. Raises ModelFolderError with the reason."""
    card = read_card(folder)
    contents = verify_files(folder, card)
    scorer = Scorer(card, model_digest(folder), contents["model.onnx"])
    _prove(scorer, contents["golden.json"], folder)
    return scorer


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    if EXTERNAL_DATA_MARK in graph:
        raise ModelFolderError("model.onnx points at data outside itself: refused. Export it with its weights inside.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises its own kinds, which have no public base class
        raise ModelFolderError(f"model.onnx does not load in ONNX Runtime: {str(error).splitlines()[0]}") from None


def _checked_output(session: onnxruntime.InferenceSession, card: ModelCard) -> str:
    inputs = [(one.name, one.type, one.shape[-1:]) for one in session.get_inputs()]
    required = [(INPUT_NAME, "tensor(float)", [len(card.features)])]
    if inputs != required:
        raise ModelFolderError(f"model.onnx reads {inputs}, required {required}.")
    outputs = [one.name for one in session.get_outputs()]
    name = OUTPUT_NAMES[card.task]
    if outputs != [name]:
        raise ModelFolderError(f"model.onnx gives {outputs}, required ['{name}'] for a {card.task} task.")
    return name


def _prove(scorer: Scorer, golden_json: bytes, folder: Path) -> None:
    try:
        golden = Golden.model_validate_json(golden_json)
    except ValidationError as error:
        raise ModelFolderError(f"{folder / 'golden.json'} is not valid: {error.errors()[0]['msg']}.") from None
    if not golden.rows:
        raise ModelFolderError(f"{folder / 'golden.json'} has no rows: nothing shows that the model works here.")
    for number, row in enumerate(golden.rows):
        seen = scorer.predict(scorer.encoder.rows([row.inputs]))[0].astype(np.float64)
        required = np.array(row.output)
        close = seen.shape == required.shape and np.abs(seen - required) <= golden.tolerance * np.maximum(
            1, np.abs(required)
        )
        if not np.all(close):
            raise ModelFolderError(f"golden row {number} gives {seen.tolist()}, required {required.tolist()}.")
