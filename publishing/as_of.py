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
from contracts.pipeline_toml.edits import edit, with_data_value
from publishing.command import run_command


def day_of(text: str) -> dt.date:
    """The day in a text that must be YYYY-MM-DD. Raises UsageError, which quotes only the text's beginning."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.A):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    raise UsageError(f"AS_OF is {text[:20]!r}; required: a day as YYYY-MM-DD.")


def main(environment: Mapping[str, str] = os.environ, arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make as-of", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"), help="default: pipeline.toml")
    config: Path = parser.parse_args(arguments).config

    def work() -> str:
        day = day_of(environment.get("AS_OF", ""))
        edit(config, lambda text: with_data_value(text, "as_of", day.isoformat()))
        return f"data.as_of is {day.isoformat()} in {config}."

    return run_command("as-of", work)
