"""The drift stage: compares the model's reference with the requests that it served.

The verdict uses our own distances and thresholds: chance at this window's size, the effect size, and the distances of
earlier windows of this length. With labels, performance is measured; without, it is estimated. Evidently makes the
report, and its own verdict is shown beside ours. Repeated rows count once (effective_rows.py); with fewer than
drift.min_rows effective rows, the state is "insufficient".

Reads   build/train/model/ (model.json, reference.parquet), build/load-test/requests/ (predictions-*.jsonl,
        labels-*.jsonl, sources-*.jsonl; or predictions and labels as *.parquet), build/data/data.json (which days the
        load test replayed).
Writes  build/drift/verdict.json, evidently.html, evidently.json.
Exits   0 in any state, because the data moved and not the challenger; with drift.blocks_deploy, 3 on drift and on
        insufficient traffic; 2 if the log or the model is missing.
"""

import datetime as dt
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from contracts.data_manifest import CLUSTER_COLUMN, DataManifest
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
from contracts.pipeline_toml.keys import Config
from contracts.pipeline_toml.reader import settings_digest
from contracts.request_log import PREDICTIONS_GLOB
from contracts.schema import read_json, write_json
from contracts.stage import Build, Context, Outcome, run_stage
from contracts.verdict import DriftVerdict, LabelledDay
from reports.drift.calibration import NoEstimateError
from reports.drift.clipped import within_the_reference
from reports.drift.comparison import compare, groups_of
from reports.drift.effective_rows import IntArray, distinct_window
from reports.drift.evidently_report import write_report
from reports.drift.large_log.records import ParquetFiles, parquet_files
from reports.drift.large_log.window import parquet_window
from reports.drift.log_reader import AT_MOST_ROWS, RequestWindow, read_window
from reports.drift.performance import estimated, measured
from reports.drift.scored_again import scored_again
from reports.drift.slices import slices_of
from reports.drift.thresholds import Groups
from reports.drift.timing import MOST_DAYS, labelled_days, timing_of
from reports.drift.verdict import VERDICT_FILE, Findings, Subject, exit_code, headline, judge
from scoring.drift_statistics import check_columns

REFERENCE_FILE = "reference.parquet"
PARQUET_GLOB = "predictions-*.parquet"


@dataclass(frozen=True)
class Traffic:
    """A folder of request logs. `about`: a description of the requests; `days`: the window's length.

    `earlier`: labelled days of earlier windows of the same model; only `timing` uses them.
    `group_of_source`: [rows of the replayed table], None if rows are independent or nothing was replayed.
    `parquet`: the log, if it is in Parquet; else it is the JSON Lines in `folder`. Of more than `at_most` rows a sample
    is compared.
    """

    folder: Path
    about: str
    days: int
    earlier: tuple[LabelledDay, ...] = ()
    group_of_source: IntArray | None = None
    parquet: ParquetFiles | None = None
    at_most: int = AT_MOST_ROWS


def work(context: Context) -> Outcome:
    """The stage in the chain: judge the requests that the load test replayed to the challenger."""
    build = context.build
    traffic = _replayed(build, build.stage("load-test") / "requests")
    verdict, line = examine(context.config, build.challenger, traffic, context.folder)
    write_json(context.folder / VERDICT_FILE, verdict)
    return Outcome(verdict.state, line, exit_code(context.config.drift, verdict))


def examine(config: Config, model: Path, traffic: Traffic, folder: Path) -> tuple[DriftVerdict, str]:
    """The verdict on a request log and its headline. Writes Evidently's files into `folder`.

    Raises UsageError if there is no model or no log, ModelFolderError if the model folder was changed.
    """
    if not (model / CARD_FILE).is_file():
        raise UsageError(f"{model} is no model folder: it has no {CARD_FILE}. Run `make train` first.")
    card = read_card(model)
    verify_files(model, card)
    digest = model_digest(model)
    check_columns(config.drift, card.features)
    reference = pd.read_parquet(model / REFERENCE_FILE)
    window = _window(config, traffic, card, digest, reference)
    findings = _examined(config, model, card, reference, window, traffic, folder)
    subject = Subject(digest, card.data_digest, settings_digest(config))
    verdict = judge(config.drift, window, findings, subject, traffic.about)
    return verdict, headline(config.drift, findings, verdict)


