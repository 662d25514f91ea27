"""Exit codes, the same for every command: 0 pass, 3 a finding, 2 wrong usage or configuration, 1 a crash."""

import importlib
import sys
from collections.abc import Mapping
from enum import IntEnum
from typing import NoReturn

from contracts.terminal.plain import write_plainly


class Exit(IntEnum):
    """What a stage tells the chain, which stops at anything but PASS."""

    PASS = 0
    CRASH = 1
    USAGE = 2
    FINDING = 3


class CodedError(Exception):
    """An error whose sentence a person reads. `code` names its cause, and stays where the sentence is rewritten."""

    def __init__(self, sentence: str, *, code: str = "") -> None:
        super().__init__(sentence)
        self.code = code


class UsageError(CodedError):
    """The person can fix it: a wrong key, a missing file, a stage run out of order. Ends in exit 2."""


class FindingError(CodedError):
    """The stage did its work and refuses what it was given: a table, an export, a model. Ends in exit 3."""


class OutsideError(CodedError):
    """What the work needs from outside did not do it: an engine, a registry. Ends in exit 1, without a traceback."""


def run_room(room: str, commands: Mapping[str, str]) -> NoReturn:
    """Run the room's command that the first argument names, by its module's `main`, and exit with its code.

    `commands`: a module for each name. A module is imported when it is asked for, because some need half a second.
    """
    write_plainly()
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in commands:
        print(f"python -m {room}: {name!r} is no command of {room}; required: {', '.join(commands)}.", file=sys.stderr)
        sys.exit(Exit.USAGE)
    del sys.argv[1]
    sys.exit(importlib.import_module(commands[name]).main())
