"""What a prediction looks like: in the documentation (as types) and on the wire (as bytes). Nowhere else.

Every answer has `id`, `model` (the digest) and `prediction`: a class, or the value of a regression. Binary answers add
`probability`, that of the positive class; multiclass answers add `probabilities` by class. Numbers have nine
significant digits, which is every float32 exactly.
"""

import json
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, Field, create_model

from contracts.model_folder import ModelCard

JSON = b"application/json"
Probability = Annotated[float, Field(ge=0, le=1)]


class Answer(NamedTuple):
    """A whole HTTP answer."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


# One row's result: the JSON members that it adds to an answer and to a log record, then the label and the score that
# metrics count. A plain tuple, because one is made for every row.
Scored = tuple[bytes, bytes, str, float]


class NoFiniteAnswerError(Exception):
    """The graph gave NaN, an infinity, or a probability outside 0 to 1."""


class BinaryShape:
    """The class whose probability reaches the threshold, and that probability."""

    def __init__(self, card: ModelCard) -> None:
        positive = card.classes.index(card.positive)
        negative = 1 - positive
        self._positive = positive
        self._threshold = 0.5 if card.threshold is None else card.threshold
        self._names = (card.classes[negative], card.classes[positive])
        self._members = tuple(b'"prediction":%b' % _json(name) for name in self._names)

    def __call__(self, output: Sequence[float]) -> Scored:
        """`output`: probabilities in the order of the card's classes."""
        first, second = output
        score = second if self._positive else first
        if not (0.0 <= first <= 1.0 and 0.0 <= second <= 1.0):
            raise NoFiniteAnswerError
        is_positive = score >= self._threshold
        member = self._members[is_positive]
        return (
            b'%b,"probability":%.9g' % (member, score),
            b'%b,"probabilities":[%.9g,%.9g]' % (member, first, second),
            self._names[is_positive],
            score,
        )


class MulticlassShape:
    """The most probable class, and the probability of each. The score is the largest probability."""

    def __init__(self, card: ModelCard) -> None:
        self._classes = card.classes
        self._names = tuple(_json(name) for name in card.classes)

    def __call__(self, output: Sequence[float]) -> Scored:
        """`output`: probabilities in the order of the card's classes."""
        if not all(0.0 <= one <= 1.0 for one in output):
            raise NoFiniteAnswerError
        score = max(output)
        winner = output.index(score)
        numbers = [b"%.9g" % one for one in output]
        member = b'"prediction":%b' % self._names[winner]
        by_class = b",".join(b"%b:%b" % pair for pair in zip(self._names, numbers, strict=True))
        return (
            b'%b,"probabilities":{%b}' % (member, by_class),
            b'%b,"probabilities":[%b]' % (member, b",".join(numbers)),
            self._classes[winner],
            score,
        )


class RegressionShape:
    """The value. It is its own score."""

    def __call__(self, output: Sequence[float]) -> Scored:
        """`output`: one value."""
        (value,) = output
        if not math.isfinite(value):
            raise NoFiniteAnswerError
        member = b'"prediction":%.9g' % value
        return (member, member, "value", value)


Shape = BinaryShape | MulticlassShape | RegressionShape


def shape_of(card: ModelCard) -> Shape:
    """How this model's outputs are shown."""
    if card.task == "binary":
        return BinaryShape(card)
    return MulticlassShape(card) if card.task == "multiclass" else RegressionShape()


def labels_of(card: ModelCard) -> tuple[str, ...]:
    """Every label that this model can give."""
    return card.classes or ("value",)


def prediction_type(card: ModelCard) -> type[BaseModel]:
    """The type of one answer, for the documentation."""
    classes: Any = Literal[card.classes] if card.classes else float
    fields: dict[str, Any] = {
        "id": (str, Field(description="name this in feedback", examples=["019ab1de-7c00-7f3a-8a5e-0c1d2e3f4a5b"])),
        "model": (str, Field(description="digest of the model that answered")),
        "prediction": (classes, Field(description=f"predicted {card.target}")),
    }
    if card.task == "binary":
        meaning = f"of {card.target} = {card.positive}; from {card.threshold:g} on, the prediction is {card.positive}"
        fields["probability"] = (Probability, Field(description=meaning))
    if card.task == "multiclass":
        fields["probabilities"] = (dict[str, Probability], Field(description="of each class"))
    return create_model("Prediction", __doc__=f"The prediction of `{card.target}` for one row.", **fields)


def batch_type(prediction: type[BaseModel]) -> type[BaseModel]:
    """The type of a batch's answer, for the documentation."""
    predictions: Any = list[prediction]  # type: ignore[valid-type]
    return create_model(
        "Predictions", __doc__="One prediction for each row, in the rows' order.", predictions=(predictions, ...)
    )


def _json(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()
