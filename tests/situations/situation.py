"""A situation: what happens on GitHub, with which settings, what stops, and what was decided that follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NAME = "someone/flights"
FORK = "stranger/flights"
# The commit that production runs, or that a pull request is compared with.
BASE = "b" * 40
# Where the handbook puts each secret.
SECRETS = {
    "docker-hub": ("DOCKERHUB_TOKEN",),
    "production": ("DOCKERHUB_TOKEN", "DEPLOY_SETTINGS", "DEPLOY_SSH_KEY"),
    "requests": ("REQUESTS_KEY",),
}


@dataclass(frozen=True)
class Decided:
    """What follows. Jobs that are named nowhere are skipped; one that is not triggered has no run."""

    ran: str = ""
    failed: str = ""
    written: str = ""
    triggered: bool = True


@dataclass(frozen=True)
class Situation:
    """One line of the table. `stops` has the exit code of each make target that does not end with 0."""

    name: str
    workflow: str
    event: str
    decided: Decided
    ref: str = "refs/heads/main"
    payload: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    stops: Mapping[str, int] = field(default_factory=dict)
    changed: str = "code"
    has_champion: bool = True
    private: bool = False
    retrain_due: bool = False
    actor: str = "someone"
    # "Re-run failed jobs" of a run in that situation, where what stopped it is gone.
    again: "Situation | None" = None

    @property
    def from_fork(self) -> bool:
        head = self.payload.get("pull_request", {}).get("head", {}).get("repo", {}).get("full_name", NAME)
        return bool(head != NAME)

    def secrets(self, environment: str) -> dict[str, str]:
        """Those of the job's environment, where the settings that need them are made; a fork has none."""
        if self.from_fork or not {"DOCKERHUB_USERNAME", "REQUESTS_URL"} & set(self.variables):
            return {}
        return dict.fromkeys(SECRETS.get(environment, ()), "a secret")


def pull_request(head: str = NAME, author: str = "someone") -> dict[str, Any]:
    """The payload of the event."""
    return {
        "pull_request": {
            "number": 7,
            "base": {"sha": BASE},
            "head": {"repo": {"full_name": head}, "sha": "d" * 40},
            "user": {"login": author, "type": "Bot" if author.endswith("[bot]") else "User"},
        }
    }


def listed(names: str) -> set[str]:
    """Jobs or writings: by spaces, or by commas where a name has one."""
    parts = [part.strip() for part in names.split(",")]
    return {
        word
        for part in parts
        for word in ([part] if " / " in part or part.startswith(("tag ", "pull ")) else part.split())
    }
