"""The shadow model (SHADOW_MODEL_DIR): scores the same rows, and its predictions go to a log of their own.

It works in another thread behind a short queue, so its failures and delays never affect an answer. Rows beyond the
queue are dropped and counted. The model that answers must have all of its features.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from contracts.exits import UsageError
from service.formats.answers import Scored
from service.formats.row_schema import Row
from service.log.writer import KeyedLog
from service.logs import Throttled
from service.metrics import Metrics
from service.prediction.served_model import ServedModel

MAX_WAITING_ROWS = 2000


class Work(NamedTuple):
    """One row that was answered with `label`."""

    identity: bytes
    row: Row
    at_us: int
    label: str


class Shadow:
    """Scores offered rows in the background."""

    def __init__(self, model: ServedModel, log: KeyedLog, metrics: Metrics) -> None:
        self.model = model
        self._log = log
        self._metrics = metrics
        self._waiting: deque[Work] = deque()
        self._has_work = asyncio.Event()
        self._complaints = Throttled()
        metrics.shadow.make([("scored",), ("failed",), ("dropped",)])

    def offer(self, work: Sequence[Work]) -> None:
        """Queue these rows, or drop them if the queue is full."""
        if len(self._waiting) + len(work) > MAX_WAITING_ROWS:
            self._metrics.shadow.add("dropped", count=len(work))
            return
        self._waiting.extend(work)
        self._has_work.set()

    async def run(self) -> None:
        """Score queued rows, for ever."""
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            work = list(self._waiting)
            self._waiting.clear()
            try:
                scored = await asyncio.to_thread(self._score, work)
            except Exception as error:  # the shadow model must never stop the one that answers
                self._metrics.shadow.add("failed", count=len(work))
                self._complaints.say("shadow-failed", error=f"{type(error).__name__}: {error}")
                continue
            self._record(work, scored)

    def _score(self, work: Sequence[Work]) -> list[Scored]:
        matrix = self.model.encoder.many([one.row for one in work])
        return [self.model.shape(output) for output in self.model.score(matrix).tolist()]

    def _record(self, work: Sequence[Work], scored: Sequence[Scored]) -> None:
        form = self.model.shadow_record
        lines = [form % (one.identity, one.at_us, *record) for one, (_, _, _, record) in zip(work, scored, strict=True)]
        self._log.append(b"".join(lines), len(lines))
        self._metrics.shadow.add("scored", count=len(lines))
        disagreements = sum(one.label != label for one, (label, _, _, _) in zip(work, scored, strict=True))
        self._metrics.shadow_disagreements.add(count=disagreements)


def refuse_other_features(shadow: ServedModel, model: ServedModel) -> None:
    """Raises UsageError where the shadow reads a feature that the rows do not have."""
    known = {(one.name, one.kind) for one in model.card.features}
    if unknown := [one.name for one in shadow.card.features if (one.name, one.kind) not in known]:
        raise UsageError(
            f"SHADOW_MODEL_DIR: that model reads {', '.join(unknown[:5])}, which the model in MODEL_DIR does not read. "
            "Required: features that both have, of the same kind.",
            code="other-features",
        )
