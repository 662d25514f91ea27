"""Reads pipeline.toml. For every mistake it says the line, what was seen, what is required, and the nearest key."""

import copy
import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from contracts.exits import UsageError
from contracts.pipeline_toml.keys import Config
from contracts.schema import json_digest

_PART = r"""(?:"[^"]+"|'[^']+'|[\w-]+)"""
_PARTS = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"^\s*\[\s*({_PARTS})\s*\]")
_KEY = re.compile(rf"^\s*({_PARTS})\s*=")
_TWICE = re.compile(r"Cannot (?:declare|overwrite|mutate)")
_BEGINS = re.compile(r"([\w.]*):?(?: '([^']+)')?")
# These replace a required value that is wrong, so that checks over several keys still run on the others.
STAND_INS: Mapping[str, Mapping[str, object]] = {
    "project": {"name": "x"},
    "data": {"source": "x", "target": "x"},
    "training": {"candidates": ["x"]},
    "gate": {"margin": 0.0},
}


# By pydantic's type of the first mistake; any other is a wrong value.
CODES = {"extra_forbidden": "unknown-key", "missing": "missing-key", "value_error": "contradiction"}


class ConfigError(UsageError):
    """pipeline.toml cannot be used; the text lists every mistake with its line. `code`: of the first one."""


MOST_CHARACTERS = 1_000_000


def load_config(path: Path) -> Config:
    """The validated configuration. Raises ConfigError with one line for each mistake."""
    try:
        # Editors on Windows begin a file with a byte order mark, which TOML does not allow.
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MOST_CHARACTERS + 1)
        if len(text) > MOST_CHARACTERS:
            raise ConfigError(
                f"{path}: more than {MOST_CHARACTERS:,} characters; is it a pipeline.toml?", code="too-large"
            )
        raw = tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file. Run from the checkout's root, or name one with --config.", code="no-file"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text ({error}).", code="not-utf-8") from None
    except RecursionError:
        raise ConfigError(f"{path}: not valid TOML: nested too deeply.", code="not-toml") from None
    except tomllib.TOMLDecodeError as error:
        is_twice = _TWICE.search(str(error))
        again = " A table may begin only once: write the line under the one that is there." * bool(is_twice)
        code = "table-twice" if is_twice else "not-toml"
        raise ConfigError(f"{path}: not valid TOML: {error}.{again}", code=code) from None
    try:
        return Config.model_validate(raw)
    except ValidationError:
        lines = _lines_of_keys(text)
        mistakes = _mistakes(raw)
        explained = [line for one in mistakes for line in _explain(path, lines, one)]
        code = CODES.get(mistakes[0]["type"], "wrong-value")
        raise ConfigError("\n".join(explained), code=code) from None


def settings_digest(config: Config) -> str:
    """`sha256:…` of every setting, defaults included. Comments and the order of lines do not change it.

    The source is left out: the data's own digest identifies the rows.
    """
    settings = config.model_dump(mode="json", exclude={"data": {"source", "sha256"}})
    return f"sha256:{json_digest(settings)}"


def _mistakes(raw: dict[str, Any]) -> list[Any]:
    """Every mistake, as pydantic reports it.

    pydantic checks several keys together only where each one is right. So wrong values are removed and the rest is
    validated again, until no new mistake is found.
    """
    found, aside = list[Any](), set[tuple[Any, ...]]()
    left = copy.deepcopy(raw)
    while True:
        try:
            Config.model_validate(left)
        except ValidationError as error:
            new = [one for one in error.errors() if one["loc"] not in aside]
            found += new
            aside |= {one["loc"] for one in new} | {_put_aside(left, one) for one in new}
            if not new:
                return found
        else:
            return found


def _put_aside(raw: dict[str, Any], mistake: Any) -> tuple[Any, ...]:
    """Remove the wrong value, or all optional keys of a section; returns the place of what was removed."""
    section, *keys = mistake["loc"] or ("",)
    table = raw.get(section)
    if not isinstance(table, dict):
        raw.pop(section, None)
    elif keys:
        stand_in = STAND_INS.get(section, {}).get(keys[0])
        table.pop(keys[0], None)
        table |= {keys[0]: stand_in} if stand_in is not None else {}
    else:
        known = _known_keys((section,), required=True)
        raw[section] = {name: value for name, value in table.items() if name in known}
    return (section, *keys[:1])


def _lines_of_keys(text: str) -> dict[tuple[str, ...], int]:
    """Line number (from 1) of each table header and of each key below it."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _parts(header[1])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            parts = (*table, *_parts(key[1]))
            for length in range(len(table) + 1, len(parts) + 1):
                lines.setdefault(parts[:length], number)
    return lines


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))


def _explain(path: Path, lines: Mapping[tuple[str, ...], int], error: Any) -> list[str]:
    keys = tuple(str(part) for part in error["loc"])
    name, place = ".".join(keys), _place(path, lines, keys)
    if error["type"] == "extra_forbidden":
        return [f"{place}: {_unknown(keys)}"]
    if error["type"] == "missing":
        return [f"{place}: {name} is missing. Add it{f' under [{keys[0]}]' if len(keys) > 1 else f' as [{name}]'}."]
    required = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return [f"{_place(path, lines, _told(keys, line))}: {line}." for line in required.splitlines()]
    return [f"{place}: {name} is {error['input']!r}; required: {required[0].lower()}{required[1:]}."]


def _place(path: Path, lines: Mapping[tuple[str, ...], int], keys: tuple[str, ...]) -> str:
    """The file, with the line of the key or of its table."""
    while keys and keys not in lines:
        keys = keys[:-1]
    return f"{path}:{lines[keys]}" if keys else str(path)


def _told(keys: tuple[str, ...], text: str) -> tuple[str, ...]:
    """The key at the beginning of a sentence, whole or within its section, and the wrong name in it."""
    first, name = _BEGINS.findall(text)[0]
    told = tuple(first.split("."))
    return (*(() if told[0] in Config.model_fields else keys), *told, name)


def _unknown(keys: tuple[str, ...]) -> str:
    if len(keys) > 1 and keys[-1] in Config.model_fields:
        return (
            f"{'.'.join(keys)} counts from [{'.'.join(keys[:-1])}], the table above it. Write the line under "
            f"[{keys[-1]}], without {keys[-1]!r} before it."
        )
    return f"unknown key {'.'.join(keys)}.{_nearest(keys)}"


def _nearest(keys: tuple[str, ...]) -> str:
    siblings = _known_keys(keys[:-1])
    match = difflib.get_close_matches(keys[-1], siblings, n=1, cutoff=0.6)
    return f" Did you mean {match[0]}?" if match else f" Known here: {', '.join(siblings)}."


def _known_keys(table: tuple[str, ...], *, required: bool = False) -> list[str]:
    model: type[BaseModel] = Config
    for part in table:
        field = model.model_fields.get(part)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            break
        model = field.annotation
    return [name for name, field in model.model_fields.items() if field.is_required() or not required]
