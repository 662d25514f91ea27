"""The files between the stage and the Locust process: the plan of requests, and the measurements.

A plan has one *variant*, the challenger, or two: challenger and champion. A variant's requests are due in its *blocks*,
one block after the other, at the plan's rate. Due times are relative to the start of counting; the warm-up of all
variants comes before zero.
"""

from collections.abc import Iterator
from typing import NamedTuple

from contracts.schema import Schema

CHALLENGER, CHAMPION = 0, 1
WARM_UP = -1
# The pause between two blocks, so that late answers and CPU seconds count in their own block.
GAP_SECONDS = 0.1
# In the folder of the request log: the row of the table that each prediction of the load answers.
SOURCES_FILE = "sources-load-test.jsonl"
# In the stage's folder, beside measured.json or in its place.
WORKERS_FILE = "workers.json"


class Request(Schema):
    """One row as a JSON body, and the model's own prediction in the form of the service's answer.

    `row`: its number in the replay table, from 0. `labels`: the right classes, several only if the model's output is on
    the border between them. `probability`: of the positive class (binary); `probabilities`: of each class (multiclass);
    `value`: the prediction of a regression.
    """

    body: str
    row: int = 0
    labels: tuple[str, ...] = ()
    probability: float | None = None
    probabilities: dict[str, float] | None = None
    value: float | None = None


class Variant(Schema):
    """One of the services under load. `model` is the digest that every answer must name."""

    model: str
    requests: tuple[Request, ...]


class Block(Schema):
    """A number of requests to one variant, the first due `begin_s` after counting began."""

    variant: int
    begin_s: float
    requests: int


class Due(NamedTuple):
    """One request of a variant: its number, counted from the warm-up, its due time, and its block in the plan."""

    number: int
    due_s: float
    block: int


class Plan(Schema):
    """plan.json: which requests are due when, and to whom."""

    requests_per_second: float
    connections: int
    warmup_seconds: float
    variants: tuple[Variant, ...]
    blocks: tuple[Block, ...]

    @property
    def warmup_requests(self) -> int:
        return round(self.requests_per_second * self.warmup_seconds)

    @property
    def ends_s(self) -> float:
        """The end of the last block, if no answer is late."""
        return self.blocks[-1].begin_s + self.seconds(self.blocks[-1])

    def seconds(self, block: Block) -> float:
        return block.requests / self.requests_per_second

    def timetable(self, variant: int) -> Iterator[Due]:
        """Every request of one variant, in order of time."""
        number = 0
        for _ in range(self.warmup_requests):
            yield Due(number, (number - self.warmup_requests) / self.requests_per_second, WARM_UP)
            number += 1
        for position, block in enumerate(self.blocks):
            if block.variant != variant:
                continue
            for place in range(block.requests):
                yield Due(number, block.begin_s + place / self.requests_per_second, position)
                number += 1


def one_block(requests: int) -> tuple[Block, ...]:
    """The schedule without a champion."""
    return (Block(variant=CHALLENGER, begin_s=0.0, requests=requests),)


def interleaved(blocks: int, requests: int, block_seconds: float, gap_seconds: float) -> tuple[Block, ...]:
    """A B B A A B B A …, `blocks` of each variant, so that slow changes of the machine affect both equally."""
    order = [CHALLENGER if number % 4 in (0, 3) else CHAMPION for number in range(2 * blocks)]
    apart = block_seconds + gap_seconds
    return tuple(
        Block(variant=variant, begin_s=number * apart, requests=requests) for number, variant in enumerate(order)
    )


class Sample(NamedTuple):
    """One counted request, in seconds after counting began. `fault` is empty if the answer was right."""

    block: int
    due_s: float
    sent_s: float
    done_s: float
    fault: str


class Machine(Schema):
    """How busy the machine was with other processes during the load (checks/machine.py)."""

    others_share: float
    steal_share: float
    lag_ms: tuple[float, float, float, float]
    waited_ms: float


class Measured(Schema):
    """measured.json: every counted request, the cost of each block, each variant's memory, and the machine's state.

    `cpu_seconds`: of each block of the plan. `resident_mb`: of each variant, evenly spaced over the counted time.
    """

    samples: tuple[Sample, ...]
    cpu_seconds: tuple[float, ...]
    resident_mb: tuple[tuple[float, ...], ...]
    machine: Machine | None = None


class Ending(Schema):
    """workers.json: why a run with workers has no figures. `is_lost`: it had begun, and a worker was lost."""

    sentence: str
    code: str
    is_lost: bool
