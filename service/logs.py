"""The service's own log: JSON lines on standard output, for its parent process and for log collectors.

A reader that is slow or gone never blocks the service: a line that the pipe has no room for is dropped, and the next
line says how many were.
"""

import json
import logging
import os
import stat
import time
import traceback
from collections.abc import Callable

# A pipe writes up to this many bytes atomically (POSIX: PIPE_BUF).
MAX_LINE_BYTES = 4096
MAX_LINES_A_SECOND = 20
STANDARD_OUTPUT = 1


class _Lines:
    """Standard output, line by line."""

    def __init__(self) -> None:
        self.left_out = 0

    def write(self, fields: dict[str, object]) -> None:
        if self.left_out:
            fields = {**fields, "lines_left_out": self.left_out}
        line = json.dumps(fields, default=str, separators=(",", ":")).encode()
        if len(line) >= MAX_LINE_BYTES:
            line = json.dumps({**_shortened(fields), "shortened": True}, separators=(",", ":")).encode()
        try:
            os.write(STANDARD_OUTPUT, line + b"\n")
        except OSError:
            self.left_out += 1
        else:
            self.left_out = 0


def _shortened(fields: dict[str, object]) -> dict[str, str]:
    room = MAX_LINE_BYTES // (6 * len(fields)) - 20
    return {name[:20]: str(value)[-room:] for name, value in fields.items()}


_LINES = _Lines()


def say(event: str, **fields: object) -> None:
    """Write one line: `event`, the time, and the fields given."""
    _LINES.write({"event": event, "time": _now(), **fields})


def _now() -> str:
    seconds = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"


class Throttled:
    """`say`, at most MAX_LINES_A_SECOND times a second: a flood of refusals must not become a flood of lines."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = 0
        self._said = 0
        self._held_back = 0

    def say(self, event: str, **fields: object) -> None:
        """Write the line, or count it for the next one."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._said = second, 0
        if self._said >= MAX_LINES_A_SECOND:
            self._held_back += 1
            return
        self._said += 1
        if self._held_back:
            fields["lines_held_back"], self._held_back = self._held_back, 0
        say(event, **fields)


class JsonHandler(logging.Handler):
    """Sends what libraries log (uvicorn, asyncio) through `say`."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = Throttled()

    def emit(self, record: logging.LogRecord) -> None:
        error = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else None
        fields = {"error": error} if error else {}
        self._lines.say("log", level=record.levelname, logger=record.name, message=record.getMessage(), **fields)


def log_as_json() -> None:
    """Route what libraries log to standard output, where it never blocks."""
    logging.basicConfig(handlers=[JsonHandler()], level=logging.WARNING, force=True)
    # Its warnings are about single requests, which are answered and counted.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    if stat.S_ISFIFO(os.fstat(STANDARD_OUTPUT).st_mode):
        os.set_blocking(STANDARD_OUTPUT, False)
