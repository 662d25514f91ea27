"""The scheduled job replays dates as the source has them; the log that it judges has their parts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from contracts.data_manifest import REQUESTS_FILE, DataManifest
from contracts.model_folder import model_digest, read_card
from contracts.schema import read_json
from reports.drift.log_reader import read_window
from reports.scheduled.replay import Window, replay
from tests.training.dated_build import dated_build


def test_dates_are_replayed_and_their_parts_are_logged(tmp_path: Path) -> None:
    build = dated_build(tmp_path)
    card, folder = read_card(build.challenger), build.stage("data")
    manifest = read_json(folder / "data.json", DataManifest, "make data")
    table, sent = pd.read_parquet(folder / "replay.parquet"), pq.read_table(folder / REQUESTS_FILE)
    replayed = replay(build.challenger, card, manifest, Window(table, sent), tmp_path / "requests")
    assert (replayed.predictions, replayed.labels, replayed.left_out) == (len(table), len(table), 0)
    rows = read_window(tmp_path / "requests", card, model_digest(build.challenger), 0).rows
    for name in ("at_weekday", "at_hour", "due_month", "due_day"):
        np.testing.assert_array_equal(np.sort(rows[name]), np.sort(table[name]))
