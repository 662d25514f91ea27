"""The flights thinned or repeated to the number of rows in BENCHMARK_ROWS, spread over the same days."""

import os

import numpy as np
import pandas as pd

from training.flights import load as load_flights


def load() -> pd.DataFrame:
    """BENCHMARK_ROWS rows, evenly from the whole table; a repeated row is one second later than the one before it."""
    flights = load_flights()
    wanted = int(os.environ["BENCHMARK_ROWS"])
    picked = np.floor(np.arange(wanted) * len(flights) / wanted).astype(int)
    table = flights.iloc[picked].reset_index(drop=True)
    repeat = pd.Series(picked).groupby(picked).cumcount().to_numpy()
    table["scheduled_at"] = table["scheduled_at"] + pd.to_timedelta(repeat, unit="s")
    return table
