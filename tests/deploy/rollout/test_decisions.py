"""What a deploy decides, without an engine: who may come in, who may go on, what a rollback finds."""

import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.exits import Exit, UsageError
from contracts.image import MODEL_LABEL, REVISION_LABEL, Attestation
from contracts.model_folder import model_digest
from contracts.pipeline_toml.keys import Deploy
from contracts.release import Compared, Entry, Release, Rollout, State, VersionMetrics
from contracts.schema import read_json, write_json
from contracts.stage import CHAIN, Build
from deploy.admission.rules import NotAdmittedError
from deploy.host.lock import owner
from deploy.host.machine import Host, SentFile, tar_of
from deploy.host.stack import Stack, prometheus_config
from deploy.host.state import StateError, after, parse
from deploy.rollout import canary
from deploy.rollout.candidate import Candidate, judge, refuse_moved_production
from deploy.rollout.releases import table
from deploy.rollout.rollback import NoSuchReleaseError, find
from deploy.rollout.sequence import steps_of
from testbed.images import image
from testbed.tiny_build import write_model
from tests.refusals import refuses
from tests.reports.records import CONFIG, DATA_DIGEST, SETTINGS, decision, load_verdict, pass_every_stage

ROOT = Path(__file__).parents[3]
IMAGE, OTHER_IMAGE = (f"host.example/user/flights@sha256:{digit * 64}" for digit in "ab")
MODEL, CHAMPION, CONTENTS = (f"sha256:{digit * 64}" for digit in "c79")
GOOD = VersionMetrics(requests=1000, error_share=0.001, p50_ms=1.0, p95_ms=8.0)
RULES = Deploy()


def labels(**more: str) -> dict[str, str]:
    return {MODEL_LABEL: MODEL, REVISION_LABEL: "1" * 40} | more


def release(image: str = IMAGE, side: str = "blue") -> Release:
    return Release.model_validate({"image": image, "model": MODEL, "revision": "", "decision": "told", "side": side})


def entry(image: str = IMAGE, **more: Any) -> Entry:
    given = {"action": "deploy", "image": image, "model": MODEL, "revision": "", "replaced": "", "decision": "told"}
    return Entry.model_validate(given | {"at": "2026-11-23T12:00:00+00:00", "by": "a@b", "seconds": 61.5} | more)


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return Build(tmp_path)


def record(build: Build, *, promote: bool = True, model: str = MODEL) -> None:
    write_json(build.stage("evaluate") / "decision.json", decision(model, promote=promote))


def attestation(**changes: str) -> Attestation:
    told = {"image": CONTENTS, "model": MODEL, "champion": CHAMPION, "data": "sha256:" + "d" * 64}
    told |= {"settings": "sha256:" + "5" * 64, "commit": "1" * 40, "decision": "It is better."}
    return Attestation.model_validate(told | changes)


def judged(build: Build, *before: Entry, attested: Attestation | None = None, contents: str = CONTENTS) -> Candidate:
    return judge(IMAGE, contents, labels(), build, CONFIG, State(entries=before), lambda: attested)


def codes(build: Build, *before: Entry, **more: Any) -> tuple[str, ...]:
    """The rules that refuse it."""
    with pytest.raises(NotAdmittedError) as refused:
        judged(build, *before, **more)
    return refused.value.codes


@pytest.fixture
def finished(tmp_path: Path) -> Build:
    """A whole run, of an image whose label says the model that it holds."""
    build = Build(tmp_path / "build")
    write_model(build.challenger, data_digest=DATA_DIGEST)
    of = {"model": model_digest(build.challenger), "data_digest": DATA_DIGEST, "settings": SETTINGS}
    pass_every_stage(build, image=image(image_id=CONTENTS, **of))
    return build


def judged_whole(build: Build, contents: str = CONTENTS) -> Candidate:
    told = {MODEL_LABEL: model_digest(build.challenger)}
    return judge(IMAGE, contents, told, build, CONFIG, State(), lambda: attestation())


