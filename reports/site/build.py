"""site: a folder of static pages that opens from a file:// URL or any web server.

Without HISTORY it shows what build/ holds: this run and the champion. With it, every run in the history.

Reads   pipeline.toml for the project's name; build/, and with HISTORY that folder (contracts/history.py); GITHUB_*.
Writes  build/site/index.html, production.html (what runs and why, to print), decisions.xml (an Atom feed),
        runs/<id>/ (the last runs' report pages, with Evidently's and Locust's).
Exits   0 written · 2 there is nothing to show, or the folder is missing
"""

import argparse
import datetime as dt
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from contracts.decision import Interval
from contracts.exits import Exit, FindingError, UsageError
from contracts.history import HistoryEntry, WorkflowRun
from contracts.model_folder import CARD_FILE, model_digest, read_card
from contracts.pipeline_toml.reader import load_config
from contracts.release import Deployment
from contracts.schema import read_json
from contracts.stage import Build
from reports.page.report_page import render_page
from reports.results import read_results
from reports.site.feed import render_feed
from reports.site.first_page import Kept, Production, production_of, render_production, render_site
from reports.site.history.drill_tables import DrillTables, read_drill_tables
from reports.site.history.entry import entry_of
from reports.site.history.folder import RunHistory, check_kept, keep, read_run_history
from reports.site.history.workflow_run import workflow_run
from reports.site.lessons import write_lessons

# The gates' error rates: measured occasionally, kept with the code.
RATES = Path("drills/rates")
REPORT_PAGE = "report/index.html"
EVIDENTLY_PAGE = "drift/evidently.html"


def build_site(name: str, build: Build, history: Path | None, environment: Mapping[str, str]) -> Path:
    """Write the site anew and return its first page. Raises UsageError."""
    run = workflow_run(environment)
    run_history, sources, production, drills = _from_history(build, history) if history else _from_build(build, run)
    site = build.root / "site"
    shutil.rmtree(site, ignore_errors=True)
    shown = [entry for entry in reversed(run_history.entries) if entry.id in sources]
    kept, unreadable = [], []
    for entry in shown:
        try:
            kept.append(_copy_shown_files(site, entry, sources[entry.id]))
        except UsageError:
            if history is None:
                raise
            unreadable.append(f"kept/{entry.id}")
    run_history = replace(run_history, unreadable=(*run_history.unreadable, *unreadable))
    page = site / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    lessons = write_lessons(Path(), site, run)
    page.write_text(render_site(name, run_history, production, kept, drills, run, lessons), encoding="utf-8")
    written = run_history.entries[-1].at if run_history.entries else _newest(build)
    (site / "production.html").write_text(
        render_production(name, run_history, production, run, written), encoding="utf-8"
    )
    reports = {one.entry.id: one.report for one in kept if one.report}
    (site / "decisions.xml").write_text(render_feed(name, run_history.entries, reports, run), encoding="utf-8")
    return page


Content = tuple[RunHistory, dict[str, Build], Production | None, DrillTables]


def _from_build(build: Build, run: WorkflowRun | None) -> Content:
    """This run alone: its entry, its folder, production on this laptop, and the drills."""
    entry = entry_of(build, "run", _newest(build), run)
    production = production_of((entry,)) or champion_of(build)
    return RunHistory((entry,), ()), {entry.id: build}, production, read_drill_tables(build.root / "drills", RATES)


def _from_history(build: Build, history: Path) -> Content:
    """Every run: the entries, the folders of runs kept in full, production, and the last drills."""
    if not history.is_dir():
        raise UsageError(f"{history} is no folder. `make history HISTORY={history}` makes it.")
    run_history = read_run_history(history)
    sources = {folder.name: Build(folder) for folder in (history / "kept").glob("*")}
    here = build.root / "drills"
    drills = read_drill_tables(here if here.is_dir() else history / "drills", RATES)
    return run_history, sources, production_of(run_history.entries), drills


def champion_of(build: Build) -> Production | None:
    """Production on a laptop: build/champion, as the last `make promote` left it."""
    if not (build.champion / CARD_FILE).is_file():
        return None
    card, digest = read_card(build.champion), model_digest(build.champion)
    reason = ""
    since = _moment((build.champion / CARD_FILE).stat().st_mtime)
    deployed = build.stage("deploy") / "deployed.json"
    if deployed.is_file() and (seen := read_json(deployed, Deployment, "make deploy")).model == digest:
        reason, since = seen.reason, _moment(deployed.stat().st_mtime)
    metric = next(iter(card.metrics.items()), None)
    return Production(
        model=digest,
        estimator=card.estimator,
        commit=card.commit,
        data_digest=card.data_digest,
        image="",
        since=since,
        reason=reason,
        metric=f"{metric[0]} when it was trained" if metric else "",
        interval=Interval(value=metric[1].value, low=metric[1].low, high=metric[1].high) if metric else None,
        run=None,
    )


def _copy_shown_files(site: Path, entry: HistoryEntry, source: Build) -> Kept:
    """Copy only the files that a page links to, and write the run's report page beside them."""
    check_kept(source, entry.event)
    place = Build(site / "runs" / entry.id)
    keep(entry, source, place.root)
    report = ""
    if entry.event == "run":
        report = f"runs/{entry.id}/{REPORT_PAGE}"
        (site / report).parent.mkdir(parents=True)
        text = render_page(read_results(place), place.stage("report"), "../../../index.html")
        (site / report).write_text(text, encoding="utf-8")
    has_evidently = (place.root / EVIDENTLY_PAGE).is_file()
    return Kept(entry, report, f"runs/{entry.id}/{EVIDENTLY_PAGE}" if has_evidently else "")


def _newest(build: Build) -> str:
    """When build/ was written last."""
    times = [path.stat().st_mtime for path in build.root.glob("*/stage.json")]
    return _moment(max(times, default=0.0))


def _moment(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main(arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="make site", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"), help="default: pipeline.toml")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    parser.add_argument("--history", default="", help="the folder that `make history` wrote")
    asked = parser.parse_args(arguments)
    try:
        name = load_config(asked.config).project.name
        history = Path(asked.history) if asked.history else None
        page = build_site(name, Build(asked.build), history, os.environ)
    except (UsageError, FindingError) as error:
        print(f"site: {error}", file=sys.stderr)
        return Exit.USAGE
    size = sum(path.stat().st_size for path in page.parent.rglob("*") if path.is_file())
    print(
        f"site: {page} written, {page.stat().st_size / 1e3:,.0f} kB; with the last runs in full {size / 1e6:,.1f} MB."
    )
    return Exit.PASS
