"""Sets one key in the text of a pipeline.toml, and keeps every other line."""

import datetime as dt
import json
import re
import tomllib


def with_key(text: str, key: str, value: object) -> str:
    """The text with `key` (section and name, as gate.floors.roc_auc) set to `value`; None removes the key.

    Raises ValueError if the changed text does not have this value.
    """
    section, _, name = key.rpartition(".")
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if line.strip() == f"[{section}]"), None)
    if start is None:
        lines += ["", f"[{section}]"]
        start = len(lines) - 1
    end = next((at for at in range(start + 1, len(lines)) if lines[at].startswith("[")), len(lines))
    kept = [line for line in lines[start + 1 : end] if not re.match(rf"{re.escape(name)}\s*=", line)]
    written = [] if value is None else [f"{name} = {_literal(value)}"]
    changed = "\n".join([*lines[: start + 1], *written, *kept, *lines[end:]]) + "\n"
    found: object = tomllib.loads(changed)
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if found != value:
        raise ValueError(f"{key} cannot be set: the changed text has {found!r}, required {value!r}")
    return changed


def _literal(value: object) -> str:
    return str(value) if isinstance(value, dt.date) else json.dumps(value, ensure_ascii=False)
