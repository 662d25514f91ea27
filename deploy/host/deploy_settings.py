"""DEPLOY_SETTINGS: the settings of docs/compose.md, for a stack that a workflow deploys to.

Each line is `NAME=value`; empty lines and those that begin with # are ignored. Where compose.yaml wants a file's path,
the line has the file's text under the name without _FILE: `API_KEYS={"keys": […]}`. Folders (certificates, the drift
page) come with the checkout, and the images with the deploy.
"""

import re
from pathlib import Path

from contracts.exits import UsageError
from deploy.host.machine import COMPOSE_FILES

LINE = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)")
READ_BY_COMPOSE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)")
READ_BY_THE_DEPLOY = {"COMPOSE_PROJECT_NAME", "PROBE_KEY_FILE", "SCRAPE_INTERVAL"}
NOT_SETTABLE = {"IMAGE", "OTHER_IMAGE", "PWD", "CERTIFICATES", "DRIFT_PAGE"}


def known_names() -> set[str]:
    """Every name that may be set."""
    texts = [path.read_text(encoding="utf-8") for path in COMPOSE_FILES]
    return {name for text in texts for name in READ_BY_COMPOSE.findall(text)} - NOT_SETTABLE | READ_BY_THE_DEPLOY


def parse_settings(text: str, folder: Path) -> dict[str, str]:
    """The lines as environment variables; files are written into `folder`. Raises UsageError.

    No message repeats a value, because some are secret.
    """
    names, made = known_names(), {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = LINE.fullmatch(line.strip())
        if found and (path_name := f"{found[1]}_FILE") in names:
            path = folder / found[1].lower()
            path.touch(mode=0o600)
            path.write_text(found[2] + "\n", encoding="utf-8")
            made[path_name] = str(path)
        elif found and found[1] in names and not found[1].endswith("_FILE"):
            made[found[1]] = found[2]
        else:
            raise UsageError(
                f"Line {number} of DEPLOY_SETTINGS is not understood; required: NAME=value, with a name of "
                "docs/compose.md, and in place of NAME_FILE the file's text as NAME."
            )
    return made
