"""What was decided, why, and what to do next: short sentences from the stages' own figures; nothing is judged here.

The headline says how the chain ended, and the main cause; `why` has the figures; `next_step` is a command, or what a
person has to do first. The next step depends on `place`: a pull request, a push, or a laptop.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from contracts.decision import Comparison, Decision, Interval, Outcome, SliceComparison
from contracts.stage import StageRecord
from contracts.verdict import LoadReason
from reports.results import Results
from reports.words.numerals import form_of, number, spoken

Tone = Literal["good", "open", "bad"]
Place = Literal["laptop", "pull request", "push"]
PROMOTED: dict[Outcome, str] = {
    "better": "better than the champion",
    "equivalent": "as good as the champion",
    "no champion": "a first champion",
}
LOAD_REASONS: dict[LoadReason, str] = {
    "p50_limit": "half of all answers are too slow",
    "p95_limit": "one answer in 20 is too slow",
    "p99_limit": "one answer in 100 is too slow",
    "stall": "a request waited too long",
    "errors": "requests failed",
    "wrong_answers": "answers were wrong",
    "rate": "the asked rate was not reached",
    "memory_growth": "memory grows",
    "killed": "the service was killed",
    "memory_leak": "memory leaks",
    "other_routes": "other routes than /predict did not hold",
    "request_log": "the request log is not what was sent",
    "not_measured": "this machine was too busy to measure it",
    "no_comparison": "challenger and champion could not be compared",
    "slower_p50": "slower than the champion",
    "slower_p95": "slower than the champion",
    "slower_cpu": "needs more CPU than the champion",
}
# Clearer words for checks whose name does not say what their failure means.
BROKEN = {"slices": "worse on a part of the rows", "champion": "the champion cannot be compared with"}
# A slower challenger needs another model or another limit; on a busy machine the test is only repeated.
SLOWER: frozenset[LoadReason] = frozenset({"slower_p50", "slower_p95", "slower_cpu"})
UNMEASURED: frozenset[LoadReason] = frozenset({"not_measured", "no_comparison"})
MOST_SLICES = 3
MOST_MOVED = 4
LONGEST_NAME = 40
ENDINGS = {1: "crashed", 2: "could not run", 3: "refused"}


class Verdict(NamedTuple):
    """How the chain ended. `headline`: one line; `why`: with the figures; `next_step`: what to do."""

    tone: Tone
    headline: str
    why: str
    next_step: str


def verdict_of(results: Results, place: Place = "laptop") -> Verdict:
    """The verdict on a whole run."""
    tone, headline = _ending(results)
    return Verdict(tone, headline, _why(results), _next(results, place))


def place_of(environment: Mapping[str, str]) -> Place:
    """Where this run takes place, from GitHub Actions' variables."""
    if environment.get("GITHUB_ACTIONS") != "true":
        return "laptop"
    return "pull request" if environment.get("GITHUB_EVENT_NAME") in ("pull_request", "merge_group") else "push"


def rejection(outcome: Outcome | None, broken: Sequence[str]) -> str:
    """The cause of a rejection, the metric's first. `broken`: names of failed checks."""
    causes = ["worse than the champion"] if outcome == "worse" else []
    causes += [_broken(name) for name in broken]
    if not causes and outcome == "inconclusive":
        return "these rows cannot rule out that it is worse"
    if len(causes) > 2:
        return f"{causes[0]}, and {len(causes) - 1} more reasons"
    if len(causes) == len(broken) == 2 and not set(broken) & set(BROKEN):
        return f"{_listed(broken)} do not hold"
    return ", and ".join(causes) or "it could not be judged"