def test_an_attestation_lets_an_image_in_and_says_what_it_was_compared_with(build: Build) -> None:
    seen = judged(build, attested=attestation())
    assert seen.decision.endswith(attestation().decision)
    assert seen.champion == CHAMPION


def test_a_label_on_the_image_says_nothing(build: Build) -> None:
    told = labels(**{"gatehouse.decision": "promote"})
    with refuses(NotAdmittedError, "not-attested"):
        judge(IMAGE, CONTENTS, told, build, CONFIG, State())


def test_an_attestation_of_another_model_is_refused(build: Build) -> None:
    assert codes(build, attested=attestation(model="sha256:" + "e" * 64)) == ("other-model",)


def test_a_digest_that_served_here_before_may_come_back(build: Build) -> None:
    seen = judged(build, entry())
    assert "served here before" in seen.decision
    assert seen.champion is None


def test_an_image_without_an_attestation_is_refused(build: Build) -> None:
    assert codes(build, entry(OTHER_IMAGE)) == ("not-attested",)


def test_a_decision_alone_is_no_permission(build: Build) -> None:
    record(build)
    assert codes(build) == ("not-attested",)


def test_a_decision_on_another_model_says_nothing(build: Build) -> None:
    record(build, promote=False, model="sha256:" + "d" * 64)
    assert judged(build, attested=attestation()).model == MODEL


def test_a_rejected_model_is_refused_whatever_is_attested(build: Build) -> None:
    record(build, promote=False)
    assert codes(build, entry(), attested=attestation()) == ("gate-rejected",)


def test_a_model_that_failed_the_load_test_is_refused_whatever_is_attested(build: Build) -> None:
    verdict = load_verdict(MODEL).model_copy(update={"verdict": "fail"})
    write_json(build.stage("load-test") / "verdict.json", verdict)
    assert codes(build, attested=attestation()) == ("load-failed",)


def test_a_record_that_cannot_be_read_is_no_permission(build: Build) -> None:
    record(build)
    (build.stage("evaluate") / "decision.json").write_text("{}")
    with pytest.raises(NotAdmittedError, match="make evaluate"):
        judged(build, attested=attestation())


def test_an_image_of_another_kind_is_refused(build: Build) -> None:
    with refuses(NotAdmittedError, "not-built-here", MODEL_LABEL):
        judge(IMAGE, CONTENTS, {}, build, CONFIG, State(), lambda: attestation())


needs_the_chain = pytest.mark.skipif({"load-test", "drift"} - set(CHAIN) != set(), reason="the chain is shorter")


@needs_the_chain
def test_a_whole_run_of_this_very_image_lets_it_in(finished: Build) -> None:
    assert str(finished.root) in judged_whole(finished).decision


@needs_the_chain
def test_a_whole_run_of_another_image_of_this_model_is_refused_whatever_is_attested(finished: Build) -> None:
    with pytest.raises(NotAdmittedError) as refused:
        judged_whole(finished, "sha256:" + "e" * 64)
    assert set(refused.value.codes) == {"other-image"}


@needs_the_chain
def test_a_champion_that_moved_after_the_stages_is_refused_whatever_is_attested(finished: Build) -> None:
    write_model(finished.champion, commit="f" * 40, name=CONFIG.project.name, target=CONFIG.data.target)
    with pytest.raises(NotAdmittedError, match="Judge again") as refused:
        judged_whole(finished)
    assert set(refused.value.codes) == {"champion-moved"}


def candidate(champion: str | None = CHAMPION, first_run: str = "") -> Candidate:
    return Candidate(IMAGE, MODEL, "", "attested", champion, first_run)


def test_what_serves_and_was_compared_with_may_be_replaced() -> None:
    refuse_moved_production(candidate(), release().model_copy(update={"model": CHAMPION}))
    refuse_moved_production(candidate(), None)
    refuse_moved_production(candidate(champion=None), release().model_copy(update={"model": "sha256:other"}))


