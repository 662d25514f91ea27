"""How far long work has got and how long it still takes, on one line of a terminal; silent where there is none.

Standard error alone: what a stage prints stays the same in a file, a pipe and a workflow's log.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeVar

Item = TypeVar("Item")
WIDTH = 24
# Before so many seconds nobody waits yet, and no estimate is worth its name.
FIRST_SECONDS = 2.0
EVERY_SECONDS = 0.2
CLEAR = "\r\x1b[K"


class Progress:
    """One piece of work of `total` steps. `clock`: seconds, never going back."""

    def __init__(self, what: str, total: float, stream: TextIO, clock: Callable[[], float]) -> None:
        self.what, self.total, self.stream, self.clock = what, total, stream, clock
        self.started = self.shown = clock()
        self.is_seen = stream.isatty() and total > 0

    def at(self, done: float) -> None:
        """Show that so many steps are done, unless the line is fresh enough."""
        now = self.clock()
        if self.is_seen and now - self.started >= FIRST_SECONDS and now - self.shown >= EVERY_SECONDS:
            self.shown = now
            self.stream.write(CLEAR + line(self.what, done, self.total, now - self.started))
            self.stream.flush()

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """The same items, each counted when the next one is asked for."""
        for number, item in enumerate(items):
            yield item
            self.at(number + 1)

    def clear(self) -> None:
        """Make room for a line of output."""
        if self.is_seen:
            self.stream.write(CLEAR)
            self.stream.flush()


@contextmanager
def progress(
    what: str, total: float, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Progress]:
    """Shows `what` on standard error, and clears the line at the end, whatever it was."""
    standard_error: TextIO = getattr(sys.stderr, "unfiltered", sys.stderr)
    shown = Progress(what, total, stream or standard_error, clock)
    try:
        yield shown
    finally:
        shown.clear()


def line(what: str, done: float, total: float, seconds: float) -> str:
    """`search ━━━━━━━━╌╌╌╌ 7 of 24, 0:31 still`."""
    share = min(max(done / total, 0.0), 1.0)
    filled = round(WIDTH * share)
    bar = "━" * filled + "╌" * (WIDTH - filled)
    still = f", {clock_time(seconds * (1 - share) / share)} still" if share > 0 else ""
    return f"{what} {bar} {done:.0f} of {total:.0f}{still}"


def clock_time(seconds: float) -> str:
    """`0:31`, `12:05`, `1:02:09`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
