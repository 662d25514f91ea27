"""Sets one value of [data] in pipeline.toml and leaves every other byte of the file as it was."""

import codecs
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

from contracts.exits import UsageError

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_HEADER = re.compile(r"\s*\[")
_DATA_HEADER = re.compile(r"\s*\[\s*data\s*\]\s*(#.*)?$")
_VALUE = r"""("[^"\n]*"|'[^'\n]*'|[^\s"'#]+)"""


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Rewrite the file by `change`, which gets its text without a byte order mark; the mark and line ends stay."""
    content = path.read_bytes()
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    path.write_bytes(mark + change(content.decode("utf-8-sig")).encode("utf-8"))


def with_data_value(text: str, key: str, value: str, *, after: str = "") -> str:
    """pipeline.toml's text with `key = value` under [data]. `value`: as TOML writes it.

    `after`: the key below which a missing line is added; "": a missing line is refused.
    Raises UsageError where the text has no plain line to write to, such as in an inline table.
    """
    edited = "".join(_edited_lines(_LINE.findall(text), key, value, after))
    if not _differ_in_one_value(text, edited, key, value):
        raise UsageError(
            f"pipeline.toml has no plain line for {key} under [data]. Write it there yourself: {key} = {value}",
            code="no-plain-line",
        )
    return edited


def _edited_lines(lines: list[str], key: str, value: str, after: str) -> list[str]:
    start = next((number for number, line in enumerate(lines) if _DATA_HEADER.match(line)), len(lines))
    below = range(start + 1, len(lines))
    rows = range(start + 1, next((number for number in below if _HEADER.match(lines[number])), len(lines)))
    for number in rows:
        if found := re.match(rf"(\s*{key}\s*=\s*){_VALUE}", lines[number]):
            lines[number] = f"{found[1]}{value}{lines[number][found.end() :]}"
            return lines
    for number in rows if after else ():
        if re.match(rf"\s*{after}\s*=", lines[number]):
            ending = "\r\n" if lines[number].endswith("\r\n") else "\n"
            before = lines[number] if lines[number].endswith("\n") else lines[number] + ending
            return [*lines[:number], before, f"{key} = {value}{ending}", *lines[number + 1 :]]
    return lines


def _differ_in_one_value(text: str, edited: str, key: str, value: str) -> bool:
    try:
        required = tomllib.loads(text)
        required["data"][key] = tomllib.loads(f"value = {value}")["value"]
        return tomllib.loads(edited) == required
    except (tomllib.TOMLDecodeError, KeyError):
        return False
