"""What passes between the stage and the process that runs Locust: the plan to carry out, and what was measured.

A request's *position* is its place in the plan. Its due time counts from the moment when counting begins, so that
warm-up is due before zero: `due_s(position) = (position - warmup_requests) / requests_per_second`.
"""

from typing import NamedTuple

from contracts.schema import Schema


class Request(Schema):
    """One row as a JSON body, and what the model itself says to it, in the form of the service's answer.

    `labels`: the classes that are right answers, more than one only where the model stands on the border between them.
    `probability` is that of the positive class (binary), `probabilities` that of each class (multiclass), `value` the
    prediction of a regression.
    """

    body: str
    labels: tuple[str, ...] = ()
    probability: float | None = None
    probabilities: dict[str, float] | None = None
    value: float | None = None


class Plan(Schema):
    """plan.json: which requests are due when. `model` is the digest that every answer must name."""

    model: str
    requests_per_second: float
    connections: int
    warmup_seconds: float
    seconds: float
    requests: tuple[Request, ...]

    @property
    def warmup_requests(self) -> int:
        return round(self.requests_per_second * self.warmup_seconds)

    @property
    def counted_requests(self) -> int:
        return max(1, round(self.requests_per_second * self.seconds))

    @property
    def planned_requests(self) -> int:
        return self.warmup_requests + self.counted_requests

    def due_s(self, position: int) -> float:
        """Seconds after counting began; negative in the warm-up."""
        return (position - self.warmup_requests) / self.requests_per_second


class Sample(NamedTuple):
    """One counted request, in seconds after counting began. `fault` is empty where the answer was right."""

    due_s: float
    sent_s: float
    done_s: float
    fault: str


class Measured(Schema):
    """measured.json: every counted request, and the CPU seconds that the service's process spent on all of them."""

    samples: tuple[Sample, ...]
    cpu_seconds: float
