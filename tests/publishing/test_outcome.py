"""The last job: only success passes, and only what may stay out is let stay out."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.exits import Exit
from publishing.outcome import CHAIN, MAY_WRITE, ON_MAIN, main

JOBS = ["scope", *sorted(CHAIN), *sorted(ON_MAIN), *sorted(MAY_WRITE)]
MAIN = {"GITHUB_REF": "refs/heads/main"}
PULL = {"GITHUB_REF": "refs/pull/7/merge"}


def needs(chain: str = "true", **results: str) -> dict[str, Any]:
    seen: dict[str, Any] = {
        job: {"result": results.get(job.replace("-", "_"), "success"), "outputs": {}} for job in JOBS
    }
    seen["scope"]["outputs"] = {"chain": chain}
    return seen


def run(where: dict[str, str], context: dict[str, Any]) -> Exit:
    return main(where | {"NEEDS": json.dumps(context)})


def test_all_passed_on_main() -> None:
    assert run(MAIN, needs()) is Exit.PASS


def test_a_pull_request_does_not_deploy() -> None:
    assert run(PULL, needs(deploy="skipped")) is Exit.PASS


def test_a_pull_request_from_a_fork_does_not_publish() -> None:
    assert run(PULL, needs(deploy="skipped", publish="skipped")) is Exit.PASS
    assert run(PULL, needs(deploy="skipped", publish="failure")) is Exit.FINDING
    assert run(PULL, needs(deploy="skipped", publish="")) is Exit.FINDING


def test_main_publishes() -> None:
    assert run(MAIN, needs(publish="skipped")) is Exit.FINDING


def test_a_retrain_by_hand_does_not_deploy() -> None:
    assert run(MAIN | {"AS_OF": "2013-11-01"}, needs(deploy="skipped")) is Exit.PASS


def test_a_deploy_that_was_skipped_on_main_is_not_taken_for_one() -> None:
    assert run(MAIN, needs(deploy="skipped")) is Exit.FINDING


@pytest.mark.parametrize("result", ["failure", "cancelled", "skipped", "", "neutral"])
@pytest.mark.parametrize("job", sorted(CHAIN))
def test_a_stage_that_did_not_succeed_fails_the_run(job: str, result: str) -> None:
    assert run(MAIN, needs(**{job.replace("-", "_"): result})) is Exit.FINDING


def test_where_only_documents_changed_the_chain_stays_out() -> None:
    skipped = {job.replace("-", "_"): "skipped" for job in CHAIN | ON_MAIN | MAY_WRITE}
    assert run(MAIN, needs("false", **skipped)) is Exit.PASS
    assert run(MAIN, needs("true", **skipped)) is Exit.FINDING
    assert run(MAIN, needs("", **skipped)) is Exit.FINDING


def test_where_only_documents_changed_a_failure_is_still_one() -> None:
    assert run(MAIN, needs("false", scope="failure")) is Exit.FINDING
    assert run(MAIN, needs("false", train="failure")) is Exit.FINDING


def test_a_workflow_without_scope_may_skip_nothing() -> None:
    assert run(PULL, {"check": {"result": "success"}, "test": {"result": "success"}}) is Exit.PASS
    assert run(PULL, {"check": {"result": "success"}, "test": {"result": "skipped"}}) is Exit.FINDING


@given(st.dictionaries(st.sampled_from(JOBS), st.sampled_from(["failure", "cancelled"]), min_size=1))
def test_no_failure_is_ever_passed(results: dict[str, str]) -> None:
    context = needs(**{job.replace("-", "_"): result for job, result in results.items()})
    assert run(PULL, context) is Exit.FINDING


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"check": "success"}', "not json"])
def test_what_is_no_context_is_refused(text: str) -> None:
    assert main(MAIN | {"NEEDS": text}) is Exit.USAGE


def test_nothing_in_the_environment_is_refused() -> None:
    assert main({}) is Exit.USAGE
