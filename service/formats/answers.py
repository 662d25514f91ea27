"""The form of a prediction: as types for the documentation, and as bytes for the answer and the log.

Every answer has `id`, `model` (the digest; once for a batch) and `prediction`: a class, or the value of a regression.
Binary answers add `probability`, that of the positive class; multiclass answers add `probabilities` by class. Numbers
have nine significant digits, which is every float32 exactly.
"""

import json
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, create_model
from pydantic_core import to_json

from contracts.model_folder import ModelCard

Probability = Annotated[float, Field(ge=0, le=1)]


# One row: label and score for the metrics, then the arguments of the shape's two formats, answer and record.
# A plain tuple, because one is made for every row.
Outputs = npt.NDArray[np.float32]
Scored = tuple[str, float, tuple[Any, ...], tuple[Any, ...]]


class ManyScored(NamedTuple):
    """The same for many rows, by column: labels, scores, a column for each argument of the answer's format, and columns
    of pieces; a row's pieces joined are its record. (Logged numbers have all digits of a double, because serialising
    many at once costs a third.)
    """

    labels: list[str]
    scores: list[float]
    answers: tuple[Sequence[Any], ...]
    records: tuple[Sequence[bytes], ...]


class NoFiniteAnswerError(Exception):
    """The graph gave NaN, an infinity, or a probability outside 0 to 1."""


class BinaryShape:
    """The class whose probability reaches the threshold, and that probability."""

    answer_format = b'"prediction":%b,"probability":%.9g'
    record_format = b'"prediction":%b,"probabilities":[%.9g,%.9g]'

    def __init__(self, card: ModelCard) -> None:
        positive = card.classes.index(card.positive)
        self._positive = positive
        self._threshold = 0.5 if card.threshold is None else card.threshold
        self._names = (card.classes[1 - positive], card.classes[positive])
        self._texts = tuple(_json(name) for name in self._names)
        self._starts = _starts(self._texts)

    def __call__(self, output: Sequence[float]) -> Scored:
        """`output`: probabilities in the order of the card's classes."""
        first, second = output
        if not (0.0 <= first <= 1.0 and 0.0 <= second <= 1.0):
            raise NoFiniteAnswerError
        score = second if self._positive else first
        is_positive = score >= self._threshold
        text = self._texts[is_positive]
        return self._names[is_positive], score, (text, score), (text, first, second)

    def many(self, outputs: Outputs) -> ManyScored:
        """`outputs`: float32 [rows, 2]."""
        _require_probabilities(outputs)
        scores = outputs[:, self._positive].astype(np.float64)
        winners = (scores >= self._threshold).tolist()
        labels, texts = [self._names[one] for one in winners], [self._texts[one] for one in winners]
        starts = [self._starts[one] for one in winners]
        shown = scores.tolist()
        return ManyScored(labels, shown, (texts, shown), (starts, _vectors(outputs)))


class MulticlassShape:
    """The most probable class, and the probability of each. The score is the largest probability."""

    def __init__(self, card: ModelCard) -> None:
        self._names = card.classes
        self._texts = tuple(_json(name) for name in card.classes)
        self._starts = _starts(self._texts)
        by_class = b",".join(b"%b:%%.9g" % text.replace(b"%", b"%%") for text in self._texts)
        self.answer_format = b'"prediction":%%b,"probabilities":{%b}' % by_class
        self.record_format = b'"prediction":%%b,"probabilities":[%b]' % b",".join([b"%.9g"] * len(card.classes))

    def __call__(self, output: Sequence[float]) -> Scored:
        """`output`: probabilities in the order of the card's classes."""
        if not all(0.0 <= one <= 1.0 for one in output):
            raise NoFiniteAnswerError
        score = max(output)
        winner = output.index(score)
        arguments = (self._texts[winner], *output)
        return self._names[winner], score, arguments, arguments

    def many(self, outputs: Outputs) -> ManyScored:
        """`outputs`: float32 [rows, classes]."""
        _require_probabilities(outputs)
        winners = outputs.argmax(axis=1).tolist()
        labels, texts = [self._names[one] for one in winners], [self._texts[one] for one in winners]
        starts = [self._starts[one] for one in winners]
        scores = outputs.max(axis=1).tolist()
        return ManyScored(labels, scores, (texts, *outputs.T.tolist()), (starts, _vectors(outputs)))


class RegressionShape:
    """The value. It is its own score."""

    answer_format = record_format = b'"prediction":%.9g'

    def __call__(self, output: Sequence[float]) -> Scored:
        """`output`: one value."""
        (value,) = output
        if not math.isfinite(value):
            raise NoFiniteAnswerError
        return "value", value, (value,), (value,)

    def many(self, outputs: Outputs) -> ManyScored:
        """`outputs`: float32 [rows, 1]."""
        if not np.isfinite(outputs).all():
            raise NoFiniteAnswerError
        values = outputs[:, 0].tolist()
        pieces = [b'"prediction":' + text for text in to_json(values)[1:-1].split(b",")]
        return ManyScored(["value"] * len(values), values, (values,), (pieces,))


def _starts(texts: Sequence[bytes]) -> tuple[bytes, ...]:
    """The part of a record before its probabilities, for each class."""
    return tuple(b'"prediction":%b,"probabilities":' % text for text in texts)


def _vectors(outputs: Outputs) -> list[bytes]:
    """Each row as a JSON array."""
    return to_json(outputs.tolist())[1:-1].replace(b"],", b"]\0").split(b"\0")


def _require_probabilities(outputs: Outputs) -> None:
    if not ((outputs >= 0) & (outputs <= 1)).all():
        raise NoFiniteAnswerError


Shape = BinaryShape | MulticlassShape | RegressionShape


def shape_of(card: ModelCard) -> Shape:
    """The shape of this model's task."""
    if card.task == "binary":
        return BinaryShape(card)
    return MulticlassShape(card) if card.task == "multiclass" else RegressionShape()


def labels_of(card: ModelCard) -> tuple[str, ...]:
    """Every label that this model can give."""
    return card.classes or ("value",)


def prediction_type(card: ModelCard) -> type[BaseModel]:
    """The type of one answer, for the documentation."""
    return create_model(
        "Prediction", __doc__=f"The prediction of `{card.target}` for one row.", **_id(), **_model(), **_result(card)
    )


def batch_type(card: ModelCard) -> type[BaseModel]:
    """The type of a batch's answer, for the documentation."""
    row = create_model("RowPrediction", __doc__="The prediction for one row of a batch.", **_id(), **_result(card))
    rows: Any = list[row]  # type: ignore[valid-type]  # made from the model card at start
    return create_model(
        "Predictions", __doc__="A prediction for each row, in their order.", **_model(), predictions=(rows, ...)
    )


def _id() -> dict[str, Any]:
    return {"id": (str, Field(description="name this in feedback", examples=["019ab1de-7c00-7f3a-8a5e-0c1d2e3f4a5b"]))}


def _model() -> dict[str, Any]:
    return {"model": (str, Field(description="digest of the model that answered"))}


def _result(card: ModelCard) -> dict[str, Any]:
    classes: Any = Literal[card.classes] if card.classes else float
    fields: dict[str, Any] = {"prediction": (classes, Field(description=f"predicted {card.target}"))}
    if card.task == "binary":
        meaning = f"of {card.target} = {card.positive}; from {card.threshold:g} on, the prediction is {card.positive}"
        fields["probability"] = (Probability, Field(description=meaning))
    if card.task == "multiclass":
        fields["probabilities"] = (dict[str, Probability], Field(description="of each class"))
    return fields


def _json(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()
