"""One entry point for each room: `python -m reports drift …` runs the module that the room's table names."""

import importlib
import sys
from collections.abc import Mapping
from typing import NoReturn

from contracts.exits import Exit


def run(room: str, commands: Mapping[str, str]) -> NoReturn:
    """Run the command that the first argument names, by its module's `main`, and exit with its code.

    `commands`: a module for each name. A module is imported when it is asked for, because some need half a second.
    """
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in commands:
        print(f"python -m {room}: {name!r} is no command of {room}; required: {', '.join(commands)}.", file=sys.stderr)
        sys.exit(Exit.USAGE)
    del sys.argv[1]
    sys.exit(importlib.import_module(commands[name]).main())
