"""Rows of the holdout that are almost rows of train are found; rows that only look alike pass."""

import numpy as np
import pandas as pd

from contracts.stage import Build
from testbed.model_folders import Frames, replace_table, write_data, write_model
from tests.training.evaluating import check, decided, failed
from training.judging.checks.near_duplicates import twins_of
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
