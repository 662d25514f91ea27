"""The two errors of the data stage, and functions that format messages.

`SettingError` (exit 2): pipeline.toml does not fit the table and must change.
`UnfitTableError` (exit 3): pipeline.toml is right, but the table is not fit to train on.
"""

import difflib
import inspect
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from contracts.exits import FindingError, UsageError

NAMES_SHOWN = 12


class SettingError(UsageError):
    """A key of pipeline.toml does not fit the table; the text has the key, what was seen and what is possible."""


class UnfitTableError(FindingError):
    """The table has a fault; the text says which, and what to do."""


def nearest(name: str, known: Iterable[str]) -> str:
    """` Did you mean x?` where a known name is similar, else a list of the known names. Starts with a space."""
    names = [str(one) for one in known]
    by_lower_case = {one.lower(): one for one in reversed(names)}
    match = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.6)
    if not match:
        return f" It has {listed(names)}."
    found = by_lower_case[match[0]]
    is_plain = re.fullmatch(r"[\w .:-]+", found)
    return f" Did you mean {found if is_plain else json.dumps(found, ensure_ascii=False)}?"


def toml_key(table: str, name: str) -> str:
    """`table.name`, as pipeline.toml takes it: quoted where the name needs quotes."""
    return f"{table}.{name}" if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f"{table}.{toml_value(name)}"


def toml_value(value: str | Sequence[str]) -> str:
    """A text or a list of texts as pipeline.toml takes it: its escapes are those of JSON."""
    return json.dumps(value, ensure_ascii=False)


def listed(names: Iterable[str]) -> str:
    """`a, b, c`, cut after NAMES_SHOWN."""
    all_names = list(names)
    more = len(all_names) - NAMES_SHOWN
    return ", ".join(all_names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def other_signature(function: Callable[..., Any], *arguments: object, **named: object) -> str:
    """The function's signature and why it does not take these arguments. "" where it does, or is written in C."""
    try:
        inspect.signature(function).bind(*arguments, **named)
    except TypeError as error:
        return f"{inspect.signature(function)} ({error})"
    except ValueError:
        return ""
    return ""
