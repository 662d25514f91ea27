"""Compares what the model was trained on with what it was asked: have the inputs moved, have the predictions?

Evidently measures the distances and draws the report; the verdict is made from these distances by the methods,
thresholds and limits under [drift] in pipeline.toml. With fewer than drift.min_rows requests it is "insufficient".

Reads   build/train/model/ (reference.parquet through the model card), build/load-test/requests/predictions-*.jsonl,
        build/data/data.json (which days the load test replayed).
Writes  build/drift/verdict.json, evidently.html, evidently.json.
Exits   0 whatever the state, because the world moved and not the challenger; 3 on drift and on insufficient traffic
        where drift.blocks_deploy is true; 2 where the log or the model is not there.
"""

from pathlib import Path

import pandas as pd

from contracts.data_manifest import DataManifest
from contracts.exits import UsageError
from contracts.model_folder import (
    CARD_FILE,
    PREDICTION_COLUMN,
    ModelCard,
    ModelFolderError,
    model_digest,
    read_card,
    verify_files,
)
from contracts.schema import read_json, write_json
from contracts.stage import Build, Context, Outcome, run_stage
from reports.drift_rules import check_columns, missing_rules, prediction_rule, value_rules
from reports.drift_verdict import Measured, exit_code, headline, judge
from reports.evidently_report import write_report
from reports.request_log import RequestWindow, read_window

VERDICT_FILE = "verdict.json"
REFERENCE_FILE = "reference.parquet"


def work(context: Context) -> Outcome:
    """The stage in the chain: the challenger, and the requests that the load test replayed to it."""
    build = context.build
    return compare(context, build.challenger, build.stage("load-test") / "requests", _replayed(build))


def compare(context: Context, model: Path, requests: Path, traffic: str) -> Outcome:
    """Compare a model folder's reference with a folder of request logs; `traffic` says what kind of requests these are.

    Raises UsageError where there is no model or no log, ModelFolderError where the model folder was changed.
    """
    if not (model / CARD_FILE).is_file():
        raise UsageError(f"{model} is no model folder: it has no {CARD_FILE}. Run `make train` first.")
    card = read_card(model)
    verify_files(model, card)
    drift, digest = context.config.drift, model_digest(model)
    check_columns(drift, card.features)
    window = read_window(requests, card, digest, context.config.data.seed)
    measured = _measure(context, card, pd.read_parquet(model / REFERENCE_FILE), window)
    verdict = judge(drift, window, measured, digest, traffic)
    write_json(context.folder / VERDICT_FILE, verdict)
    return Outcome(verdict.state, headline(drift, measured, verdict), exit_code(drift, verdict))


def _replayed(build: Build) -> str:
    replay = read_json(build.stage("data") / "data.json", DataManifest, "make data").tables["replay"]
    if not replay.first:
        return f"replay of {replay.rows:,} rows that were kept back from training"
    return f"replay of the table's next window, {replay.first[:10]} to {replay.last[:10]}"


def _measure(context: Context, card: ModelCard, reference: pd.DataFrame, window: RequestWindow) -> Measured:
    """The distances, and Evidently's report beside them. No rows, no distances."""
    required = [*(feature.name for feature in card.features), PREDICTION_COLUMN]
    if absent := [name for name in required if name not in reference]:
        raise ModelFolderError(f"{REFERENCE_FILE} has no column {', '.join(absent)}. Run `make train` again.")
    current = window.rows
    if current.empty:
        return Measured(len(reference), (), {})
    drift = context.config.drift
    logged = [feature for feature in card.features if feature.name in current]
    numeric = [feature.name for feature in logged if feature.kind == "numeric"]
    gaps = [name for name in numeric if reference[name].isna().any() or current[name].isna().any()]
    empty = {name for name in gaps if reference[name].isna().all() or current[name].isna().all()}
    rules = (
        *value_rules(drift, [feature for feature in logged if feature.name not in empty]),
        *missing_rules(drift, gaps),
        prediction_rule(drift, card.task),
    )
    distances = write_report(reference, current, rules, drift.max_drifted_share, context.folder)
    not_logged = tuple(feature.name for feature in card.features if feature.name not in current)
    return Measured(len(reference), rules, distances, not_logged)


if __name__ == "__main__":
    run_stage("drift", __doc__, work)
