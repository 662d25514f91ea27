"""An estimator whose weights are in its name, so that the gate can fit a hand-made model again.

training.candidates = ["testbed.hand_made.estimator:w_binary_1_…"]
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.features import Feature, Matrix
from contracts.schema import Task

Weights = npt.NDArray[np.float32]


class ByHand:
    """A linear model that learns nothing. weights: float32 [features, outputs]; bias: float32 [outputs]."""

    def __init__(self, task: Task, weights: Weights, bias: Weights) -> None:
        self.task: Task = task
        self.weights, self.bias = weights, bias
        if task != "regression":
            self.classes_ = np.arange(max(2, len(bias)))

    @property
    def name(self) -> str:
        """As training.candidates takes it."""
        return f"{__name__}:w_{self.task}_{len(self.bias)}_{self.weights.tobytes().hex()}_{self.bias.tobytes().hex()}"

    def fit(self, _matrix: Matrix, _truth: Any) -> "ByHand":
        return self

    def predict(self, matrix: Matrix) -> npt.NDArray[Any]:
        """Values [rows], or positions of classes [rows]."""
        answers = answer(self.task, matrix, self.weights, self.bias)
        return answers[:, 0] if self.task == "regression" else answers.argmax(axis=1)

    def predict_proba(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """[rows, classes]."""
        return answer(self.task, matrix, self.weights, self.bias)


def __getattr__(name: str) -> Callable[[Sequence[Feature], Task, int], ByHand]:
    if not name.startswith("w_"):
        raise AttributeError(name)
    _, task, outputs, weights, bias = name.split("_")

    def make(_features: Sequence[Feature], asked: Task, _seed: int) -> ByHand:
        assert asked == task
        return ByHand(asked, _floats(weights).reshape(-1, int(outputs)), _floats(bias))

    return make


def answer(task: Task, rows: Matrix, weights: Weights, bias: Weights) -> npt.NDArray[np.float64]:
    """The hand-made graph's output, computed in numpy: [rows, classes or 1]."""
    logits = rows.astype(np.float64) @ weights + bias
    if task == "regression":
        return logits
    if task == "binary":
        yes = 1 / (1 + np.exp(-logits))
        return np.concatenate([1 - yes, yes], axis=1)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _floats(digits: str) -> Weights:
    return np.frombuffer(bytes.fromhex(digits), dtype=np.float32)
