"""A progress bar with the remaining time, on one line of a terminal. Without a terminal nothing is written.

It goes to standard error only, so that a stage's output is the same in a file, a pipe and a workflow's log.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeVar

Item = TypeVar("Item")
WIDTH = 24
# Nothing is shown before: nobody waits yet, and an estimate would be poor.
FIRST_SECONDS = 2.0
EVERY_SECONDS = 0.2
CLEAR = "\r\x1b[K"


class Progress:
    """Work of `total` steps. `clock`: monotonic seconds."""

    def __init__(self, what: str, total: float, stream: TextIO, clock: Callable[[], float]) -> None:
        self.what, self.total, self.stream, self.clock = what, total, stream, clock
        self.started = self.shown = clock()
        self.is_seen = stream.isatty() and total > 0

    def at(self, done: float) -> None:
        """Show how many steps are done, unless the line was just written."""
        now = self.clock()
        if self.is_seen and now - self.started >= FIRST_SECONDS and now - self.shown >= EVERY_SECONDS:
            self.shown = now
            self.stream.write(CLEAR + line(self.what, done, self.total, now - self.started))
            self.stream.flush()

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """The same items. Each is counted when the next one is requested."""
        for number, item in enumerate(items):
            yield item
            self.at(number + 1)

    def clear(self) -> None:
        """Clear the line before other output."""
        if self.is_seen:
            self.stream.write(CLEAR)
            self.stream.flush()


@contextmanager
def progress(
    what: str, total: float, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Progress]:
    """Show `what` on standard error, and clear the line at the end, also after an error."""
    standard_error: TextIO = getattr(sys.stderr, "unfiltered", sys.stderr)
    shown = Progress(what, total, stream or standard_error, clock)
    try:
        yield shown
    finally:
        shown.clear()


def line(what: str, done: float, total: float, seconds: float) -> str:
    """`search ━━━━━━━━╌╌╌╌ 7 of 24, 0:31 left`."""
    share = min(max(done / total, 0.0), 1.0)
    filled = round(WIDTH * share)
    bar = "━" * filled + "╌" * (WIDTH - filled)
    left = f", {clock_time(seconds * (1 - share) / share)} left" if share > 0 else ""
    return f"{what} {bar} {done:.0f} of {total:.0f}{left}"


def clock_time(seconds: float) -> str:
    """`0:31`, `12:05`, `1:02:09`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
