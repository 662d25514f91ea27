"""The connection: rate limits are waited for, failures are tried again, and what remains is said in one sentence."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from contracts.exits import UsageError
from publishing.api import ApiError, RetryPolicy, repository, run_of
from publishing.command import one_line
from tests.publishing.github_server import Fault, GitHub, asked
from tests.refusals import refuses

QUICK = RetryPolicy(attempts=3, first_seconds=0.01)


def pull_requests(job: Mapping[str, str]) -> list[int]:
    with repository(run_of(job), job, "Listing pull requests", QUICK) as repo:
        return [one.number for one in repo.get_pulls(state="open")]


def test_every_page_is_read(github: GitHub, job: dict[str, str]) -> None:
    for number in range(1, 8):
        github.pull(number, f"branch-{number}")
    assert pull_requests(job) == [1, 2, 3, 4, 5, 6, 7]
    assert len(asked(github, "GET", "/pulls")) == 4
    assert github.tokens == {"token a-token"}


def test_a_secondary_rate_limit_is_waited_for_as_it_says(github: GitHub, job: dict[str, str]) -> None:
    said = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}
    github.faults = [Fault("GET", "/pulls", 403, said, {"Retry-After": "1"})]
    started = time.monotonic()
    assert pull_requests(job) == []
    assert time.monotonic() - started >= 1, "Retry-After says one second"
    assert len(asked(github, "GET", "/pulls")) == 2


def test_a_primary_rate_limit_is_waited_for_until_its_reset(github: GitHub, job: dict[str, str]) -> None:
    said = {"message": "API rate limit exceeded for installation ID 1."}
    reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()))}
    github.faults = [Fault("GET", "/pulls", 403, said, reset)]
    assert pull_requests(job) == []
    assert len(asked(github, "GET", "/pulls")) == 2


def test_a_rate_limit_that_outlasts_the_job_ends_it_at_once(github: GitHub, job: dict[str, str]) -> None:
    said = {"message": "API rate limit exceeded for installation ID 1."}
    reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time() + 3000))}
    github.faults = [Fault("GET", "/pulls", 403, said, reset)]
    with refuses(ApiError, "refused-by-github", "Listing pull requests", "403"):
        pull_requests(job)
    assert len(asked(github, "GET", "/pulls")) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failure_of_the_server_is_tried_again(github: GitHub, job: dict[str, str], status: int) -> None:
    github.faults = [Fault("GET", "/pulls", status, {"message": "Server Error"})] * 2
    assert pull_requests(job) == []
    assert len(asked(github, "GET", "/pulls")) == 3


def test_a_server_that_keeps_failing_ends_the_job(github: GitHub, job: dict[str, str]) -> None:
    github.faults = [Fault("GET", "/pulls", 502, {"message": "Server Error"})] * 9
    with refuses(ApiError, "github-unreachable"):
        pull_requests(job)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "token is not valid"),
        (403, "permissions lack this right"),
        (404, "permissions do not show it"),
        (410, "switched off"),
        (422, "refuses the content"),
    ],
)
def test_a_refusal_is_not_tried_again_and_says_what_to_do(
    github: GitHub, job: dict[str, str], status: int, advice: str
) -> None:
    github.faults = [Fault("GET", "/pulls", status, {"message": "No", "errors": [{"message": "because"}]})]
    with pytest.raises(ApiError, match=advice) as caught:
        pull_requests(job)
    assert f"{status} (No because)" in str(caught.value)
    assert len(asked(github, "GET", "/pulls")) == 1


def test_no_answer_at_all_ends_the_job(job: dict[str, str]) -> None:
    with pytest.raises(ApiError, match="does not answer"):
        pull_requests(job | {"GITHUB_API_URL": "http://127.0.0.1:9"})


def test_a_token_is_required(job: dict[str, str]) -> None:
    with refuses(UsageError, "no-token", "GITHUB_TOKEN"):
        pull_requests({name: value for name, value in job.items() if name != "GITHUB_TOKEN"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_REPOSITORY", "someone/flights/../../other"),
        ("GITHUB_REPOSITORY", ""),
        ("GITHUB_RUN_ID", "1; rm -rf /"),
        ("GITHUB_SERVER_URL", "javascript:alert(1)"),
        ("GITHUB_API_URL", "file:///etc/passwd"),
        ("GITHUB_EVENT_PATH", "/nowhere"),
    ],
)
def test_a_variable_that_github_would_not_set_is_refused(job: dict[str, str], name: str, value: str) -> None:
    with pytest.raises(UsageError):
        pull_requests(job | {name: value})


@pytest.mark.parametrize("text", ["[]", '"x"', "not json"])
def test_an_event_that_is_none_is_refused(job: dict[str, str], text: str) -> None:
    Path(job["GITHUB_EVENT_PATH"]).write_text(text)
    with pytest.raises(UsageError):
        run_of(job)


def test_a_text_for_the_log_is_one_line() -> None:
    assert one_line("a\n::error::b\r\x1b[2K\u202ec") == "a ::error::b [2K c"