@pytest.mark.parametrize("champion", [CHAMPION, ""])
def test_production_that_moved_meanwhile_is_not_replaced(champion: str) -> None:
    serving = release(OTHER_IMAGE).model_copy(update={"model": "sha256:other"})
    with pytest.raises(NotAdmittedError, match=f"make champion CHAMPION=docker://{OTHER_IMAGE}") as refused:
        refuse_moved_production(candidate(champion), serving)
    assert refused.value.codes == ("production-moved",)


def said(new: VersionMetrics, old: VersionMetrics | None = GOOD, *, before: bool = False) -> str:
    return " ".join(canary.objections(new, old, RULES, before=before))


def test_an_equal_version_goes_on() -> None:
    assert said(GOOD) == ""


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"error_share": 0.0061}, "failures"),
        ({"p50_ms": 2.1}, "p50"),
        ({"p95_ms": 16.5}, "p95"),
        ({"error_share": None}, "not known"),
        ({"p50_ms": None}, "not known"),
        ({"p95_ms": None}, "not known"),
    ],
)
def test_a_worse_or_unknown_version_is_stopped_by_name(changed: dict[str, Any], reason: str) -> None:
    assert reason in said(GOOD.model_copy(update=changed))


def test_a_version_is_not_compared_with_an_old_one_that_is_not_known() -> None:
    assert "not known" in said(GOOD, GOOD.model_copy(update={"p50_ms": None}))


def test_a_p95_that_is_fast_enough_is_not_held_against_it() -> None:
    assert said(GOOD.model_copy(update={"p95_ms": 4.9}), GOOD.model_copy(update={"p95_ms": 1.0})) == ""


def test_a_p95_of_few_requests_or_of_another_time_is_not_compared() -> None:
    slow = GOOD.model_copy(update={"p95_ms": 30.0})
    assert said(slow.model_copy(update={"requests": 399.0})) == ""
    assert said(slow, before=True) == ""
    assert said(slow) != ""


def test_a_first_deploy_may_not_fail_either() -> None:
    assert "failures" in said(GOOD.model_copy(update={"error_share": 0.1}), None)


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_failures_than_allowed_are_stopped_at_every_level(old: float, new: float) -> None:
    stopped = said(GOOD.model_copy(update={"error_share": new}), GOOD.model_copy(update={"error_share": old})) != ""
    assert stopped == (new > old + RULES.max_error_increase)


@pytest.mark.parametrize(
    ("new", "requests", "stopped"),
    [
        (0.01, 1e6, False),
        (0.03, 1e6, False),
        (0.032, 1e6, True),
        (None, 1e6, False),
        # One of fifteen features broke: seen in a step of usual length, of a hundred requests a little less is luck.
        (0.01 + 1 / 15, 600, True),
        (0.05, 100, False),
        (0.5, 100, True),
    ],
)
def test_a_version_that_knows_less_of_its_inputs_is_stopped(new: float | None, requests: float, stopped: bool) -> None:
    old = GOOD.model_copy(update={"odd_share": 0.01, "requests": 10 * requests})
    against = said(GOOD.model_copy(update={"odd_share": new, "requests": requests}), old)
    assert ("deploy.max_odd_increase" in against) == stopped
    assert (against == "") != stopped


@pytest.mark.parametrize(("requests", "rows_each"), [(100, 1), (600, 1), (100, 50)])
@pytest.mark.parametrize("together", [1, 5, 15])
def test_the_luck_of_the_draw_stops_no_version(requests: int, rows_each: int, together: int) -> None:
    """Of fifteen values, `together` are missing at once in a fifth of the requests, for all rows of one alike."""
    draw = np.random.default_rng(1)

    def figures(count: int) -> VersionMetrics:
        odd = np.repeat(draw.random(count) < 0.2, rows_each).mean() * together / 15
        return GOOD.model_copy(update={"odd_share": float(odd), "requests": float(count)})

    stopped = sum(said(figures(requests), figures(9 * requests)) != "" for _ in range(1000))
    assert stopped <= 5


def quick(**changes: float) -> Deploy:
    return RULES.model_copy(update={"canary_seconds": 0.01, "canary_max_seconds": 0.02} | changes)


