"""Sets one key of a pipeline.toml's text, and leaves every other line as it is."""

import datetime as dt
import json
import re
import tomllib


def with_key(text: str, key: str, value: object) -> str:
    """`key`: section and name, such as gate.margin or gate.floors.roc_auc. None takes the key out.

    Raises ValueError where the text then would not say what it should.
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
        raise ValueError(f"{key} cannot be set: the text then says {found!r}, required {value!r}")
    return changed


def _literal(value: object) -> str:
    return str(value) if isinstance(value, dt.date) else json.dumps(value, ensure_ascii=False)
