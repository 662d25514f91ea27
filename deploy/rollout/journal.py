"""Logs the steps of a deploy or rollback: on the terminal, and for build/deploy/rollout.json."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from contracts.release import Action, Compared, Rollout, StepRecord

PROGRESS_SECONDS = 5.0


@dataclass
class Step:
    """A running step. `said`: its result."""

    said: str = ""


class Journal:
    """Numbers and times the steps, and keeps their results."""

    def __init__(self, action: Action, out: TextIO = sys.stdout) -> None:
        self.steps: list[StepRecord] = []
        self.compared: list[Compared] = []
        self.serving_after_seconds: float | None = None
        self.serving_at: float | None = None
        self._action, self._out = action, out
        self._names: tuple[str, ...] = ()
        self._started = self._reported = time.monotonic()

    def plan(self, names: tuple[str, ...]) -> None:
        """The steps to come, in their order."""
        self._names = names

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._started

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """One step. It is printed before it begins, so that the log of a killed deploy shows where it stopped."""
        number = self._names.index(name) + 1
        self._print(f"{self._action} [{number:>2}/{len(self._names)}] {name} …")
        started, step = time.monotonic(), Step()
        yield step
        seconds = time.monotonic() - started
        self.steps.append(StepRecord(name=name, said=step.said, seconds=round(seconds, 2)))
        self._print(f"{'':>{len(self._action)}}  {seconds:5.1f} s  {step.said}".rstrip())

    def progress(self, text: str) -> None:
        """Print progress in a long step, at most every PROGRESS_SECONDS."""
        if time.monotonic() - self._reported >= PROGRESS_SECONDS:
            self._reported = time.monotonic()
            self._print(f"{'':>{len(self._action)}}     …     {text}")

    def note(self, text: str) -> None:
        self._print(f"{self._action}: {text}")

    def serving(self) -> None:
        """Note the time at which the requested version gets all traffic."""
        self.serving_after_seconds, self.serving_at = round(self.seconds, 2), time.time()

    def record(self, image: str, exit_code: int, reason: str) -> Rollout:
        """rollout.json."""
        return Rollout(
            action=self._action,
            image=image,
            exit_code=exit_code,
            reason=reason,
            seconds=round(self.seconds, 2),
            serving_after_seconds=self.serving_after_seconds,
            serving_at=self.serving_at,
            steps=tuple(self.steps),
            compared=tuple(self.compared),
        )

    def _print(self, line: str) -> None:
        print(line, file=self._out, flush=True)
