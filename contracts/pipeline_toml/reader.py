"""Reads pipeline.toml and says of every mistake: the line, what was seen, what was required, the nearest key."""

import codecs
import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from contracts.exits import UsageError
from contracts.pipeline_toml.keys import Config
from contracts.schema import json_digest

_HEADER = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""^\s*("[^"]+"|'[^']+'|[\w-]+)\s*=""")


class ConfigError(UsageError):
    """pipeline.toml cannot be used as it stands; the text lists every mistake with its line."""


def load_config(path: Path) -> Config:
    """The validated configuration. Raises ConfigError with one line for each mistake."""
    try:
        # Windows' editors begin a file with a byte order mark, which TOML does not know.
        text = path.read_text(encoding="utf-8-sig")
        raw = tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file. Run from the checkout's root, or name one with --config.", code="no-file"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text ({error}).") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}.") from None
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        lines = _lines_of_keys(text)
        raise ConfigError("\n".join(_explain(path, lines, one) for one in error.errors()), code="wrong-keys") from None


def settings_digest(config: Config) -> str:
    """`sha256:…` of every setting, defaults included: comments and the order of lines do not change it.

    Where the rows came from is left out: the data's own digest says which they are.
    """
    told = config.model_dump(mode="json", exclude={"data": {"source", "sha256"}})
    return f"sha256:{json_digest(told)}"


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Rewrite the file by `change`, which gets its text without a byte order mark; the mark and line ends stay."""
    content = path.read_bytes()
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    path.write_bytes(mark + change(content.decode("utf-8-sig")).encode("utf-8"))


def _lines_of_keys(text: str) -> dict[tuple[str, ...], int]:
    """Line number (from 1) of each table header and of each key below it."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, key[1].strip("\"'")), number)
    return lines


def _explain(path: Path, lines: Mapping[tuple[str, ...], int], error: Any) -> str:
    keys = tuple(str(part) for part in error["loc"])
    known = keys
    while known and known not in lines:
        known = known[:-1]
    place = f"{path}:{lines[known]}" if known else str(path)
    name = ".".join(keys)
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown key {name}.{_nearest(keys)}"
    if error["type"] == "missing":
        return f"{place}: {name} is missing. Add it{f' under [{keys[0]}]' if len(keys) > 1 else f' as [{name}]'}."
    required = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return f"{place}: {required}."
    return f"{place}: {name} is {error['input']!r}; required: {required[0].lower()}{required[1:]}."


def _nearest(keys: tuple[str, ...]) -> str:
    siblings = _known_keys(keys[:-1])
    match = difflib.get_close_matches(keys[-1], siblings, n=1, cutoff=0.4)
    return f" Did you mean {match[0]}?" if match else f" Known here: {', '.join(siblings)}."


def _known_keys(table: tuple[str, ...]) -> list[str]:
    model: type[BaseModel] = Config
    for part in table:
        field = model.model_fields.get(part)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            break
        model = field.annotation
    return list(model.model_fields)
