"""Where a registry refuses this user: which of the engine's errors mean that, and what a person does about it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

# The engine has no error codes, only texts: these are of Docker Hub, of GitHub's registry and of the reference
# registry. An SSH server's "Permission denied" is none of them.
REFUSED = re.compile(
    r"(?<!permission )denied|unauthorized|forbidden|authentication required|no basic auth credentials", re.I
)
# What CodedError.code is for them.
LOGIN_REFUSED = "login-refused"
DOCKER_HUB = "Docker Hub"
HUB_HOSTS = ("docker.io", "index.docker.io")
NOBODY = "required: a login with access, or an image that everybody may read."
WHO_LOGS_IN = (
    "Jobs log in on main alone, before they push, deploy or roll back, if DOCKERHUB_USERNAME and DOCKERHUB_TOKEN are "
    "set; those of a pull request, also from a fork, and of the drift check never do."
)


def is_refused(said: str) -> bool:
    """Whether an error of the engine says that the registry refused this user."""
    return REFUSED.search(said) is not None


def remedy(name: str, environment: Mapping[str, str], jobs: str = WHO_LOGS_IN) -> str:
    """Who is logged in to the image's registry, what is required, and what to do: here, or in a workflow's job.

    `jobs`: which jobs log in, in a sentence.
    """
    registry = registry_of(name)
    logged_in, on_github = has_login(registry, environment), "GITHUB_RUN_ID" in environment
    if on_github and logged_in:
        return (
            f"The login to {registry} has no access to it; required: in the secret DOCKERHUB_TOKEN a token of "
            "DOCKERHUB_USERNAME, with Read & Write for this repository."
        )
    if on_github:
        return f"Nobody is logged in to {registry} in this job; {NOBODY} {jobs}"
    command = "`docker login`" if registry == DOCKER_HUB else f"`docker login {registry}`"
    if logged_in:
        return f"The login to {registry} has no access to it; required: one that has. Run {command} as that user."
    return f"Nobody is logged in to {registry} here; {NOBODY} Run {command}."


def registry_of(name: str) -> str:
    """The registry of an image, as the engine reads its name."""
    host, slash, _ = name.partition("/")
    is_host = bool(slash) and (host == "localhost" or "." in host or ":" in host)
    return host if is_host and host not in HUB_HOSTS else DOCKER_HUB


def has_login(registry: str, environment: Mapping[str, str]) -> bool:
    """Whether the engine's command line has a login for it. One in a credential store has an entry here, too."""
    folder = Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME", "~")).expanduser() / ".docker")
    try:
        config = json.loads((folder / "config.json").read_bytes())
        known = [*config.get("auths", {}), *config.get("credHelpers", {})]
    except (OSError, ValueError, AttributeError, TypeError):
        return False
    hosts = {re.sub(r"^https?://", "", entry).partition("/")[0] for entry in known}
    return bool(hosts & ({*HUB_HOSTS} if registry == DOCKER_HUB else {registry}))
