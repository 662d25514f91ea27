"""retrain: decides from the scheduled verdict whether a retrain is due, and if so moves data.as_of.

A retrain is due if drift lasts and performance measurably fell, at the earliest drift.retrain_cooldown_days after the
last retrain, and at most drift.max_retrains_per_week times. `as_of` moves to the end of the window that drifted, but
leaves at least a whole day of rows after it. The gate decides whether the retrained model is better.

Reads   build/drift/verdict.json of `make scheduled-drift`, build/data/data.json, build/requests/requests.json,
        pipeline.toml, and HISTORY's folder retrains/.
Writes  build/drift/retrain.json and retrain.md (text for a pull request); where due, data.as_of in pipeline.toml (that
        line alone) and one small file in HISTORY's retrains/.
Exits   0 decided, either way · 2 there is no verdict, or pipeline.toml cannot be edited.
"""

import argparse
import datetime as dt
import os
import sys
from pathlib import Path

from contracts.data_manifest import DataManifest
from contracts.exits import Exit, UsageError
from contracts.pipeline_toml.edits import edit, with_data_value
from contracts.pipeline_toml.reader import load_config
from contracts.scheduled_drift import REQUESTS_FILE, RequestsBrought, Retrain, RetrainDecision
from contracts.schema import read_json, write_json
from contracts.stage import Build
from contracts.verdict import DriftVerdict
from reports.drift.verdict import VERDICT_FILE
from reports.scheduled.persistence import read_retrains, remember_retrain
from reports.scheduled.retrain_rules import decide, newest_day
from reports.scheduled.texts import retrain_text

DECISION_FILE = "retrain.json"
TEXT_FILE = "retrain.md"


def retrain(config_file: Path, build: Build, history: Path | None, now: dt.datetime) -> RetrainDecision:
    """Decide, write, and move as_of if due. `now`: UTC, without a zone. Raises UsageError."""
    folder = build.stage("drift")
    for name in (DECISION_FILE, TEXT_FILE) if folder.is_dir() else ():
        (folder / name).unlink(missing_ok=True)
    config = load_config(config_file)
    verdict = read_json(folder / VERDICT_FILE, DriftVerdict, "make scheduled-drift")
    past = read_retrains(history) if history else ()
    as_of = config.data.as_of
    newest = None if verdict.first_run else _newest(build, as_of)
    decision = decide(config.drift, verdict, past, now, as_of, newest)
    if decision.is_due and decision.as_of and decision.as_of_before and history:
        due = decision.as_of
        edit(config_file, lambda text: with_data_value(text, "as_of", due.isoformat()))
        asked = Retrain(at=now, model=verdict.model, as_of_before=decision.as_of_before, as_of=decision.as_of)
        remember_retrain(history, asked)
    write_json(folder / DECISION_FILE, decision)
    (folder / TEXT_FILE).write_text(retrain_text(decision), encoding="utf-8")
    return decision


def _newest(build: Build, as_of: dt.date | None) -> dt.date | None:
    """The latest day that as_of can move to; None if the table has no time."""
    if as_of is None:
        return None
    manifest = read_json(build.stage("data") / "data.json", DataManifest, "make data")
    brought = read_json(build.stage("requests") / REQUESTS_FILE, RequestsBrought, "make requests")
    if manifest.as_of != str(as_of):
        raise UsageError(f"build/data was made for as_of {manifest.as_of}, pipeline.toml has {as_of}. Run `make data`.")
    last_row = dt.datetime.fromisoformat(manifest.tables["replay"].last)
    return newest_day(last_row, dt.datetime.fromisoformat(brought.last))


def main() -> Exit:
    """The command `make retrain`."""
    parser = argparse.ArgumentParser(
        prog="make retrain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"), help="default: pipeline.toml")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    asked = parser.parse_args()
    history = os.environ.get("HISTORY", "")
    now = dt.datetime.now(dt.UTC).replace(microsecond=0, tzinfo=None)
    try:
        decision = retrain(asked.config, Build(asked.build), Path(history) if history else None, now)
    except UsageError as error:
        print(f"retrain: unusable. {error}", file=sys.stderr)
        return Exit.USAGE
    moved = f" data.as_of moves from {decision.as_of_before} to {decision.as_of}." if decision.is_due else ""
    print(f"retrain: {'due' if decision.is_due else 'not due'}. {' '.join(decision.reasons)}{moved}")
    return Exit.PASS
