"""A past run in words: how it ended, what its model does. Old entries may lack fields that new ones have."""

from contracts.decision import Interval
from contracts.history import HistoryEntry, MetricFigures, StageFigures
from reports.words.against_baseline import chosen_metric, words_against_baseline
from reports.words.skill import Question, skill, speed
from reports.words.verdict import PROMOTED, rejection

DRIFT = {
    "stable": "Nothing moved that asks for a person",
    "drift": "Drift: what is served has moved away from training",
    "insufficient": "Too few requests to tell",
}


def deciding(entry: HistoryEntry) -> MetricFigures | None:
    """The metric that decided about this run's challenger."""
    return next((one for one in entry.decision.metrics if one.decides), None) if entry.decision else None


def stopped_at(entry: HistoryEntry) -> StageFigures | None:
    """The first stage that did not pass."""
    return next((stage for stage in entry.stages if stage.exit_code != 0), None)


def how_it_ended(entry: HistoryEntry) -> str:
    """One line: how this run, scheduled drift check or rollback ended."""
    if entry.event == "drift":
        return DRIFT[entry.drift.state] if entry.drift else "The drift check could not run"
    if entry.event == "rollback":
        return "Rolled back" if entry.deployed else "The rollback failed"
    metric = deciding(entry)
    if entry.decision and entry.decision.decision == "reject":
        return f"Rejected: {rejection(metric.outcome if metric else None, entry.decision.broken)}"
    if stopped := stopped_at(entry):
        return f"Stopped at {stopped.stage}"
    kind = PROMOTED.get(metric.outcome, "") if metric else ""
    done = "Deployed" if entry.deployed else "Passed"
    return f"{done}: {kind}" if kind else done


def tone_of(entry: HistoryEntry) -> str:
    """good, open or bad."""
    if entry.event == "drift":
        return {"stable": "good", "drift": "bad"}.get(entry.drift.state if entry.drift else "", "open")
    if entry.event == "rollback":
        return "open" if entry.deployed else "bad"
    return "bad" if stopped_at(entry) else "good"


def model_in_words(entry: HistoryEntry) -> str:
    """What the model does, is worth and how fast it answers; empty if the entry does not say what it predicts."""
    metric, model = deciding(entry), entry.model
    if metric is None or model is None or not model.task or entry.decision is None:
        return ""
    asked = Question(model.task, model.target, model.positive, model.classes)
    said = [skill(asked, metric.metric, metric.title, _seen(metric), higher_is_better=metric.higher_is_better)]
    if chosen := chosen_metric(entry.decision.metrics):
        said.append(f"{words_against_baseline(chosen, _seen(chosen))}.")
    if entry.load:
        said.append(speed(entry.load.p50_ms, entry.load.p95_ms))
    return " ".join(said)


def _seen(metric: MetricFigures) -> Interval:
    return Interval(value=metric.value, low=metric.low, high=metric.high)
