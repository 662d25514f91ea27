"""What passes between the stage and the process that runs Locust: the plan to carry out, and what was measured.

A plan has one *variant*, the challenger, or two: challenger and champion. A variant's requests are due in its *blocks*,
one block after the other, at the rate of the plan. Due times count from the moment when counting begins; the warm-up,
of all variants at once, is due before zero.
"""

from collections.abc import Iterator
from typing import NamedTuple

from contracts.schema import Schema

CHALLENGER, CHAMPION = 0, 1
WARM_UP = -1
# Nothing is due between two blocks for so long, and each of them takes its own late answers and CPU seconds with it.
GAP_SECONDS = 0.1
# In the folder of the request log: which row of the table each prediction of the load answers.
SOURCES_FILE = "sources-load-test.jsonl"


class Request(Schema):
    """One row as a JSON body, and what the model itself says to it, in the form of the service's answer.

    `row`: which row of the replay table it is, from 0. `labels`: the classes that are right answers, more than one only
    where the model stands on the border between them. `probability` is that of the positive class (binary),
    `probabilities` that of each class (multiclass), `value` the prediction of a regression.
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
    """So many requests to one variant, the first due `begin_s` after counting began."""

    variant: int
    begin_s: float
    requests: int


class Due(NamedTuple):
    """One request of a variant: its number, from the warm-up on, when it is due, and in which block of the plan."""

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
        """When the last block ends, if nothing is late."""
        return self.blocks[-1].begin_s + self.seconds(self.blocks[-1])

    def seconds(self, block: Block) -> float:
        return block.requests / self.requests_per_second

    def timetable(self, variant: int) -> Iterator[Due]:
        """Every request of one variant, in the order of time."""
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
    """The schedule where there is nothing to compare with."""
    return (Block(variant=CHALLENGER, begin_s=0.0, requests=requests),)


def interleaved(blocks: int, requests: int, block_seconds: float, gap_seconds: float) -> tuple[Block, ...]:
    """A B B A A B B A …, `blocks` of each variant: whatever changes slowly on the machine meets both variants alike."""
    order = [CHALLENGER if number % 4 in (0, 3) else CHAMPION for number in range(2 * blocks)]
    apart = block_seconds + gap_seconds
    return tuple(
        Block(variant=variant, begin_s=number * apart, requests=requests) for number, variant in enumerate(order)
    )


class Sample(NamedTuple):
    """One counted request, in seconds after counting began. `fault` is empty where the answer was right."""

    block: int
    due_s: float
    sent_s: float
    done_s: float
    fault: str


class Machine(Schema):
    """What others took of the machine during the load (checks/machine.py)."""

    others_share: float
    steal_share: float
    lag_ms: tuple[float, float, float, float]
    waited_ms: float


class Measured(Schema):
    """measured.json: every counted request, the cost of each block, each variant's memory, and the machine's state.

    `cpu_seconds`: one for each block of the plan. `resident_mb`: of each variant at even distances of time, from when
    counting began until it ended.
    """

    samples: tuple[Sample, ...]
    cpu_seconds: tuple[float, ...]
    resident_mb: tuple[tuple[float, ...], ...]
    machine: Machine | None = None
