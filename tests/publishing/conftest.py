"""A GitHub that answers on loopback, and the environment of a job that talks to it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publishing.github_server import REPOSITORY, GitHub, serving


@pytest.fixture
def github() -> Iterator[GitHub]:
    """Empty, and two entries a page, so that every list of three has a second page."""
    with serving(GitHub()) as server:
        server.branches["main"] = {}
        yield server


@pytest.fixture
def job(github: GitHub, tmp_path: Path) -> dict[str, str]:
    """What GitHub sets for a job of a run on main."""
    event = tmp_path / "event.json"
    event.write_text("{}")
    return {
        "GITHUB_API_URL": github.url,
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_RUN_ID": "4711",
        "GITHUB_REF_NAME": "main",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_TOKEN": "a-token",
    }


@pytest.fixture
def pull_request_job(job: dict[str, str]) -> dict[str, str]:
    """The same for pull request 7."""
    Path(job["GITHUB_EVENT_PATH"]).write_text(json.dumps({"pull_request": {"number": 7}}))
    return job