def test_too_few_requests_are_not_known_never_fine() -> None:
    few = GOOD.model_copy(update={"requests": 99.0})
    with pytest.raises(canary.CanaryError, match="Not known"):
        canary.observe(10, lambda _: (few, GOOD), lambda: None, quick(), 0.01)
    with pytest.raises(canary.CanaryError, match="Not known"):
        canary.observe(10, lambda _: (GOOD, few), lambda: None, quick(), 0.01)


def test_figures_that_stay_unknown_are_not_fine_however_many_requests_there_are() -> None:
    unknown = GOOD.model_copy(update={"p95_ms": None})
    with pytest.raises(canary.CanaryError, match="Not known"):
        canary.observe(10, lambda _: (unknown, GOOD), lambda: None, quick(), 0.01)


def test_a_first_deploy_may_be_silent_and_no_other() -> None:
    silent = VersionMetrics(requests=0.0)
    seen = canary.observe(100, lambda _: (silent, None), lambda: None, quick(), 0.01, may_be_silent=True)
    assert seen.new == silent
    with pytest.raises(canary.CanaryError, match="Not known"):
        canary.observe(100, lambda _: (silent, GOOD), lambda: None, quick(), 0.01, before=True)


def test_a_step_ends_when_enough_was_counted() -> None:
    counts = iter((10.0, 50.0, 150.0))
    seen = canary.observe(
        10, lambda _: (GOOD.model_copy(update={"requests": next(counts)}), GOOD), lambda: None,
        quick(canary_max_seconds=600.0), 0.01,
    )  # fmt: skip
    assert seen.new.requests == 150


def test_a_replica_that_dies_ends_a_step_at_once() -> None:
    def gone() -> None:
        raise RuntimeError("dead")

    with pytest.raises(RuntimeError, match="dead"):
        canary.observe(10, lambda _: (GOOD, GOOD), gone, RULES, 30)


def test_the_steps_follow_the_shares() -> None:
    assert [one for one in steps_of(Deploy(canary_percent=(1, 5, 25))) if one.startswith("canary")] == [
        "canary 1 %", "canary 5 %", "canary 25 %",
    ]  # fmt: skip


