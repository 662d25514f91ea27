"""`make as-of`: sets data.as_of in pipeline.toml to the day in AS_OF, and changes nothing else.

Reads   AS_OF; pipeline.toml
Writes  pipeline.toml
Exits   0 moved, or that day already · 2 not a day, or no line `as_of = …` under [data]
"""

import argparse
import datetime as dt
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.exits import Exit, UsageError
from publishing.command import run_command

LINE = re.compile(r"^(as_of\s*=\s*)\d{4}-\d\d-\d\d(?=\s*(#.*)?$)", re.M)


def day_of(text: str) -> dt.date:
    """The day in a text that must be YYYY-MM-DD. Raises UsageError, which quotes only the text's beginning."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.A):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    raise UsageError(f"AS_OF is {text[:20]!r}; required: a day as YYYY-MM-DD.")


def with_day(text: str, day: dt.date) -> str:
    """pipeline.toml's text with the new day. Raises UsageError unless [data] has exactly one such line."""
    begin = re.search(r"^\[data\]\s*$", text, re.M)
    end = re.search(r"^\[", text[begin.end() :], re.M) if begin else None
    if begin is None:
        raise UsageError("pipeline.toml has no table [data].")
    stop = begin.end() + end.start() if end else len(text)
    table, count = LINE.subn(rf"\g<1>{day.isoformat()}", text[begin.end() : stop])
    if count != 1:
        raise UsageError(f"pipeline.toml has {count} lines `as_of = YYYY-MM-DD` under [data]; required: one.")
    return text[: begin.end()] + table + text[stop:]


def main(environment: Mapping[str, str] = os.environ, arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make as-of", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"), help="default: pipeline.toml")
    config: Path = parser.parse_args(arguments).config

    def work() -> str:
        day = day_of(environment.get("AS_OF", ""))
        config.write_text(with_day(config.read_text(encoding="utf-8"), day), encoding="utf-8")
        return f"data.as_of is {day.isoformat()} in {config}."

    return run_command("as-of", work)
