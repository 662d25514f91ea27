"""Writes the sha256 of data.source, as it is at this moment, into pipeline.toml; nothing else in the file changes.

`make pin` is the answer to "the data has changed", and to a source on another machine that has no sha256 yet. Look at
the data first: from here on, every run refuses any other. The change is one line in git, whose pull request shows what
it does to the metrics.

Reads   pipeline.toml and data.source.
Writes  data.sha256 in pipeline.toml.
Exits   0 written, or already right · 2 pipeline.toml or its source cannot be used · 3 the table is refused.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path

from contracts.exits import Exit, FindingError, UsageError
from contracts.pipeline_toml.reader import edit, load_config
from training.dataset.sources import read_unpinned
from training.refusals import SettingError

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_HEADER = re.compile(r"\s*\[")
_DATA_HEADER = re.compile(r"\s*\[\s*data\s*\]\s*(#.*)?$")
_SHA256 = re.compile(r"""(\s*sha256\s*=\s*)("[^"\n]*"|'[^'\n]*')""")
_SOURCE = re.compile(r"\s*source\s*=")


def pin(path: Path) -> str:
    """Pin the source of one pipeline.toml; returns the sentence to print. Raises UsageError or FindingError."""
    config = load_config(path)
    loaded = read_unpinned(config.data.source)
    size = f"{len(loaded.table):,} rows and {len(loaded.table.columns)} columns of {config.data.source}"
    if config.data.sha256 == loaded.sha256:
        return f"{path}: data.sha256 is right already, {loaded.sha256}; {size}."
    edit(path, lambda text: with_sha256(text, loaded.sha256))
    return f"{path}: data.sha256 is now {loaded.sha256}, it was {config.data.sha256 or 'empty'}; {size}."


def with_sha256(text: str, sha256: str) -> str:
    """pipeline.toml's text with data.sha256 set, every other byte as it was. Raises SettingError where it finds no
    place for it."""
    edited = "".join(_edited_lines(_LINE.findall(text), sha256))
    required = tomllib.loads(text)
    required["data"]["sha256"] = sha256
    try:
        is_right = tomllib.loads(edited) == required
    except tomllib.TOMLDecodeError:
        is_right = False
    if not is_right:
        raise SettingError(
            f'there is no plain [data] table to write into. Write it there yourself: sha256 = "{sha256}"',
            code="no-place-for-pin",
        )
    return edited


def _edited_lines(lines: list[str], sha256: str) -> list[str]:
    start = next((number for number, line in enumerate(lines) if _DATA_HEADER.match(line)), len(lines))
    after = range(start + 1, len(lines))
    end = next((number for number in after if _HEADER.match(lines[number])), len(lines))
    for number in range(start + 1, end):
        if found := _SHA256.match(lines[number]):
            lines[number] = f'{found[1]}"{sha256}"{lines[number][found.end() :]}'
            return lines
    for number in range(start + 1, end):
        if _SOURCE.match(lines[number]):
            ending = "\r\n" if lines[number].endswith("\r\n") else "\n"
            before = lines[number] if lines[number].endswith("\n") else lines[number] + ending
            return [*lines[:number], before, f'sha256 = "{sha256}"{ending}', *lines[number + 1 :]]
    return lines


def main() -> Exit:
    """The command `make pin`."""
    parser = argparse.ArgumentParser(
        prog="make pin", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"), help="default: pipeline.toml")
    try:
        print(f"pin: {pin(parser.parse_args().config)}")
    except (UsageError, FindingError) as error:
        print(f"pin: {error}", file=sys.stderr)
        return Exit.USAGE if isinstance(error, UsageError) else Exit.FINDING
    return Exit.PASS
