"""A slice whose labels went wrong while overall performance held."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from contracts.pipeline_toml.keys import Config
from contracts.verdict import SliceComparison
from reports.drift.log_reader import Answers, RequestWindow
from reports.drift.slices import slices_of
from testbed.tiny_build import config
from tests.reports.logged_requests import card

CARD = card("binary")


def table(rows: int, seed: int) -> pd.DataFrame:
    """Labels that are as right as the predictions say, in every slice."""
    random = np.random.default_rng(seed)
    chance = random.beta(2, 6, rows)
    carrier = random.choice(["AA", "DL", "UA"], rows, p=[0.5, 0.4, 0.1])
    late = np.where(random.random(rows) < chance, "true", "false")
    return pd.DataFrame({"carrier": carrier, "prediction": chance, "late": late})


def moved(labels: pd.DataFrame, days: int = 30) -> list[SliceComparison]:
    chance = labels["prediction"].to_numpy()
    day = np.arange(len(labels)) * days // len(labels)
    answers = Answers(np.stack([1 - chance, chance], axis=1), labels["late"].to_numpy(dtype=object), day)
    rows = labels.drop(columns="late")
    window = RequestWindow(rows, answers, len(rows), "", "", 0, 0, 0, 0, np.full(len(rows), -1))
    return [one for one in slices_of(settings(), CARD, table(4000, 1), window) if one.moved]


def settings() -> Config:
    return config()


FLIPPED = {"true": "false", "false": "true"}


@pytest.mark.parametrize(
    ("carrier", "wrong"),
    [
        ("UA", lambda late: late.map(FLIPPED)),
        ("DL", lambda late: late.mask(late == "true", "false")),
        ("AA", lambda late: pd.Series(np.random.default_rng(1).choice(["true", "false"], len(late)), late.index)),
    ],
)
def test_a_slice_whose_labels_went_wrong_is_named_first(carrier: str, wrong: object) -> None:
    assert callable(wrong)
    labels = table(4000, 2)
    inside = labels["carrier"] == carrier
    labels.loc[inside, "late"] = wrong(labels.loc[inside, "late"])
    assert carrier in {one.value for one in moved(labels)}


@pytest.mark.parametrize("seed", range(30))
def test_a_clean_window_has_no_wrong_slice(seed: int) -> None:
    assert moved(table(3000, 100 + seed)) == []


def test_what_moves_all_rows_is_no_wrong_slice() -> None:
    labels = table(4000, 2)
    season = np.random.default_rng(3).random(len(labels)) < 0.2
    assert moved(labels.assign(late=labels["late"].mask(season, "true"))) == []


def test_without_labels_there_are_no_slices() -> None:
    rows = table(1000, 2).drop(columns="late")
    none = Answers(np.zeros((1000, 2)), np.array([None] * 1000, dtype=object), np.zeros(1000, dtype=np.int64))
    window = RequestWindow(rows, none, 1000, "", "", 0, 0, 0, 0, np.full(1000, -1))
    assert slices_of(settings(), CARD, table(4000, 1), window) == ()
    assert slices_of(settings(), CARD, table(4000, 1), replace(window, rows=rows[["prediction"]])) == ()
