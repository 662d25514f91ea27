"""The workflow run, from the variables that GitHub Actions sets; the only reader of the environment here.

Server, repository and run become parts of links, so each must match its pattern. Branch and title may hold anything:
they are kept as text on one line, and escaped where they are shown.
"""

import unicodedata
from collections.abc import Mapping

from pydantic import ValidationError

from contracts.exits import UsageError
from contracts.history import WorkflowRun

LONGEST = 200
VARIABLES = {
    "server": "GITHUB_SERVER_URL",
    "repository": "GITHUB_REPOSITORY",
    "run_id": "GITHUB_RUN_ID",
    "attempt": "GITHUB_RUN_ATTEMPT",
    "trigger": "GITHUB_EVENT_NAME",
    "branch": "GITHUB_REF_NAME",
    "title": "RUN_TITLE",
}
TEXTS = {"trigger", "branch", "title"}


def workflow_run(environment: Mapping[str, str]) -> WorkflowRun | None:
    """The run, or None on a laptop (no GITHUB_RUN_ID). Raises UsageError if a variable is not as GitHub sets it."""
    if not environment.get("GITHUB_RUN_ID"):
        return None
    seen = {field: environment[name] for field, name in VARIABLES.items() if environment.get(name)}
    seen |= {field: one_line(seen[field], LONGEST) for field in TEXTS & seen.keys()}
    try:
        return WorkflowRun.model_validate(seen)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        value = one_line(seen.get(field, ""), LONGEST)
        raise UsageError(
            f"{VARIABLES[field]} is {value!r}, which is not what GitHub Actions sets. Elsewhere, unset GITHUB_RUN_ID."
        ) from None


def one_line(text: str, longest: int) -> str:
    """Text from outside on one line, without control characters or direction marks, cut with "…"."""
    plain = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
