"""Every situation, and what was decided for it. An exit code that is not 0 is one of causes.py."""

from dataclasses import replace

from tests.situations.causes import CAUSES
from tests.situations.queues import meetings
from tests.situations.situation import BASE, FORK, Decided, Situation, pull_request

PIPELINE, CI, DRIFT, ROLLBACK, SECURITY = "pipeline.yml", "ci.yml", "drift.yml", "rollback.yml", "security.yml"
DRILLS = "drills.yml"
HUB = {"IMAGE_REPOSITORY": "someone/flights", "DOCKERHUB_USERNAME": "someone"}
HOST = HUB | {"DEPLOY_HOST": "ssh://deploy@example.org"}
SITE = {"PUBLISH_SITE": "true"}
IMAGE = "someone/flights@sha256:" + "0" * 64
QUEUE = "refs/heads/gh-readonly-queue/main/pr-7-" + "b" * 40

CHAIN = "scope train image report"
RECORDED = "publish / evaluations, publish / record"
DEPLOYED = f"{CHAIN} deploy, {RECORDED}, passed"
SHOWN = f"{CHAIN}, publish / evaluations, publish / comment, passed"
ALL_OF_CI = "check test containers stack pages deploys drills exercises passed"


def decided(ran: str = "", failed: str = "", written: str = "") -> Decided:
    return Decided(ran, failed, written)


def stops(*causes: str) -> dict[str, int]:
    return {CAUSES[one].target: CAUSES[one].code for one in causes}


first_push = Situation(
    "the template's first push, nothing set", PIPELINE, "push", decided(DEPLOYED, written="history signature"),
    has_champion=False,
)  # fmt: skip
push = replace(first_push, name="a second push", has_champion=True)
from_branch = Situation(
    "a pull request from a branch", PIPELINE, "pull_request", decided(SHOWN, written="comment history"),
    ref="refs/pull/7/merge", payload=pull_request(),
)  # fmt: skip
by_hand = replace(
    push, name="by hand, nothing filled in", event="workflow_dispatch", inputs={"as_of": "", "full": False}
)
schedule = Situation(
    "the schedule, no drift", DRIFT, "schedule",
    decided("drift issue retrain, publish / record", written="history issue"),
)  # fmt: skip
rollback = Situation(
    "a rollback to an image", ROLLBACK, "workflow_dispatch",
    decided("list rollback, publish / record", written="history, tag `champion`"),
    inputs={"image": IMAGE}, variables=HUB,
)  # fmt: skip
nightly = Situation("the nightly drills", DRILLS, "schedule", decided("drills"))
audit = Situation(
    "the weekly audit, nothing found", SECURITY, "schedule",
    decided("workflows dependencies image issue", written="issue"),
)  # fmt: skip

load_test_fails = replace(
    push, name="the load test fails", stops=stops("too slow"), variables=HUB,
    decided=decided(f"scope train report, {RECORDED}", "image passed", "history"),
)  # fmt: skip
failed_jobs_again = replace(
    push, name="re-run of its failed jobs", variables=HUB, again=load_test_fails,
    decided=decided(
        f"image report deploy, {RECORDED}, passed", written="history signature, tag `champion`, tag `sha-…`"
    ),
)  # fmt: skip
registry_is_away = replace(
    load_test_fails, name="the registry does not answer", stops=stops("no registry"),
)  # fmt: skip
history_is_gone = replace(
    push, name="the history cannot be pushed", stops=stops("no remote"),
    decided=decided(f"{CHAIN} deploy", f"{RECORDED}, passed", "signature"),
)  # fmt: skip

