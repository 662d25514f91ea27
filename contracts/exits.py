"""Exit codes of every command (0 pass, 3 a finding, 2 wrong usage or configuration, 1 a crash), and their errors."""

import importlib
import sys
from collections.abc import Mapping
from enum import IntEnum
from typing import NoReturn

from contracts.terminal.plain import write_plainly


class Exit(IntEnum):
    """The exit code of a stage. The chain stops at anything but PASS."""

    PASS = 0
    CRASH = 1
    USAGE = 2
    FINDING = 3


class CodedError(Exception):
    """An error with a sentence for a person. `code` names its cause, and stays when the sentence is reworded."""

    def __init__(self, sentence: str, *, code: str = "") -> None:
        super().__init__(sentence)
        self.code = code


class UsageError(CodedError):
    """A mistake that the person can fix: a wrong key, a missing file, a stage run out of order. Exit code 2."""


class FindingError(CodedError):
    """The stage did its work and refuses its input: a table, an export, a model. Exit code 3."""


class OutsideError(CodedError):
    """An outside service failed: an engine, a registry. Exit code 1, without a traceback."""


def run_room(room: str, commands: Mapping[str, str]) -> NoReturn:
    """Run the command that the first argument names, by its module's `main`, and exit with its code.

    `commands`: a module for each name. Only the one to run is imported, because some imports take half a second.
    """
    write_plainly()
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in commands:
        print(f"python -m {room}: {name!r} is no command of {room}; required: {', '.join(commands)}.", file=sys.stderr)
        sys.exit(Exit.USAGE)
    del sys.argv[1]
    sys.exit(importlib.import_module(commands[name]).main())
