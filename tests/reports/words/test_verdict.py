"""The verdict in words: what was decided, why, what next, for every way in which a chain can end."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from contracts.decision import Comparison, Decision, Interval
from contracts.schema import read_json, write_json
from contracts.stage import Build
from contracts.verdict import DriftVerdict, LoadReason
from reports.results import read_results
from reports.words.against_baseline import COST, against_baseline
from reports.words.verdict import (
    LOAD_REASONS,
    Place,
    compared,
    first_sentence,
    place_of,
    rejection,
    verdict_of,
)
from tests.reports import scenes

FIRST_SKIPPED = (
    "`make promote` makes it the champion on this machine. An image needs a container engine; then `make build`."
)
LONGER = "Lengthen the holdout (`data.holdout_days` or `data.holdout_share` in pipeline.toml), then `make pipeline`."


@pytest.mark.parametrize(
    ("scene", "tone", "headline", "why", "next_step"),
    [
        (scenes.first_run, "open", "Passed: a first champion, but build was skipped",
         "There is no champion to compare with; all 6 checks, floors and limits hold.", FIRST_SKIPPED),
        (scenes.promoted, "good", "Passed: better than the champion",
         "ROC AUC 0.743, champion 0.731: +0.012 (+0.005 to +0.019). The whole interval is on the better side. "
         "All 6 checks, floors and limits hold.", "`make promote` makes it the champion on this machine."),
        (scenes.equivalent, "good", "Passed: as good as the champion",
         "ROC AUC 0.743, champion 0.741: +0.002 (−0.005 to +0.009). At worst it loses 0.005, within the margin of "
         "0.010. All 6 checks, floors and limits hold.", "`make promote` makes it the champion on this machine."),
        (scenes.rejected, "bad", "Rejected: worse than the champion, and calibration does not hold",
         "ROC AUC 0.743, champion 0.762: −0.019 (−0.026 to −0.012). It loses up to 0.026; the margin is 0.010. "
         "Worse where carrier is HA and carrier is YV, of 16 slices. Calibration does not hold either.",
         "Find a model that is not worse than the champion. Its probabilities are not the observed rates: "
         "calibrate the candidate. Then `make pipeline`."),
        (scenes.inconclusive, "bad", "Rejected: these rows cannot rule out that it is worse",
         "ROC AUC 0.743, champion 0.747: −0.004 (−0.011 to +0.003). It may lose up to 0.011, more than the margin of "
         "0.010.", LONGER),
        (scenes.slower, "bad", "Stopped at load-test: needs more CPU than the champion",
         "CPU a request is 1.22 times the champion's [1.18, 1.26].", 
         "Take a cheaper model, or allow it (`load.max_ratio` in pipeline.toml), then `make pipeline`."),
        (scenes.drift_found, "open", "Passed: as good as the champion, but drift was found",
         "ROC AUC 0.743, champion 0.741: +0.002 (−0.005 to +0.009). At worst it loses 0.005, within the margin of "
         "0.010. All 6 checks, floors and limits hold. What was served has moved away from training: temp, dewp and "
         "origin.", "Look at what moved first. `make promote` makes it the champion on this machine."),
        (scenes.stale, "open", "Two runs are mixed: load-test and drift judged another model",
         "Load-test speaks of sha256:eeeeeeeeeeee and drift speaks of sha256:eeeeeeeeeeee; the model here is sha256:",
         "Run `make pipeline`, so that all figures are of one model."),
        (scenes.stopped, "bad", "Stopped at train: it refused", "The export flips 12 labels of 27,010.",
         "Put right what it names, then `make train`."),
        (scenes.multiclass, "good", "Passed: better than the champion", "", ""),
        (scenes.regression, "good", "Passed: better than the champion",
         "RMSE 53.2, champion 54.1: −0.9 (−1.5 to −0.3). The whole interval is on the better side. "
         "All 5 checks, floors and limits hold.", ""),
        (scenes.sixty_slices, "bad", "Rejected: worse on a part of the rows",
         "Worse where carrier is 9E, carrier is DL and carrier is UA, of 60 slices.", ""),
    ],
)  # fmt: skip
def test_a_situation_in_words(
    tmp_path: Path, scene: Callable[[Path], Build], tone: str, headline: str, why: str, next_step: str
) -> None:
    said = verdict_of(read_results(scene(tmp_path)))
    assert (said.tone, said.headline) == (tone, headline)
    assert said.why.startswith(why)
    assert said.next_step.startswith(next_step)


def test_nothing_at_all_asks_for_the_first_stage(tmp_path: Path) -> None:
    said = verdict_of(read_results(Build(tmp_path)))
    assert said.headline.startswith("Unfinished: data, train, evaluate, build, load-test and drift have not run")
    assert said.next_step == "Run `make data`."


@pytest.mark.parametrize(("place", "next_step"), [
    ("pull request", "Merge it: the push to main runs this chain again and deploys."),
    ("push", "The deploy job puts this image into production."),
])  # fmt: skip
def test_what_comes_next_depends_on_where_the_run_took_place(tmp_path: Path, place: Place, next_step: str) -> None:
    assert verdict_of(read_results(scenes.promoted(tmp_path)), place).next_step == next_step


@pytest.mark.parametrize(("environment", "place"), [
    ({}, "laptop"),
    ({"GITHUB_EVENT_NAME": "push"}, "laptop"),
    ({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request"}, "pull request"),
    ({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_dispatch"}, "push"),
])  # fmt: skip
def test_the_place_is_what_github_says(environment: dict[str, str], place: str) -> None:
    assert place_of(environment) == place


def test_too_few_rows_for_drift_are_said_and_are_no_plain_pass(tmp_path: Path) -> None:
    build = scenes.promoted(tmp_path)
    path = build.stage("drift") / "verdict.json"
    write_json(path, read_json(path, DriftVerdict, "make drift").model_copy(update={"state": "insufficient"}))
    said = verdict_of(read_results(build))
    assert (said.tone, said.headline) == (
        "open",
        "Passed: better than the champion, but drift had too few rows to tell",
    )


def test_the_same_model_again_differs_in_nothing(tmp_path: Path) -> None:
    build = scenes.equivalent(tmp_path)
    path = build.stage("evaluate") / "decision.json"
    decided = read_json(path, Decision, "make evaluate")
    same = decided.comparisons[0].model_copy(update={"difference": Interval(value=0, low=0, high=0)})
    write_json(path, decided.model_copy(update={"comparisons": (same, *decided.comparisons[1:])}))
    assert "On these rows the two do not differ at all." in verdict_of(read_results(build)).why


def test_many_causes_are_counted_and_the_first_is_named() -> None:
    assert rejection("worse", ("calibration", "slices")) == "worse than the champion, and 2 more reasons"
    assert rejection(None, ()) == "it could not be judged"
    assert rejection("inconclusive", ("calibration", "expected cost")) == "calibration and expected cost do not hold"
    assert rejection(None, ("champion",)) == "the champion cannot be compared with"


def test_every_reason_of_the_load_test_has_words() -> None:
    assert set(LOAD_REASONS) == set(get_args(LoadReason))


@pytest.mark.parametrize(("text", "first"), [
    ("The export flips 12 labels of 27,010. See docs.", "The export flips 12 labels of 27,010."),
    ("roc_auc 0.74 on 3.5 GB e.g. rows", "roc_auc 0.74 on 3.5 GB e.g. rows"),
    ("One line\nand another. More.", "One line"),
    ("", ""),
])  # fmt: skip
def test_a_headline_ends_with_its_first_sentence(text: str, first: str) -> None:
    assert first_sentence(text) == first


def cost(value: float, baseline: float, low: float, high: float) -> Comparison:
    return Comparison(
        metric=COST, title="Cost per 1,000 rows", higher_is_better=False,
        challenger=Interval(value=value, low=value - 9, high=value + 9), baseline=baseline,
        over_baseline=Interval(value=value - baseline, low=low, high=high), outcome="no champion", decides=False,
        method="paired",
    )  # fmt: skip


def of_costs(tmp_path: Path, one: Comparison) -> str:
    build = scenes.first_run(tmp_path)
    decided = read_json(build.stage("evaluate") / "decision.json", Decision, "make evaluate")
    write_json(
        build.stage("evaluate") / "decision.json",
        decided.model_copy(update={"comparisons": (*decided.comparisons, one)}),
    )
    return against_baseline(read_json(build.stage("evaluate") / "decision.json", Decision, "make evaluate"))


def test_what_decisions_cost_comes_before_the_metric(tmp_path: Path) -> None:
    said = of_costs(tmp_path, cost(244, 259, -24, -6))
    assert said == "Its decisions cost 6 % less than without a model, 244 against 259 per 1,000 rows."


def test_a_model_that_is_not_surely_better_than_none_is_said_to_be_so(tmp_path: Path) -> None:
    assert "cannot show that it is better" in of_costs(tmp_path / "a", cost(250, 259, -24, 6))
    assert of_costs(tmp_path / "b", cost(337, 259, 60, 96)).endswith(
        "cost 30 % more than without a model, 337 against 259 per 1,000 rows; with it, it is worse."
    )


def test_both_models_stand_in_one_line() -> None:
    one = cost(244, 259, -24, -6)
    assert compared(one) == "Cost per 1,000 rows 244 (235 to 253)"