@pytest.mark.parametrize("shares", [(50, 10), (10, 10)])
def test_shares_that_do_not_grow_are_refused(shares: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must grow"):
        Deploy(canary_percent=shares)


def test_a_rollback_without_a_name_takes_the_previous_release() -> None:
    assert find(State(current=release(), previous=release(OTHER_IMAGE, "green")), "").image == OTHER_IMAGE


@pytest.mark.parametrize(
    ("state", "asked", "code"),
    [
        (State(), "", "nothing-deployed"),
        (State(current=release()), "", "first-release"),
        (State(current=release(), entries=(entry(),)), OTHER_IMAGE, "never-served"),
    ],
)
def test_a_rollback_to_what_never_served_is_refused(state: State, asked: str, code: str) -> None:
    with refuses(NoSuchReleaseError, code):
        find(state, asked)


def test_what_served_becomes_the_previous_release() -> None:
    state = after(State(current=release(), entries=(entry(),)), release(OTHER_IMAGE, "green"), entry(OTHER_IMAGE))
    assert (state.current, state.previous) == (release(OTHER_IMAGE, "green"), release())
    assert [one.image for one in state.entries] == [IMAGE, OTHER_IMAGE]


def test_the_list_of_releases_does_not_grow_for_ever() -> None:
    assert len(after(State(entries=(entry(),) * 300), release(), entry()).entries) == 200


def test_no_file_is_an_empty_state_and_half_a_file_is_refused() -> None:
    whole = State(current=release(), entries=(entry(),)).model_dump_json().encode()
    assert parse(b"") == State()
    assert parse(whole) == State.model_validate_json(whole)
    with pytest.raises(StateError, match=r"state\.json"):
        parse(whole[: len(whole) // 2])
    with pytest.raises(StateError, match="format_version"):
        parse(whole.replace(b'"format_version":1', b'"format_version":2'))


def test_a_state_that_an_earlier_version_wrote_is_read() -> None:
    whole = State(current=release(), entries=(entry(),)).model_dump_json().encode()
    earlier = whole.replace(b'"model":', b'"image_id":"sha256:1","model":', 1)
    assert earlier != whole
    assert parse(earlier) == parse(whole)


def test_releases_are_listed_newest_first_with_their_figures() -> None:
    compared = (Compared(percent=100, seconds=60, new=GOOD, old=None),)
    state = State(current=release(OTHER_IMAGE), entries=(entry(), entry(OTHER_IMAGE, compared=compared)))
    head, newest, oldest = table(state).splitlines()
    assert head.startswith("when (UTC)")
    assert "deploy (serves)" in newest
    assert "flights@sha256:bbbbbbbbbbbb" in newest
    assert "0.10%" in newest
    assert "serves" not in oldest
    assert "Nothing was deployed" in table(State())


def test_prometheus_gets_the_replicas_from_a_file_and_the_rest_as_it_is() -> None:
    text = (Path(__file__).parents[3] / "monitoring" / "prometheus.yml").read_text()
    made = prometheus_config(text, "2s")
    assert "replica-1:8000" not in made
    assert "targets.json" in made
    assert "scrape_interval: 2s" in made
    assert "edge:8405" in made
    with pytest.raises(UsageError, match="does not name"):
        prometheus_config(made)


def command(build: Build, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "deploy", "rollout", *arguments, "--build", str(build.root)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, env=os.environ | environment, check=False)


@pytest.mark.parametrize(
    ("image", "reason"),
    [("", "IMAGE is not set")]
    + [
        (one, "is no digest")
        for one in ("flights", "user/flights:champion", "user/flights@sha256:12", f"{IMAGE} {IMAGE}")
    ],
)
def test_anything_but_exactly_one_digest_is_wrong_usage_before_the_engine_is_asked(
    build: Build, image: str, reason: str
) -> None:
    done = command(build, "deploy", "--image", image, DOCKER_HOST=f"unix://{build.root}/nothing.sock")
    assert done.returncode == Exit.USAGE
    assert reason in done.stderr
    said = read_json(build.stage("deploy") / "rollout.json", Rollout, "make deploy")
    assert (said.exit_code, said.steps) == (Exit.USAGE, ())


@pytest.mark.parametrize("arguments", [("deploy", "--image", IMAGE), ("rollback",), ("releases",)])
def test_no_engine_is_said_so(build: Build, arguments: tuple[str, ...]) -> None:
    done = command(build, *arguments, DOCKER_HOST=f"unix://{build.root}/nothing.sock")
    assert done.returncode == Exit.USAGE
    assert "container engine" in done.stderr


def test_keys_that_are_on_need_a_key_for_the_golden_rows(build: Build) -> None:
    done = command(build, "rollback", API_KEYS_FILE="keys.json", DOCKER_HOST=f"unix://{build.root}/nothing.sock")
    assert done.returncode == Exit.USAGE


def test_who_deploys_is_a_run_or_a_person_on_a_machine() -> None:
    assert owner({"GITHUB_RUN_ID": "7", "GITHUB_ACTOR": "ada"}) == "ada, run 7"
    assert re.fullmatch(r"\S+@\S+", owner({}))


def test_secrets_are_readable_to_their_user_alone_and_a_missing_one_is_said() -> None:
    with tarfile.open(fileobj=io.BytesIO(tar_of([SentFile("a", b"x", 10001), SentFile("b", b"y")]))) as tar:
        assert [(one.name, one.uid, one.mode) for one in tar] == [("a", 10001, 0o440), ("b", 0, 0o644)]
    stack = Stack(Host("gatehouse", {"METRICS_KEY_FILE": "/no/such/key"}), None)  # type: ignore[arg-type]  # nothing is sent
    assert [file.content for file in stack.files_of("replica-files")] == [b""]
    with pytest.raises(UsageError, match="METRICS_KEY_FILE"):
        list(stack.files_of("prometheus-secrets"))