def _window(config: Config, traffic: Traffic, card: ModelCard, digest: str, reference: pd.DataFrame) -> RequestWindow:
    if traffic.parquet:
        return parquet_window(traffic.parquet, card, digest, config.data.seed, reference, traffic.at_most)
    read = read_window(traffic.folder, card, digest, config.data.seed, traffic.at_most)
    return distinct_window(read.of_groups(traffic.group_of_source), reference)


def _examined(
    config: Config,
    model: Path,
    card: ModelCard,
    reference: pd.DataFrame,
    window: RequestWindow,
    traffic: Traffic,
    folder: Path,
) -> Findings:
    """Everything that is measured; without rows, no distances."""
    required = [*(feature.name for feature in card.features), PREDICTION_COLUMN]
    if absent := [name for name in required if name not in reference]:
        raise ModelFolderError(f"{REFERENCE_FILE} has no column {', '.join(absent)}. Run `make train` again.")
    seed, days, groups = config.data.seed, traffic.days, groups_of(reference)
    counts = None if groups is None else Groups(groups, window.groups).counts(len(window.rows))
    compared = compare(
        config.drift, card, reference, window.rows, window.answers, days, seed, window.groups, window.whole
    )
    if window.rows.empty:
        return Findings(len(reference), days, compared, groups=counts)
    bounded = within_the_reference(card, window.answers, reference)
    of_window = labelled_days(card, bounded)[-MOST_DAYS:]
    estimate, why_none = None, ""
    try:
        estimate = estimated(config, card, window.answers, reference, seed)
    except NoEstimateError as reason:
        why_none = str(reason)
    return Findings(
        len(reference),
        days,
        compared,
        measured(config, card, window.answers, reference),
        estimate,
        write_report(reference, window.rows, compared.columns, card.features, folder),
        of_window,
        timing_of(of_window, traffic.earlier, config.gate.confidence),
        why_none,
        scored_again(model, card, window),
        slices_of(config, card, reference, replace(window, answers=bounded)),
        counts,
    )


def _replayed(build: Build, requests: Path) -> Traffic:
    manifest = read_json(build.stage("data") / "data.json", DataManifest, "make data")
    replay = manifest.tables["replay"]
    if not replay.first:
        about = f"replay of {replay.rows:,} rows that were kept back from training"
        return Traffic(requests, about, 0, (), _groups(build, manifest), _parquet_in(requests))
    about = f"replay of the table's next window, {replay.first[:10]} to {replay.last[:10]}"
    first, last = (dt.date.fromisoformat(moment[:10]) for moment in (replay.first, replay.last))
    return Traffic(requests, about, (last - first).days + 1, parquet=_parquet_in(requests))


def _parquet_in(folder: Path) -> ParquetFiles | None:
    """The log of a folder that has Parquet. Raises UsageError if it has JSON Lines, too."""
    if not any(folder.glob(PARQUET_GLOB)):
        return None
    if any(folder.glob(PREDICTIONS_GLOB)):
        raise UsageError(
            f"{folder} has {PREDICTIONS_GLOB} and {PARQUET_GLOB}: a request would count twice. Delete one of the two."
        )
    return parquet_files(str(folder))


def _groups(build: Build, manifest: DataManifest) -> IntArray | None:
    """[rows of the replay]: which rows the split kept together: a group, or rows that are equal in all features."""
    names = [CLUSTER_COLUMN] if manifest.cluster else [one.name for one in manifest.features]
    path = build.stage("data") / "replay.parquet"
    if not names or not path.is_file():
        return None
    table = pd.read_parquet(path, columns=names)
    return np.asarray(table.groupby(names, dropna=False, sort=False).ngroup(), dtype=np.int64)


main = partial(run_stage, "drift", __doc__, work)
