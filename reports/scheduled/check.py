"""scheduled-drift: the drift verdict on production. Do its requests still look like training, is the model still right?

Compares the log that `make requests` fetched with the champion. With HISTORY, a folder that is kept between runs, drift
is a finding only if drift.lasting_windows of the last drift.of_windows windows drifted; without it this window alone
counts. Until the first deploy of this project (contracts/pipeline_toml/champion.py) there is nothing to judge; the
verdict says so and is no finding.

Reads   build/champion, build/requests/ (the log and requests.json), and with HISTORY its folder drift/.
Writes  build/drift/: verdict.json, drift.md (text for a tracking issue), evidently.html, evidently.json; with HISTORY a
        small file for each window in drift/. A run that fails writes nothing, so no old verdict looks fresh.
Exits   0 stable, insufficient, or drift that has not lasted · 3 drift · 2 no log or no champion · 1 a crash.
"""

import datetime as dt
import os
from functools import partial
from pathlib import Path

from contracts.exits import Exit, UsageError
from contracts.model_folder import CARD_FILE, model_digest
from contracts.pipeline_toml.champion import champion_of
from contracts.scheduled_drift import REQUESTS_FILE, DriftWindow, RequestsBrought
from contracts.schema import read_json, write_json
from contracts.stage import Context, Outcome, run_stage
from contracts.verdict import DriftVerdict
from reports.drift.large_log.records import ParquetFiles
from reports.drift.stage import Traffic, examine
from reports.drift.verdict import VERDICT_FILE
from reports.scheduled.persistence import persistence_of, read_windows, remember_window
from reports.scheduled.texts import drift_text

TEXT_FILE = "drift.md"


def work(context: Context) -> Outcome:
    """The stage; the only place that reads HISTORY."""
    history = os.environ.get("HISTORY", "")
    return judge_window(context, Path(history) if history else None)


def judge_window(context: Context, history: Path | None) -> Outcome:
    """Judge the window, alone and together with the earlier ones in `history`."""
    build, drift = context.build, context.config.drift
    standing = champion_of(build, context.config)
    if standing.first_run:
        return _first_run(context, standing.first_run)
    if not (build.champion / CARD_FILE).is_file():
        raise UsageError(f"{build.champion} has no model. Run `make champion` or `make promote` first.")
    folder = build.stage("requests")
    brought = read_json(folder / REQUESTS_FILE, RequestsBrought, "make requests")
    earlier = read_windows(history) if history else ()
    champion = model_digest(build.champion)
    known = tuple(day for one in earlier if one.model == champion for day in one.labelled_days)
    parquet = ParquetFiles(brought.parquet, brought.parquet_labels) if brought.parquet else None
    traffic = Traffic(folder, brought.about, brought.days, known, parquet=parquet)
    verdict, line = examine(context.config, build.champion, traffic, context.folder)
    verdict = verdict.model_copy(update={"torn_lines": verdict.torn_lines + brought.torn_lines})
    window = _window(verdict, brought)
    if history:
        verdict = verdict.model_copy(update={"persistence": persistence_of(drift, window, earlier)})
    (context.folder / TEXT_FILE).write_text(drift_text(verdict), encoding="utf-8")
    write_json(context.folder / VERDICT_FILE, verdict)
    if history:
        remember_window(history, window)
    return Outcome(
        verdict.state, f"{line}{_persistence_text(verdict)}", Exit.FINDING if needs_attention(verdict) else Exit.PASS
    )


def needs_attention(verdict: DriftVerdict) -> bool:
    """Whether drift was found and, where earlier windows are known, has lasted."""
    return verdict.state == "drift" and (verdict.persistence is None or verdict.persistence.is_lasting)


def _first_run(context: Context, first_run: str) -> Outcome:
    """A first run: write a verdict that says so, and record no window."""
    verdict = DriftVerdict(
        state="insufficient", reasons=(first_run,), model="", data_digest="", settings=context.settings, traffic="none",
        reference_rows=0, current_rows=0,
        current_first="", current_last="", torn_lines=0, repeated_ids=0, other_models=0, inputs="insufficient",
        predictions="insufficient", columns=(), first_run=first_run,
    )  # fmt: skip
    (context.folder / TEXT_FILE).write_text(drift_text(verdict), encoding="utf-8")
    write_json(context.folder / VERDICT_FILE, verdict)
    return Outcome("first run", first_run)


def _window(verdict: DriftVerdict, brought: RequestsBrought) -> DriftWindow:
    first, last = (dt.datetime.fromisoformat(moment) for moment in (brought.first, brought.last))
    return DriftWindow(
        model=verdict.model,
        first=first,
        last=last,
        rows=verdict.current_rows,
        state=verdict.state,
        inputs=verdict.inputs,
        predictions=verdict.predictions,
        performance=verdict.performance.outcome if verdict.performance else None,
        labelled_days=verdict.labelled_days,
    )


def _persistence_text(verdict: DriftVerdict) -> str:
    lasting = verdict.persistence
    if lasting is None:
        return "; this window alone, for no HISTORY is named"
    return f"; {lasting.drifted} of the last {lasting.windows} windows drifted, {lasting.needed} are a finding"


main = partial(run_stage, "scheduled-drift", __doc__, work)
