"""Exercise 3: basic monitoring. The grader sends known requests; Prometheus' own promtool tests the rules."""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from exercises.graders.checks import api
from exercises.graders.checks.promtool import Series, alert_named, differs, fires, promtool, with_expression
from exercises.graders.grading import Check, Exercise, Place, check
from exercises.graders.program import ProgramError, copy_of

CHAPTER = "docs/learn/en/05-monitoring.md"
RULES, TESTS = "rules.yaml", "rules_tests.yaml"
RECORD, ALERT = "job:api_refused:ratio_rate5m", "RefusalsHigh"
GOOD, BAD, LOST = 7, 3, 12
# With the library's default buckets, every answer of a fast model is in the first one.
FINE_SECONDS, FINE_BUCKETS = 0.005, 3
CHECKS: list[Check] = []
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True)
class Watched:
    """Every series before and after the requests, the count of each class predicted, and the two files of rules."""

    before: Samples
    after: Samples
    answers: dict[str, int]
    folder: Path

    def rise(self, name: str, **labels: str) -> float | None:
        """The increase of the series with this name and these labels; None if it does not exist."""
        wanted = set(labels.items())
        found = [key for key in self.after if key[0] == name and wanted <= key[1]]
        return self.after[found[0]] - self.before.get(found[0], 0.0) if len(found) == 1 else None

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8", errors="replace")


@check(CHECKS, f"api_requests_total counts by route and status: {GOOD} good, {BAD} refused.", f"{CHAPTER}#metric")
def counter(seen: Watched) -> str:
    rises = {status: seen.rise("api_requests_total", route="/predict", status=status) for status in ("200", "422")}
    if rises == {"200": GOOD, "422": BAD}:
        return ""
    shown = ", ".join(f"status {key}: {'no series' if value is None else f'{value:g}'}" for key, value in rises.items())
    return f'api_requests_total{{route="/predict"}} rose by {shown}.'


@check(CHECKS, f"Histogram api_request_seconds: every request, {FINE_BUCKETS} buckets up to 5 ms.", f"{CHAPTER}#metric")
def histogram(seen: Watched) -> str:
    rise = seen.rise("api_request_seconds_count", route="/predict")
    if rise != GOOD + BAD:
        what = "is not there" if rise is None else f"rose by {rise:g}"
        return f'api_request_seconds_count{{route="/predict"}} {what}; {GOOD + BAD} requests were sent.'
    bounds = {dict(key[1])["le"] for key in seen.after if key[0] == "api_request_seconds_bucket"}
    fine = [one for one in bounds if float(one) <= FINE_SECONDS]
    return "" if len(fine) >= FINE_BUCKETS else f"{len(fine)} buckets up to 5 ms; an answer takes less than 1 ms."


@check(CHECKS, "api_predictions_total counts each class answered, and nothing refused.", f"{CHAPTER}#drift")
def predictions(seen: Watched) -> str:
    for label, count in seen.answers.items():
        rise = seen.rise("api_predictions_total", prediction=label)
        if (rise or 0.0) != count or rise is None:
            what = "no series" if rise is None else f"{rise:g}"
            return f'api_predictions_total{{prediction="{label}"}}: {what}; it was the answer {count} times.'
    return ""


@check(CHECKS, 'Unknown paths are one series, route="unmatched".', f"{CHAPTER}#what-goes-wrong-in-practice")
def unmatched(seen: Watched) -> str:
    named = {value for key in seen.after for _, value in key[1] if "lost-" in value}
    if named:
        return f"{len(named)} paths that do not exist became labels: anybody can make series without end."
    rise = seen.rise("api_requests_total", route="unmatched", status="404")
    return (
        "" if rise == LOST else f"{LOST} unknown paths were asked; route unmatched, status 404 rose by {rise or 0:g}."
    )


def _traffic(refused: str, good: str, other: str = "0+60x80") -> list[Series]:
    labels = 'job="api", instance="one:8000", route="/predict"'
    return [
        Series(f'api_requests_total{{{labels}, status="200"}}', good),
        Series(f'api_requests_total{{{labels}, status="422"}}', refused),
        Series('api_requests_total{job="api", instance="one:8000", route="/readyz", status="200"}', other),
    ]


@check(CHECKS, f"{RECORD} is the share of /predict's answers with 422, by job, over 5 minutes.", f"{CHAPTER}#rule")
def recording_rule(seen: Watched) -> str:
    return differs(seen.text(RULES), _traffic("0+15x80", "0+60x80"), RECORD, 0.2, "12m")


@check(CHECKS, f"{ALERT} fires when 20 % are refused for 15 minutes.", f"{CHAPTER}#alert")
def fires_when_bad(seen: Watched) -> str:
    alert = fires(seen.text(RULES), _traffic("0+15x80", "0+60x80"), ALERT, "17m")
    return "" if alert is not None else f"{ALERT} is silent after 15 minutes with 20 % refused."


