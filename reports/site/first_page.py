"""The site's first page: what production runs and why, everything over time, drift, drills, the last runs.

Values come from entries that fitted their schema; Jinja2 escapes each of them. Links are built only from parts checked
against a pattern (contracts.history): a server, a repository, a run's number, a commit's 40 digits.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from contracts.decision import Interval
from contracts.history import DeployedFigures, HistoryEntry, WorkflowRun
from reports.page.report_page import environment
from reports.site.charts import drift_charts, run_charts
from reports.site.events import events_of
from reports.site.history.drill_tables import DrillTables
from reports.site.history.folder import RunHistory
from reports.site.rates import rate_pictures
from reports.words.past import deciding, how_it_ended, model_in_words, stopped_at, tone_of

# A year of daily runs and daily verdicts; older ones are only counted.
MOST_DRAWN = 400
MOST_RUNS_SHOWN = 20
# As many as fit on one printed page.
MOST_RELEASES_SHOWN = 8
COMMIT = re.compile(r"[0-9a-f]{40}")
HUB_IMAGE = re.compile(r"(?:docker\.io/)?([a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9._-]*)@sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Production:
    """What production runs: the model, when and why it was deployed, and its figures at the gate."""

    model: str
    estimator: str
    commit: str
    data_digest: str
    image: str
    since: str
    reason: str
    metric: str
    interval: Interval | None
    run: HistoryEntry | None
    is_rollback: bool = False


@dataclass(frozen=True)
class Kept:
    """A run that the site has in full: links from the first page."""

    entry: HistoryEntry
    report: str
    evidently: str


def render_site(
    name: str,
    run_history: RunHistory,
    production: Production | None,
    kept: Sequence[Kept],
    drills: DrillTables,
    run: WorkflowRun | None,
    lessons: str = "",
) -> str:
    """The page as HTML. `run`: the workflow run that publishes it; `lessons`: the link to them, or ""."""
    runs = [entry for entry in run_history.entries if entry.event == "run"]
    scheduled = [entry for entry in run_history.entries if entry.event == "drift"]
    verdicts = (scheduled or runs)[-MOST_DRAWN:]
    events = events_of(run_history.entries)
    return (
        environment()
        .get_template("site.html")
        .render(
            marked=Markup,  # of plots, built in timeline.py from escaped values
            link_of_commit=link_of_commit,
            link_of_image=link_of_image,
            name=name,
            production=production,
            latest=runs[-1] if runs else None,
            verdict=next((entry for entry in reversed(verdicts) if entry.drift), None),
            is_scheduled=bool(scheduled),
            run_charts=run_charts(runs[-MOST_DRAWN:], events),
            drift_charts=drift_charts(verdicts, events),
            has_events=bool(events),
            rates=rate_pictures(drills.rates),
            in_words=model_in_words(production.run) if production and production.run else "",
            next_step=_next(runs[-1] if runs else None, verdicts),
            how_it_ended=how_it_ended,
            tone_of=tone_of,
            total=len(run_history.entries),
            first=run_history.entries[0] if run_history.entries else None,
            shown=list(reversed(run_history.entries))[:MOST_RUNS_SHOWN],
            deciding=deciding,
            stopped_at=stopped_at,
            kept={one.entry.id: one for one in kept},
            evidently=[one for one in kept if one.evidently],
            drills=drills,
            unreadable=run_history.unreadable,
            run=run,
            lessons=lessons,
        )
    )


def render_production(
    name: str, run_history: RunHistory, production: Production | None, run: WorkflowRun | None, written: str
) -> str:
    """What is in production and why, on one page to print. `written`: its time, in the entries' format."""
    releases = [entry for entry in reversed(run_history.entries) if entry.deployed]
    return (
        environment()
        .get_template("production.html")
        .render(
            link_of_commit=link_of_commit,
            link_of_image=link_of_image,
            name=name,
            production=production,
            in_words=model_in_words(production.run) if production and production.run else "",
            releases=releases[:MOST_RELEASES_SHOWN],
            earlier=len(releases) - MOST_RELEASES_SHOWN,
            how_it_ended=how_it_ended,
            kept={},
            run_of_page=run,
            written=written,
        )
    )


def _next(latest: HistoryEntry | None, verdicts: Sequence[HistoryEntry]) -> str:
    """What needs attention now: drift in the latest check, or a run that did not pass; empty otherwise."""
    drift = verdicts[-1].drift if verdicts else None
    if drift and drift.state == "drift":
        return "Read the drift below: fix what changed at its source, or retrain."
    if latest and tone_of(latest) == "bad":
        return "The last challenger did not replace it: read why below."
    return "Nothing asks for you now."


def production_of(entries: Sequence[HistoryEntry]) -> Production | None:
    """The last entry that put a model into production, with the gate's decision on that model."""
    last = next((entry for entry in reversed(entries) if entry.deployed), None)
    if last is None or last.deployed is None:
        return None
    deployed = last.deployed
    runs = [one for one in reversed(entries) if one.model and one.decision and _is_of(one, deployed)]
    made = next((one for one in runs if one.deployed), runs[0] if runs else None)
    metric = deciding(made) if made else None
    seen: dict[str, Any] = {"estimator": "", "commit": "", "data_digest": ""}
    if made and made.model:
        seen = {key: getattr(made.model, key) for key in seen}
    return Production(
        model=made.model.digest if made and made.model else deployed.model,
        image=deployed.image,
        since=last.at,
        reason=_why(last, made),
        metric=metric.title if metric else "",
        interval=Interval(value=metric.value, low=metric.low, high=metric.high) if metric else None,
        run=made or last,
        is_rollback=last.event == "rollback",
        **seen,
    )


def _why(last: HistoryEntry, made: HistoryEntry | None) -> str:
    """The gate's reason, after a rollback preceded by the rollback's reason."""
    decided = made.decision.reason if made and made.decision else ""
    said = last.deployed.reason if last.deployed else ""
    return f"{said} {decided}".strip() if last.event == "rollback" else decided or said


def _is_of(entry: HistoryEntry, deployed: DeployedFigures) -> bool:
    """Whether this run made what was deployed: the same model or, if only the image is known, the same image."""
    if deployed.model:
        return entry.model is not None and entry.model.digest == deployed.model
    return entry.image is not None and entry.image.reference == deployed.image


def link_of_commit(run: WorkflowRun | None, commit: str) -> str:
    """The commit's page; empty unless it is a clean commit of a known repository."""
    return f"{run.repository_url}/commit/{commit}" if run and COMMIT.fullmatch(commit) else ""


def link_of_image(reference: str) -> str:
    """The image's page on Docker Hub; empty for another registry or a local name."""
    found = HUB_IMAGE.fullmatch(reference)
    return f"https://hub.docker.com/r/{found[1]}" if found else ""
