"""The connection to GitHub's API: PyGithub, with bounded waits, and errors that say what to do.

The library follows pages. It waits for a rate limit to end as GitHub asks (Retry-After, X-RateLimit-Reset), up to a
limit, and retries a 5xx. Any other error becomes one sentence: what was asked, what came back, and which permission or
setting is missing.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from github import Auth, Github, GithubException, GithubRetry
from github.Repository import Repository
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester

from contracts.exits import OutsideError, UsageError
from contracts.outside.addresses import is_local
from publishing.command import one_line

# GITHUB_TOKEN writes as this user; only this user's texts are ever edited or closed.
BOT = "github-actions[bot]"
SECONDS_TO_ANSWER = 20
REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}/[A-Za-z0-9._-]{1,100}")
SERVER = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._/-]*)?")
ADVICE = {
    401: "The token is not valid (any more).",
    403: "The job's permissions lack this right, or a setting forbids it: docs/github.md lists them.",
    404: "There is no such thing, or the job's permissions do not show it: docs/github.md lists them.",
    410: "This is switched off in the repository's settings.",
    422: "GitHub refuses the content.",
    429: "The rate limit did not end in time. Run the job again later.",
}


class ApiError(OutsideError):
    """GitHub's API did not do what was asked. Ends in exit 1."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often a failure is retried, the wait after the first, and the longest wait for a rate limit to end."""

    attempts: int = 5
    first_seconds: float = 0.5
    most_seconds: float = 240.0


@dataclass(frozen=True)
class Run:
    """This run, as GitHub describes it to a job. `event` is its payload."""

    server: str
    repository: str
    run_id: str
    branch: str
    event: Mapping[str, Any]

    @property
    def url(self) -> str:
        return f"{self.server}/{self.repository}/actions/runs/{self.run_id}"


def run_of(environment: Mapping[str, str]) -> Run:
    """This run, from the environment. Raises UsageError if a variable is not as GitHub sets it."""
    server = environment.get("GITHUB_SERVER_URL", "https://github.com")
    name = environment.get("GITHUB_REPOSITORY", "")
    run_id = environment.get("GITHUB_RUN_ID", "")
    if not SERVER.fullmatch(server) or not REPOSITORY.fullmatch(name) or not run_id.isdigit():
        raise UsageError("GITHUB_SERVER_URL, GITHUB_REPOSITORY and GITHUB_RUN_ID are set by GitHub; this is not a job.")
    payload: Any = {}
    if path := environment.get("GITHUB_EVENT_PATH"):
        try:
            payload = json.loads(Path(path).read_bytes())
        except (OSError, ValueError):
            raise UsageError(f"GITHUB_EVENT_PATH names {path}, which is no JSON file.") from None
    if not isinstance(payload, dict):
        raise UsageError("GITHUB_EVENT_PATH names a file that is no event.")
    return Run(server, name, run_id, environment.get("GITHUB_REF_NAME", ""), payload)


@contextmanager
def repository(
    run: Run, environment: Mapping[str, str], doing: str, patience: RetryPolicy = RetryPolicy()
) -> Iterator[Repository]:
    """The repository; its errors become ApiError. `doing`: what the job wanted, for the message. Raises UsageError."""
    client = _client(environment, patience)
    try:
        yield client.get_repo(run.repository)
    except GithubException as error:
        raise ApiError(f"{doing}: {_explain(error)}", code="refused-by-github") from None
    except requests.exceptions.RequestException as error:
        raise ApiError(
            f"{doing}: GitHub's API does not answer ({type(error).__name__}). Run the job again.",
            code="github-unreachable",
        ) from None
    finally:
        client.close()
        Requester.resetConnectionClasses()


def _client(environment: Mapping[str, str], patience: RetryPolicy) -> Github:
    token = environment.get("GITHUB_TOKEN", "")
    if not token:
        raise UsageError(
            "GITHUB_TOKEN is not set. In a workflow: env: {GITHUB_TOKEN: ${{ github.token }}}.", code="no-token"
        )
    url = environment.get("GITHUB_API_URL", "https://api.github.com")
    if not SERVER.fullmatch(url):
        raise UsageError(f"GITHUB_API_URL is {url!r}, which is no address of a server.")
    if url.startswith("http://") and not is_local(urlsplit(url).hostname):
        raise UsageError(f"GITHUB_TOKEN is not sent to {url}: without TLS anybody can read it. Use https.")
    retry = GithubRetry(
        total=patience.attempts, backoff_factor=patience.first_seconds, max_rate_limit_wait=patience.most_seconds,
        secondary_rate_wait=min(60.0, patience.most_seconds),
    )  # fmt: skip
    if url.startswith("http://"):
        Requester.injectConnectionClasses(_DirectConnection, HTTPSRequestsConnectionClass)
    return Github(
        base_url=url, auth=Auth.Token(token), retry=retry, per_page=100, timeout=SECONDS_TO_ANSWER, lazy=True,
        seconds_between_requests=0, seconds_between_writes=0,
    )  # fmt: skip


class _DirectConnection(HTTPRequestsConnectionClass):
    """Connects to this machine directly, whatever proxy the environment names."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.session.trust_env = False


def _explain(error: GithubException) -> str:
    said = error.data.get("message", "") if isinstance(error.data, dict) else str(error.data or "")
    details = error.data.get("errors", []) if isinstance(error.data, dict) else []
    if details and isinstance(details[0], dict):
        said = f"{said} {details[0].get('message', '')}".strip()
    advice = ADVICE.get(error.status, "Run the job again.")
    return f"GitHub answered {error.status} ({one_line(said)}). {advice}"
