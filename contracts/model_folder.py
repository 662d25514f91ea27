"""The model folder: the unit that is trained, judged, shipped, rolled back and compared. Data only; nothing executes.

    model.onnx         the graph: one input `X` float32 [rows, features]; one output, `probabilities` or `value`
    model.json         the model card (ModelCard), with the sha256 of every other file
    reference.parquet  a sample of the rows it was fitted on, with predictions out of fold: the reference for drift
    golden.json        inputs and the outputs that they must give, on every machine

The model's *digest* is the sha256 of model.json, which has the sha256 of all other files.
"""

import errno
import hashlib
from operator import not_
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from contracts.dates.inputs import DateInput, Input, inputs_of
from contracts.exits import FindingError
from contracts.features import Feature, Value
from contracts.schema import Schema, Task, is_unset

MODEL_FILES = ("model.onnx", "reference.parquet", "golden.json")
CARD_FILE = "model.json"
GateSetting = float | str
# In reference.parquet: the probability of the positive class (binary), the class (multiclass), or the value.
PREDICTION_COLUMN = "prediction"


class ModelFolderError(FindingError):
    """The model folder cannot be trusted: the text says which file, and what is wrong with it."""


class Metric(Schema):
    """One figure with its interval; `confidence` is one-sided, per end."""

    value: float
    low: float
    high: float
    confidence: float


class ExportProof(Schema):
    """The comparison that proves that the ONNX graph and the scikit-learn estimator are the same function."""

    rows: int
    boundary_rows: int
    label_flips: int
    largest_difference: float


class ColumnHistory(Schema):
    """Past distances of one column of train from reference.parquet, by a method of scoring/distances.py.

    `largest`: by length of the window in whole days, the largest distance of any such window, seasons included.
    """

    column: str
    method: str
    largest: dict[int, float]


class ModelCard(Schema):
    """model.json.

    `dates`: the dates that clients send in place of the features that are made of them.
    `history`: empty where the table has no time, or too few days.
    `refused_candidates`: those of training.candidates that could not be exported exactly, each with the reason.
    `gate`: the settings of pipeline.toml when it was trained, by their keys.
    `unweighted`: where rows have weights, the metrics without them.
    """

    format_version: Literal[1] = 1
    name: str
    task: Task
    target: str
    features: tuple[Feature, ...]
    dates: Annotated[tuple[DateInput, ...], Field(exclude_if=not_)] = ()
    classes: tuple[str, ...] = ()
    positive: str = ""
    threshold: float | None = None
    estimator: str
    parameters: dict[str, float | int | str | bool | None]
    metrics: dict[str, Metric]
    unweighted: Annotated[dict[str, Metric] | None, Field(exclude_if=is_unset)] = None
    train_rows: int
    train_first: str = ""
    train_last: str = ""
    data_digest: str
    commit: str
    versions: dict[str, str]
    proof: ExportProof
    max_batch_rows: int
    logged_features: tuple[str, ...]
    history: tuple[ColumnHistory, ...] = ()
    refused_candidates: dict[str, str] = Field(default_factory=dict)
    gate: dict[str, GateSetting] = Field(default_factory=dict)
    files: dict[str, str]

    @model_validator(mode="after")
    def _dates_are_of_features(self) -> "ModelCard":
        names = {one.name for one in self.features}
        parts = [part for one in self.dates for part in one.parts]
        if not names.issuperset(parts) or len(set(parts)) < len(parts) or names & {one.name for one in self.dates}:
            raise ValueError("dates: each part must be one feature, and no date may be a feature itself")
        return self

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What a client sends of a row."""
        return inputs_of(self.features, self.dates)

    @property
    def metrics_in_production(self) -> dict[str, Metric]:
        """The metrics to compare with those of requests, where each row counts the same."""
        return self.metrics if self.unweighted is None else self.unweighted


class GoldenRow(Schema):
    """A row as a client sends it, and the graph's output: probabilities in the order of `classes`, or one value."""

    inputs: dict[str, Value]
    output: tuple[float, ...]


class Golden(Schema):
    """golden.json. Outputs must agree within `tolerance` × max(1, |output|)."""

    tolerance: float
    rows: tuple[GoldenRow, ...]


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bytes_of(path: Path) -> bytes:
    """A file's bytes. Raises OSError, also for a pipe or a device, whose end may never come."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")
    return path.read_bytes()


def model_digest(folder: Path) -> str:
    """`sha256:…` of model.json. Raises ModelFolderError where there is none."""
    try:
        return f"sha256:{hashlib.sha256(_bytes_of(folder / CARD_FILE)).hexdigest()}"
    except OSError as error:
        raise ModelFolderError(f"{folder / CARD_FILE} cannot be read ({error.strerror}).") from None


def read_card(folder: Path) -> ModelCard:
    """model.json, without checking the other files. Raises ModelFolderError."""
    path = folder / CARD_FILE
    try:
        return ModelCard.model_validate_json(_bytes_of(path))
    except OSError as error:
        raise ModelFolderError(f"{path} cannot be read ({error.strerror}). A model folder has a {CARD_FILE}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise ModelFolderError(f"{path} is not a model card of format 1: {where}: {first['msg']}.") from None


def verify_files(folder: Path, card: ModelCard) -> dict[str, bytes]:
    """Check every file's sha256, and return the bytes of model.onnx and golden.json. Raises ModelFolderError."""
    contents: dict[str, bytes] = {}
    for name in MODEL_FILES:
        required = card.files.get(name)
        if required is None:
            raise ModelFolderError(f"{folder / CARD_FILE} has no sha256 for {name}.")
        try:
            content = _bytes_of(folder / name)
        except OSError as error:
            raise ModelFolderError(f"{folder / name} cannot be read ({error.strerror}).") from None
        seen = hashlib.sha256(content).hexdigest()
        if seen != required:
            raise ModelFolderError(f"{folder / name} has sha256 {seen}, {CARD_FILE} says {required}: it was changed.")
        if name != "reference.parquet":
            contents[name] = content
    return contents
