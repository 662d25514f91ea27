"""A small table with dates, through the data and train stages: a build folder whose model is served dates."""

from pathlib import Path

import numpy as np
import pandas as pd

from contracts.exits import Exit
from contracts.stage import Build, execute
from tests.training.toy_tables import BY_TIME, machines, run
from training.train import work as train

ROWS = 1200
PARTS = {"at": ["weekday", "hour"], "due": ["month", "day"]}


def orders() -> pd.DataFrame:
    """Machines that fail by day and hour in UTC. `at` is local time with its offset, and `due` a day, with gaps."""
    luck = np.random.default_rng(5)
    table = machines(ROWS)
    at = table["at"]
    strength = (at.dt.hour - 11) / 6 + (at.dt.weekday >= 5) + table["heat"].fillna(0) / 2
    local = at + pd.Timedelta(hours=2)
    return table.assign(
        at=local.dt.strftime("%Y-%m-%dT%H:%M:%S+02:00"),
        due=(at + pd.Timedelta(days=9)).dt.strftime("%Y-%m-%d").mask(luck.random(ROWS) < 0.1, None),
        failed=np.where(strength + luck.normal(size=ROWS) > 0.3, "yes", "no"),
    )


def dated_build(folder: Path) -> Build:
    """Data and a challenger. pipeline.toml is in `folder`."""
    run(folder, orders(), BY_TIME, dates=PARTS, exclude=["machine"])
    config = folder / "pipeline.toml"
    text = config.read_text(encoding="utf-8").replace("'ridge'", "'logistic'")
    config.write_text(f"{text}[load]\n{LOAD}[drift]\nmin_rows = 50\n", encoding="utf-8")
    build = Build(folder / "build")
    assert execute("train", config, build, train) is Exit.PASS
    return build


# Limits so wide that only wrong answers exceed them.
LOAD = """\
requests_per_second = 100.0
connections = 4
seconds = 1.0
warmup_seconds = 0.3
max_p50_ms = 60000.0
max_p95_ms = 60000.0
max_p99_ms = 60000.0
min_rate_share = 0.01
max_stall_ms = 60000.0
max_growth_mb = 1000.0
max_leak_bytes = 1000000.0
"""
