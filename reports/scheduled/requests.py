"""requests: fetches production's request log into build/requests, for `make scheduled-drift`.

With REQUESTS_URL: an address that ends in /requests is the service's own export, asked for the last drift.window_days
with the key in REQUESTS_KEY; s3://bucket/prefix is where all replicas put their logs (docs/scale.md), on the server
AWS_ENDPOINT_URL_S3 where that is not Amazon's; a path to Parquet (a file, a folder or a glob, docs/scale.md) is a log
of any size, which stays where it is; anything else (https, http, file, a path) is a file in the log's format, gzipped
or not.
Without: the table's next window is replayed against the champion, served by a real process, with its labels as
feedback, and the verdict says so. Until the first deploy of this project nothing is fetched.

Reads   REQUESTS_URL, REQUESTS_KEY, AWS_ENDPOINT_URL_S3 and, for a bucket, obstore's AWS_* variables; or build/champion,
        build/data/data.json, replay.parquet and requests.parquet.
Writes  build/requests/predictions-*.jsonl, labels-*.jsonl, and last of all requests.json.
Exits   0 fetched, or a first run · 2 address, key or content cannot be used · 3 the champion could not be served ·
        1 a crash.
"""

import datetime as dt
import os
from functools import partial

import pandas as pd
import pyarrow.parquet

from contracts.data_manifest import REQUESTS_FILE as SENT_FILE
from contracts.data_manifest import DataManifest
from contracts.exits import UsageError
from contracts.model_folder import CARD_FILE, read_card
from contracts.outside.buckets import Bucket
from contracts.pipeline_toml.champion import champion_of
from contracts.pipeline_toml.keys import Config
from contracts.scheduled_drift import REQUESTS_FILE, RequestsBrought
from contracts.schema import read_json, write_json
from contracts.stage import Build, Context, Outcome, run_stage
from reports.drift.log_reader import time_span
from reports.scheduled.bucket import fetch_segments, is_bucket, window_of
from reports.scheduled.fetch import fetch_log, is_export, shown, with_window
from reports.scheduled.parquet import counted, parquet_of
from reports.scheduled.replay import Window, replay

TABLE_FILE = "replay.parquet"


def work(context: Context) -> Outcome:
    """Fetch or replay, and say which."""
    if said := champion_of(context.build, context.config).first_run:
        return Outcome("first run", said)
    url = os.environ.get("REQUESTS_URL", "")
    if url:
        brought = fetched(context, url, os.environ.get("REQUESTS_KEY", ""), dt.datetime.now(dt.UTC))
    else:
        brought = replayed(context.config, context.build, context)
    write_json(context.folder / REQUESTS_FILE, brought)
    line = f"{brought.predictions:,} predictions and {brought.labels:,} labels: {brought.about}"
    notes = {"torn": brought.torn_lines, "refused": brought.refused_lines, "not sendable": brought.left_out}
    line += "".join(f"; {count:,} {what}" for what, count in notes.items() if count)
    return Outcome("replayed" if brought.kind == "replay" else "brought", line)


def fetched(context: Context, url: str, key: str, now: dt.datetime) -> RequestsBrought:
    """Production's log. The window is the one asked of the export, or the span of the file's records."""
    days, parquet = context.config.drift.window_days, parquet_of(url)
    if is_bucket(url):
        return from_bucket(context, url, os.environ.get("AWS_ENDPOINT_URL_S3"), now)
    if is_export(url):
        until = now.replace(microsecond=0)
        since = until - dt.timedelta(days=days)
        lines = fetch_log(with_window(url, since.isoformat(), until.isoformat()), key, context.folder)
        span = (since.replace(tzinfo=None), until.replace(tzinfo=None))
        about = f"production's requests of {days} days, from {shown(url)}"
    else:
        lines, found = counted(parquet) if parquet else (fetch_log(url, key, context.folder), None)
        found = found if parquet else time_span(context.folder)
        span = found or (now.replace(tzinfo=None),) * 2
        days = max(1, round((span[1] - span[0]) / dt.timedelta(days=1)))
        about = f"a file of requests, {shown(url)}"
    return RequestsBrought(
        kind="export" if is_export(url) else "file", about=about,
        first=span[0].isoformat(timespec="seconds"), last=span[1].isoformat(timespec="seconds"), days=days,
        predictions=lines.predictions, labels=lines.labels, torn_lines=lines.torn, refused_lines=lines.refused,
        parquet=parquet.predictions if parquet else (), parquet_labels=parquet.labels if parquet else (),
    )  # fmt: skip


def from_bucket(context: Context, url: str, endpoint: str | None, now: dt.datetime) -> RequestsBrought:
    """What all replicas of the service have put there."""
    address, span = window_of(url, now, context.config.drift.window_days)
    seed = context.config.data.seed
    lines, share = fetch_segments(Bucket(address, endpoint), span, now, seed, context.folder)
    days = max(1, round((span.until - span.since) / dt.timedelta(days=1)))
    drawn = f", {share:.2%} of them by their ids (data.seed)" if share < 1 else ""
    return RequestsBrought(
        kind="bucket", about=f"production's requests of {days} days, from {address}{drawn}",
        first=span.since.replace(tzinfo=None).isoformat(timespec="seconds"),
        last=span.until.replace(tzinfo=None).isoformat(timespec="seconds"), days=days,
        predictions=lines.predictions, labels=lines.labels, torn_lines=lines.torn, refused_lines=lines.refused,
    )  # fmt: skip


def replayed(config: Config, build: Build, context: Context) -> RequestsBrought:
    """A log replayed through the champion. Raises UsageError if there is no champion or no table to replay."""
    if not (build.champion / CARD_FILE).is_file():
        raise UsageError(
            f"{build.champion} has no model, and REQUESTS_URL is not set. Run `make champion` or `make promote` first."
        )
    manifest = read_json(build.stage("data") / "data.json", DataManifest, "make data")
    try:
        table = pd.read_parquet(build.stage("data") / TABLE_FILE)
        sent = pyarrow.parquet.read_table(build.stage("data") / SENT_FILE)
    except (OSError, ValueError) as error:
        raise UsageError(f"build/data/{TABLE_FILE}, {SENT_FILE}: {error}. Run `make data` first.") from None
    done = replay(build.champion, read_card(build.champion), manifest, Window(table, sent), context.folder)
    window = manifest.tables["replay"]
    if window.first:
        first, last = (dt.datetime.fromisoformat(one) for one in (window.first, window.last))
        about = f"replay of the table's next window, {first.date()} to {last.date()}; no log of production is named"
    else:
        first = last = dt.datetime(1970, 1, 1)
        about = f"replay of {window.rows:,} rows that were kept back from training; no log of production is named"
    return RequestsBrought(
        kind="replay", about=about, first=first.isoformat(), last=last.isoformat(),
        days=(last.date() - first.date()).days + 1 if config.data.time else 0,
        predictions=done.predictions, labels=done.labels, left_out=done.left_out,
    )  # fmt: skip


main = partial(run_stage, "requests", __doc__, work)