SITUATIONS = [
    first_push,
    push,
    replace(push, name="a push that changes documents only", changed="documents", decided=decided("scope passed")),
    replace(
        push, name="documents only, before anything was deployed", changed="documents", has_champion=False
    ),
    replace(push, name="a table of your own after the flights"),
    replace(push, name="a private repository on the free plan", private=True,
            decided=decided(DEPLOYED, written="history")),
    replace(
        push, name="a push, with Docker Hub", variables=HUB,
        decided=decided(DEPLOYED, written="history signature, tag `champion`, tag `sha-…`"),
    ),
    replace(
        push, name="a push, with Docker Hub and a host", variables=HOST,
        decided=decided(DEPLOYED, written="history host signature, tag `champion`, tag `sha-…`"),
    ),
    replace(
        push, name="a push, with the site", variables=SITE,
        decided=decided(f"{CHAIN} deploy, {RECORDED}, publish / site, passed", written="history signature site"),
    ),
    replace(
        push, name="a push, its image's name without who logs in", variables={"IMAGE_REPOSITORY": "someone/flights"},
    ),
    from_branch,
    replace(
        from_branch, name="a pull request from a branch, documents only", changed="documents",
        decided=decided("scope passed"),
    ),
    replace(
        from_branch, name="a pull request from a fork", payload=pull_request(FORK), variables=HOST,
        decided=decided(f"{CHAIN} passed"),
    ),
    replace(from_branch, name="a pull request by Dependabot", payload=pull_request(author="dependabot[bot]"),
            actor="dependabot[bot]", decided=decided(f"{CHAIN} passed")),
    replace(from_branch, name="the pull request that asks for a retrain, approved to run",
            payload=pull_request(author="github-actions[bot]")),
    Situation(
        "a pull request in a merge queue", PIPELINE, "merge_group", decided(f"{CHAIN} passed"), ref=QUEUE,
        payload={"merge_group": {"base_sha": BASE}},
    ),
    by_hand,
    replace(by_hand, name="by hand, documents only", changed="documents", decided=decided("scope passed")),
    replace(
        by_hand, name="by hand with `full`, documents only", changed="documents", inputs={"as_of": "", "full": True}
    ),
    replace(by_hand, name="by hand with `champion: none`", inputs={"as_of": "", "full": False, "champion": "none"}),
    replace(
        by_hand, name="by hand with `as_of`", inputs={"as_of": "2013-11-01", "full": False}, variables=HOST,
        decided=decided(f"{CHAIN}, publish / evaluations, passed", written="history"),
    ),
    replace(
        by_hand, name="by hand on a branch, with Docker Hub", ref="refs/heads/retrain/2013-11-01", variables=HUB,
        decided=decided(SHOWN, written="comment history"),
    ),
    replace(
        push, name="the data is refused", stops=stops("the data is refused"),
        decided=decided(f"scope report, {RECORDED}", "train passed", "history"),
    ),
    replace(
        push, name="training is refused", stops=stops("training is refused"),
        decided=decided(f"scope report, {RECORDED}", "train passed", "history"),
    ),
    replace(
        push, name="the gate refuses", stops=stops("the gate refuses"),
        decided=decided(f"scope report, {RECORDED}", "train passed", "history"),
    ),
    replace(
        from_branch, name="the gate refuses a pull request", stops=stops("the gate refuses"),
        decided=decided("scope report, publish / evaluations, publish / comment", "train passed", "comment history"),
    ),
    replace(
        push, name="the image cannot be built", stops=stops("no engine"), variables=HUB,
        decided=decided(f"scope train report, {RECORDED}", "image passed", "history"),
    ),
    load_test_fails,
    failed_jobs_again,
    replace(
        push, name="drift, where `drift.blocks_deploy` is set", stops=stops("drift blocks"), variables=HUB,
        decided=decided(f"scope train report, {RECORDED}", "image passed", "history"),
    ),
    registry_is_away,
    replace(failed_jobs_again, name="re-run of its failed jobs, the registry back", again=registry_is_away),
    replace(
        push, name="the deploy fails", stops=stops("a host without a registry"), variables=HOST,
        decided=decided(f"{CHAIN}, {RECORDED}", "deploy passed", "history signature, tag `sha-…`"),
    ),
    history_is_gone,
    replace(
        push, name="re-run of failed publishing", again=history_is_gone,
        decided=decided(f"{RECORDED}, passed", written="history"),
    ),
    Situation("CI, a push", CI, "push", decided(ALL_OF_CI)),
    Situation("CI, a pull request from a fork", CI, "pull_request", decided(ALL_OF_CI), ref="refs/pull/7/merge",
              payload=pull_request(FORK)),
    Situation("CI, in a merge queue", CI, "merge_group", decided(ALL_OF_CI), ref=QUEUE,
              payload={"merge_group": {"base_sha": BASE}}),
    schedule,
    replace(
        schedule, name="the schedule, before anything was deployed", has_champion=False,
    ),
    replace(
        schedule, name="the schedule, drift found", stops=stops("drift found"),
        decided=decided("issue retrain, publish / record", "drift", "history issue"),
    ),
    replace(
        schedule, name="the schedule, a loss that lasts", stops=stops("drift found"), retrain_due=True,
        decided=decided("issue retrain, publish / record", "drift", "history issue, pull request"),
    ),
    replace(
        schedule, name="the schedule, production's export is gone", variables={"REQUESTS_URL": "https://example.org/requests"},
        stops=stops("no export"), decided=decided("issue retrain, publish / record", "drift", "history issue"),
    ),
    rollback,
    replace(rollback, name="what can be rolled back", inputs={"image": ""}, decided=decided("list")),
    replace(
        rollback, name="a rollback on a host", variables=HOST,
        decided=decided("list rollback, publish / record", written="history host, tag `champion`"),
    ),
    replace(
        rollback, name="a rollback to what is no digest", stops=stops("no digest"), decided=decided("list", "rollback"),
    ),
    nightly,
    replace(nightly, name="the nightly drills, a fault that is not refused", stops=stops("a drill that misses"),
            decided=decided(failed="drills")),
    replace(nightly, name="the nightly drills of a private repository", private=True, decided=decided()),
    replace(nightly, name="the drills of a private repository, by hand", private=True, event="workflow_dispatch"),
    audit,
    replace(
        audit, name="the weekly audit, something found", stops=stops("an audit that finds"),
        decided=decided("dependencies image issue", "workflows", "issue"),
    ),
    replace(
        audit, name="the weekly audit, where nothing answers",
        stops=stops("no GitHub to ask", "no advisories", "no image to scan"),
        decided=decided("issue", "workflows dependencies image", "issue"),
    ),
]  # fmt: skip

MEETINGS = meetings(push, from_branch, rollback, schedule)
