"""Rows of the holdout that are almost rows of train are found; rows that only look alike pass."""

from pathlib import Path

import numpy as np
import pandas as pd

from contracts.stage import Build
from testbed.model_folders import Frames, replace_table, write_data, write_model
from tests.training.evaluating import check, decided, failed
from training.judging.checks.near_duplicates import Twins, twins_of
from training.tables import load_table


def with_copies(build: Build, frames: Frames, noise: float, *, answers: bool = True) -> None:
    """300 rows of train among the 3,000 of the holdout, `noise` added to their numbers; their answers, or others."""
    copies = frames["train"].iloc[:300].assign(at=frames["holdout"]["at"].iloc[-1], cluster="2024-03-30")
    random = np.random.default_rng(1)
    for name in ("signal", "noise"):
        copies[name] = (copies[name] + noise * random.normal(size=len(copies))).astype(np.float32)
    if not answers:
        copies["answer"] = random.permutation(copies["answer"].to_numpy())
    replace_table(build, "holdout", pd.concat([frames["holdout"], copies], ignore_index=True))
    write_model(build.challenger, build)


def test_copies_with_a_little_noise_are_near_duplicates_and_no_shared_rows(build: Build, frames: Frames) -> None:
    with_copies(build, frames, 0.005)
    decision = decided(build)
    assert failed(decision)[0] == "near duplicates"
    assert "data.group" in check(decision, "near duplicates").remedy


def test_as_many_rows_that_only_look_alike_pass(build: Build, frames: Frames) -> None:
    with_copies(build, frames, 0.005, answers=False)
    assert "near duplicates" not in failed(decided(build))


def test_rows_further_apart_than_a_hundredth_of_their_spread_are_no_twins(build: Build, frames: Frames) -> None:
    with_copies(build, frames, 0.5)
    assert "near duplicates" not in failed(decided(build))


def test_a_table_of_few_values_has_many_twins_by_chance(build: Build, frames: Frames) -> None:
    few = {
        name: frame.assign(**{one: frame[one].round(0) for one in ("signal", "noise", "echo")})
        for name, frame in frames.items()
    }
    write_data(build, few)
    write_model(build.challenger, build)
    seen = twins_of(load_table(build, "train"), load_table(build, "holdout"), 0.01)
    assert seen.share > 0.5
    assert "near duplicates" not in failed(decided(build))


def of_a_series(build: Build, copies: int) -> Twins:
    """A value grows by 0.02 a day about a yearly season; last week's is what a row says of it. `copies`: of 60 days of
    train with a little noise, at the holdout's end."""
    random, day = np.random.default_rng(7), np.arange(2_300)
    level = 300 + 0.02 * day + 3 * np.sin(day / 58)
    table = pd.DataFrame(
        {
            "last_week": (level + random.normal(0, 0.3, len(day))).astype(np.float32),
            "week_before": (level + random.normal(0, 0.3, len(day))).astype(np.float32),
            "answer": (level + random.normal(0, 0.5, len(day))).astype(np.float32),
            "at": pd.date_range("2018-01-01", periods=len(day), tz="UTC"),
            "cluster": [f"day {one}" for one in day],
        }
    )
    train, holdout = table[:2_000], table[2_000:]
    again = train[1_500 : 1_500 + copies].assign(at=holdout["at"].iloc[-1], cluster="last")
    again["last_week"] += random.normal(0, 0.01, copies).astype(np.float32)
    holdout = pd.concat([holdout, again], ignore_index=True)
    write_data(build, {"train": train, "holdout": holdout, "replay": table[2_000:]}, "regression")
    return twins_of(load_table(build, "train"), load_table(build, "holdout"), 0.01)


def test_a_series_that_grows_out_of_what_train_has_is_no_copy_of_it(tmp_path: Path) -> None:
    seen = of_a_series(Build(tmp_path), copies=0)
    assert seen.share > 0.1
    assert seen.copies == 0


def test_copies_in_a_series_that_grows_are_found(tmp_path: Path) -> None:
    assert of_a_series(Build(tmp_path), copies=60).copies > 0.01
