"""Runs a command of this room: prints its result or error, and returns the exit code."""

import sys
from collections.abc import Callable

from contracts.exits import Exit, FindingError, OutsideError, UsageError

CODES: dict[type[Exception], Exit] = {
    UsageError: Exit.USAGE,
    FindingError: Exit.FINDING,
    OutsideError: Exit.CRASH,
}


def run_command(name: str, work: Callable[[], str]) -> Exit:
    """Print what `work` returns, or its error on standard error, and return the exit code.

    It prints a single line, because GitHub runs a log line that begins with `::` as a command.
    """
    try:
        print(f"{name}: {one_line(work(), 2000)}")
    except tuple(CODES) as error:
        print(f"{name}: {one_line(str(error), 2000)}", file=sys.stderr)
        return next(code for kind, code in CODES.items() if isinstance(error, kind))
    return Exit.PASS


def one_line(text: str, most: int = 300) -> str:
    """Text from outside for a log: one line without control characters, which could hide a line or be a command."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(plain.split())[:most]
