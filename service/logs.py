"""What the process says of itself: one JSON object a line on standard output, for its parent and for collectors."""

import json
import logging
import sys
import time
import traceback
from collections.abc import Callable

MAX_LINES_A_SECOND = 20


def say(event: str, **fields: object) -> None:
    """Write one line: `event`, the time, and the fields given. A closed or full pipe never stops the service."""
    line = json.dumps({"event": event, "time": _now(), **fields}, default=str, separators=(",", ":"))
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except OSError:
        return


def _now() -> str:
    seconds = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"


class Throttled:
    """`say`, at most MAX_LINES_A_SECOND times a second: a flood of refusals must not become a flood of lines."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = 0
        self._said = 0
        self._left_out = 0

    def say(self, event: str, **fields: object) -> None:
        second = int(self._clock())
        if second != self._second:
            self._second, self._said = second, 0
        if self._said >= MAX_LINES_A_SECOND:
            self._left_out += 1
            return
        self._said += 1
        if self._left_out:
            fields["lines_left_out"], self._left_out = self._left_out, 0
        say(event, **fields)


class JsonHandler(logging.Handler):
    """Sends what libraries log at warning or above (uvicorn, asyncio) through `say`."""

    def emit(self, record: logging.LogRecord) -> None:
        error = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else None
        fields = {"error": error} if error else {}
        say("log", level=record.levelname.lower(), logger=record.name, message=record.getMessage(), **fields)


def log_as_json() -> None:
    """Route the root logger through JsonHandler."""
    logging.basicConfig(handlers=[JsonHandler()], level=logging.WARNING, force=True)