def compared(one: Comparison) -> str:
    """Challenger and champion in one metric: `ROC AUC 0.743, champion 0.741: +0.002 (−0.010 to +0.014)`."""
    if one.champion is None or one.difference is None:
        return f"{one.title} {spoken(one.challenger)}"
    form = form_of(one.challenger)
    models = f"{one.title} {form(one.challenger.value)}, champion {form(one.champion.value)}"
    return f"{models}: {spoken(one.difference, with_sign=True)}"


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence: headlines of stages go on with details."""
    line = next(iter(text.strip().splitlines()), "")
    return re.split(r"(?<=[.!?]) (?=[A-Z\d`])", line, maxsplit=1)[0]


def _ending(results: Results) -> tuple[Tone, str]:
    if results.unreadable:
        return "open", "Not everything can be read here"
    if stale := results.stale:
        return "open", f"Two runs are mixed: {_listed(list(stale))} judged another model"
    if failed := results.failed:
        return ("bad" if failed.exit_code == 3 else "open"), _stop(failed, results)
    if missing := results.missing:
        verb = "has" if len(missing) == 1 else "have"
        return "open", f"Unfinished: {_listed(missing)} {verb} not run"
    kind = PROMOTED.get(deciding.outcome, "") if (deciding := results.deciding) else ""
    if notes := list(results.findings.values()):
        return "open", f"Passed{f': {kind}' if kind else ''}, but {_listed(notes)}"
    return "good", f"Passed: {kind}" if kind else "Every stage passed"


def _stop(failed: StageRecord, results: Results) -> str:
    decision = results.decision
    if failed.stage == "evaluate" and decision and decision.decision == "reject":
        return f"Rejected: {rejection(_outcome(decision), _broken_names(decision))}"
    if failed.stage == "load-test" and results.load and results.load.reason_codes:
        causes = dict.fromkeys(LOAD_REASONS[code] for code in results.load.reason_codes)
        return f"Stopped at load-test: {' and '.join(list(causes)[:2])}"
    if failed.stage == "drift" and results.drift and results.drift.state == "drift":
        return "Stopped at drift: what was served has moved away from training"
    return f"Stopped at {failed.stage}: it {ENDINGS.get(failed.exit_code, failed.verdict)}"


def _why(results: Results) -> str:
    failed, decision = results.failed, results.decision
    if stale := results.stale:
        others = _listed([f"{stage} speaks of {digest[:19]}" for stage, digest in stale.items()])
        return f"{_capital(others)}; the model here is {results.model[:19]}."
    if failed and not (failed.stage == "evaluate" and decision):
        return first_sentence(failed.headline)
    if decision is None:
        return "Nothing was judged yet."
    if decision.decision == "reject":
        return _why_rejected(decision)
    return " ".join([_why_promoted(decision), *_what_moved(results)])


def _why_promoted(decision: Decision) -> str:
    deciding = decision.deciding
    kept = f"{len(decision.checks)} checks, floors and limits hold."
    if deciding is None or deciding.difference is None:
        return f"There is no champion to compare with; all {kept}"
    return f"{compared(deciding)}. {_against_margin(deciding)} All {kept}"


def _what_moved(results: Results) -> Iterator[str]:
    """Which columns drifted, the furthest first, and what it stops."""
    if results.drift is None or results.drift.state != "drift":
        return
    moved = sorted(
        (one for one in results.drift.columns if one.drifted), key=lambda one: -one.distance / (one.threshold or 1.0)
    )
    more = [f"{len(moved) - MOST_MOVED} more"] if len(moved) > MOST_MOVED else []
    named = [_short(one.column) for one in moved[:MOST_MOVED]]
    yield (
        f"What was served has moved away from training: {_listed([*named, *more])}."
        if named
        else "What was served has moved."
    )
    yield "Drift is reported, and stops nothing unless `drift.blocks_deploy` says so."


def _why_rejected(decision: Decision) -> str:
    deciding = decision.deciding
    said = []
    if deciding is not None and deciding.difference is not None and deciding.outcome in ("worse", "inconclusive"):
        said.append(f"{compared(deciding)}. {_against_margin(deciding)}")
    broken = [check for check in decision.checks if not check.passed]
    if worse := [one for one in decision.slices if one.outcome == "worse"]:
        said.append(_of_slices(worse, len(decision.slices)))
        broken = [check for check in broken if check.name != "slices"]
    if broken and not said:
        said.append(f"{_capital(broken[0].name)}: {broken[0].seen}; required: {broken[0].required}.")
        broken = broken[1:]
    if broken:
        verb = "does" if len(broken) == 1 else "do"
        said.append(f"{_capital(_listed([check.name for check in broken]))} {verb} not hold either.")
    return " ".join(said) or first_sentence(decision.reasons[0])


def _of_slices(worse: Sequence[SliceComparison], of: int) -> str:
    named = [f"{one.column} is {one.value}" for one in worse[:MOST_SLICES]]
    more = f" and on {len(worse) - MOST_SLICES} more" if len(worse) > MOST_SLICES else ""
    return f"Worse where {_listed(named)}{more}, of {of} slices."


def _against_margin(deciding: Comparison) -> str:
    if deciding.difference and deciding.difference.low == deciding.difference.high == 0:
        return "On these rows the two do not differ at all."
    loss = _worst(deciding)
    form = form_of(deciding.difference) if deciding.difference else number
    margin, most = form(deciding.margin or 0.0), form(max(loss, 0.0))
    match deciding.outcome:
        case "better":
            return "The whole interval is on the better side."
        case "equivalent":
            return f"At worst it loses {most}, within the margin of {margin}."
        case "worse":
            return f"It loses up to {most}; the margin is {margin}."
        case _:
            return f"It may lose up to {most}, more than the margin of {margin}."


def _worst(deciding: Comparison) -> float:
    """The loss at the worse end of the interval; negative if even that end is a gain."""
    difference = deciding.difference or Interval(value=0.0, low=0.0, high=0.0)
    return -difference.low if deciding.higher_is_better else difference.high


def _next(results: Results, place: Place) -> str:
    failed, decision = results.failed, results.decision
    if results.unreadable or results.stale:
        return "Run `make pipeline`, so that all figures are of one model."
    if failed and failed.stage == "evaluate" and decision:
        return _after_rejection(decision)
    if failed:
        return _after_stop(failed, results.load.reason_codes if results.load else ())
    if missing := results.missing:
        return f"Run `make {missing[0]}`."
    look = "Look at what moved first. " if results.drift and results.drift.state == "drift" else ""
    return look + _after_pass(results, place)


def _after_pass(results: Results, place: Place) -> str:
    if place == "pull request":
        return "Merge it: the push to main runs this chain again and deploys."
    if place == "push":
        return "The deploy job puts this image into production."
    skipped = " An image needs a container engine; then `make build`." if "build" in results.skipped else ""
    return f"`make promote` makes it the champion on this machine.{skipped}"


def _after_rejection(decision: Decision) -> str:
    outcome = _outcome(decision)
    remedy = next((check.remedy for check in decision.checks if not check.passed and check.remedy), "")
    if outcome == "inconclusive" and not remedy:
        return (
            "Lengthen the holdout (`data.holdout_days` or `data.holdout_share` in pipeline.toml), then `make pipeline`."
        )
    steps = ["Find a model that is not worse than the champion."] if outcome == "worse" else []
    steps += [first_sentence(remedy)] if remedy else []
    return (
        " ".join([*steps, "Then `make pipeline`."]) if steps else "Change the model or the data, then `make pipeline`."
    )


def _after_stop(failed: StageRecord, codes: Collection[LoadReason]) -> str:
    if failed.stage == "load-test" and codes and SLOWER.issuperset(codes):
        return "Take a cheaper model, or allow it (`load.max_ratio` in pipeline.toml), then `make pipeline`."
    if failed.stage == "load-test" and codes and UNMEASURED.issuperset(codes):
        return "Run `make load-test` again while the machine does nothing else."
    if failed.exit_code == 1:
        return f"`make {failed.stage}` shows where it broke."
    return f"Put right what it names, then `make {failed.stage}`."


def _outcome(decision: Decision) -> Outcome | None:
    deciding = decision.deciding
    return deciding.outcome if deciding else None


def _broken_names(decision: Decision) -> list[str]:
    return [check.name for check in decision.checks if not check.passed]


def _broken(name: str) -> str:
    return BROKEN.get(name, f"{name} does not hold")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
