"""Loads a model folder: verifies its files, loads the graph into ONNX Runtime, and proves it on the golden rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from pydantic import ValidationError

from contracts.dates.inputs import DateReader, WrongDatesError
from contracts.features import Matrix, Value
from contracts.model_folder import (
    CARD_FILE,
    Golden,
    ModelCard,
    ModelFolderError,
    model_digest,
    read_card,
    verify_files,
)
from contracts.schema import Task
from scoring.encoder import Encoder
from scoring.onnx_inspection import KNOWN_DOMAINS as KNOWN_DOMAINS
from scoring.onnx_inspection import OnnxBytesError, inspect_onnx

INPUT_NAME = "X"
OUTPUT_NAMES: dict[Task, str] = {"binary": "probabilities", "multiclass": "probabilities", "regression": "value"}


class Scorer:
    """Scores rows. Thread-safe: `session.run` is, and nothing else changes after construction."""

    def __init__(self, card: ModelCard, digest: str, graph: bytes) -> None:
        self.card = card
        self.digest = digest
        self.encoder = Encoder(card.features)
        self._read_dates = DateReader(card.dates) if card.dates else None
        self.session = _session(graph)
        self._output = [_checked_output(self.session, card)]

    def features_of(self, row: Mapping[str, Value]) -> Mapping[str, Value]:
        """A row as clients send it, by features: with the parts of its dates. Raises WrongDatesError."""
        return row if self._read_dates is None else self._read_dates(row)

    def encoded(self, rows: Sequence[Mapping[str, Value]]) -> Matrix:
        """Rows as clients send them, to float32 [rows, features]. Raises WrongDatesError, KeyError."""
        return self.encoder.rows([self.features_of(row) for row in rows])

    def predict(self, matrix: Matrix) -> npt.NDArray[np.float32]:
        """Encoded float32 [rows, features] to probabilities [rows, classes] or values [rows, 1]."""
        scores: npt.NDArray[np.float32] = self.session.run(self._output, {INPUT_NAME: matrix})[0]
        return scores


class RowScorer:
    """Scores one row at half the cost of `Scorer.predict`: input and output are bound to the graph once.

    Write float32 [features] into `buffer`, then call `score`. Not thread-safe: there is one buffer.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.buffer = bytearray(4 * len(scorer.card.features))
        # The session reads and writes this memory directly, so it must live as long as the binding.
        self._input: Matrix = np.frombuffer(self.buffer, dtype=np.float32).reshape(1, -1)
        self._output = np.zeros((1, max(1, len(scorer.card.classes))), dtype=np.float32)
        self._values = self._output[0].tolist
        session = scorer.session
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input(INPUT_NAME, onnxruntime.OrtValue.ortvalue_from_numpy(self._input))
        self._binding.bind_ortvalue_output(
            OUTPUT_NAMES[scorer.card.task], onnxruntime.OrtValue.ortvalue_from_numpy(self._output)
        )
        self._run = session.run_with_iobinding

    def score(self) -> list[float]:
        """The graph's output for the row in `buffer`: probabilities in the order of the classes, or one value."""
        self._run(self._binding)
        values: list[float] = self._values()
        return values


def load_scorer(folder: Path) -> Scorer:
    """Verify, load and prove a model folder. Raises ModelFolderError with the reason."""
    card = read_card(folder)
    contents = verify_files(folder, card)
    scorer = Scorer(card, model_digest(folder), contents["model.onnx"])
    prove(scorer, _golden(contents["golden.json"], folder))
    return scorer


def prove(scorer: Scorer, golden: Golden) -> None:
    """Raises ModelFolderError if the graph's outputs on this machine differ from the golden rows."""
    for number, row in enumerate(golden.rows):
        try:
            matrix = scorer.encoded([row.inputs])
        except WrongDatesError as error:
            raise ModelFolderError(f"golden row {number} has no date in {error}.", code="golden-rows-differ") from None
        except KeyError as error:
            raise ModelFolderError(
                f"golden row {number} has no value for {error}, which {CARD_FILE} lists.", code="golden-rows-differ"
            ) from None
        seen = scorer.predict(matrix)[0].astype(np.float64)
        required = np.array(row.output)
        bounds = golden.tolerance * np.maximum(1, np.abs(required))
        if seen.shape != required.shape or not np.all(np.abs(seen - required) <= bounds):
            raise ModelFolderError(
                f"golden row {number} gives {seen.tolist()}, required {required.tolist()}.", code="golden-rows-differ"
            )


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    try:
        inspect_onnx(graph)
    except OnnxBytesError as error:
        raise ModelFolderError(f"model.onnx {error}") from None
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


def _golden(content: bytes, folder: Path) -> Golden:
    try:
        golden = Golden.model_validate_json(content)
    except ValidationError as error:
        raise ModelFolderError(f"{folder / 'golden.json'} is not valid: {error.errors()[0]['msg']}.") from None
    if not golden.rows:
        raise ModelFolderError(f"{folder / 'golden.json'} has no rows: nothing shows that the model works here.")
    return golden