@check(CHECKS, f"{ALERT} is silent at 1 %, and in the first two minutes of a burst.", f"{CHAPTER}#alert")
def silent_when_good(seen: Watched) -> str:
    rules = seen.text(RULES)
    if alert_named(rules, ALERT) is None:
        return f"there is no alert {ALERT} that could be silent."
    if fires(rules, _traffic("0+1x80", "0+99x80"), ALERT, "17m") is not None:
        return f"{ALERT} fires with 1 % refused."
    burst = _traffic("0+0x40 0+60x4 240+0x40", "0+60x90")
    noisy = next((minute for minute in (11, 12) if fires(rules, burst, ALERT, f"{minute}m") is not None), None)
    return f"{ALERT} fires in a burst of one minute: it has no `for`, or a short one." if noisy else ""


@check(CHECKS, f"{ALERT} has a severity (page or ticket) and a runbook_url.", f"{CHAPTER}#runbook")
def labelled(seen: Watched) -> str:
    rule = alert_named(seen.text(RULES), ALERT)
    if rule is None:
        return f"{RULES} has no alert {ALERT}, so it has neither severity nor runbook_url."
    severity = str((rule.get("labels") or {}).get("severity", ""))
    runbook = str((rule.get("annotations") or {}).get("runbook_url", ""))
    missing = [
        name for name, there in (("severity", severity in ("page", "ticket")), ("runbook_url", runbook)) if not there
    ]
    return f"{ALERT} lacks {' and '.join(missing)}." if missing else ""


@check(CHECKS, f"{TESTS} has a test, and promtool passes it.", f"{CHAPTER}#rule")
def tests_pass(seen: Watched) -> str:
    if not re.search(r"alertname:", seen.text(TESTS)):
        return f"{TESTS} asks for no alert: it has no alert_rule_test."
    passed, said = promtool("test", "rules", TESTS, folder=seen.folder)
    return "" if passed else f"promtool test rules: {said[:700]}"


@check(CHECKS, f"Your tests notice when {ALERT} never fires, and when it always does.", f"{CHAPTER}#rule")
def tests_notice(seen: Watched) -> str:
    rules = seen.text(RULES)
    rule = alert_named(rules, ALERT)
    if rule is None:
        return f"there is no alert {ALERT} to break."
    always = f'({rule.get("expr")}) or label_replace(vector(1), "job", "api", "", "")'
    for expression, what in (("vector(0) > 1", "never fires"), (always, "always fires")):
        (seen.folder / RULES).write_text(with_expression(rules, ALERT, expression), encoding="utf-8")
        try:
            passed, _ = promtool("test", "rules", TESTS, folder=seen.folder)
        finally:
            (seen.folder / RULES).write_text(rules, encoding="utf-8")
        if passed:
            return f"with an alert that {what}, {TESTS} still passes."
    return ""


def of_every_class(served: api.Api) -> list[tuple[str, api.Row]]:
    """Rows with their right class, alternating between classes, so that counting only one class is not enough."""
    by_class: dict[str, list[api.Row]] = {}
    for row in served.rows:
        by_class.setdefault(served.right(row)[0], []).append(row)
    turns = max(len(rows) for rows in by_class.values())
    return [(label, rows[turn % len(rows)]) for turn in range(turns) for label, rows in by_class.items()]


def samples(text: str) -> Samples:
    """Every series of an exposition. Raises ProgramError if the text is not one."""
    try:
        found: list[Sample] = [one for family in text_string_to_metric_families(text) for one in family.samples]
    except (ValueError, KeyError, IndexError) as error:
        raise ProgramError(f"GET /metrics is not in Prometheus' text format: {error}") from None
    return {(one.name, frozenset(one.labels.items())): one.value for one in found}


@contextlib.contextmanager
def watched(place: Place) -> Iterator[Watched]:
    """Start the app, read its metrics, send requests, read them again. Raises ProgramError."""
    with api.serving(place) as served, tempfile.TemporaryDirectory(prefix="exercise-") as root:
        before = samples(served.server.ask("GET", "/metrics").text)
        answers: dict[str, int] = {}
        for label, row in of_every_class(served)[:GOOD]:
            answers[label] = answers.get(label, 0) + 1
            served.predict(row)
        for row in served.rows[:BAD]:
            served.predict({**row, "colour_of_the_sky": "blue"})
        for number in range(LOST):
            served.server.ask("GET", f"/lost-{number}")
        after = samples(served.server.ask("GET", "/metrics").text)
        folder = copy_of(place.folder, Path(root) / "rules")
        for name in (RULES, TESTS):
            if not (folder / name).is_file():
                raise ProgramError(f"{place.folder / name} is not there.")
        yield Watched(before, after, answers, folder)


EXERCISE = Exercise(
    number="3",
    folder="03-monitoring",
    title="Basic monitoring",
    checks=CHECKS,
    subject=watched,
    different=(
        "service/metrics.py makes every series at the start, so that a rate sees the first event, and "
        "monitoring/rules/ has a runbook and two tests for each alert."
    ),
)
