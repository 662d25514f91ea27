"""Runs a command that is not a stage: prints its result or its error, and returns the exit code."""

import sys
from collections.abc import Callable

from contracts.exits import Exit, FindingError, UsageError
from deploy.engine import EngineError

CODES: dict[type[Exception], Exit] = {
    UsageError: Exit.USAGE,
    FindingError: Exit.FINDING,
    EngineError: Exit.CRASH,
}


def run_command(name: str, work: Callable[[], str]) -> Exit:
    """Print what `work` returns, or its error on standard error, and return the exit code."""
    try:
        print(work())
    except tuple(CODES) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return next(code for kind, code in CODES.items() if isinstance(error, kind))
    return Exit.PASS
