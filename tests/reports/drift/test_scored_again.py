"""Logged predictions that follow from the logged features and that do not, scored by a real model."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.features import MISSING
from reports.drift.log_reader import Answers, RequestWindow
from reports.drift.scored_again import scored_again
from scoring.scorer import Scorer, load_scorer
from testbed.tiny_build import tiny_build


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_build(tmp_path_factory.mktemp("build")).challenger


@pytest.fixture(scope="module")
def scorer(model: Path) -> Scorer:
    return load_scorer(model)


def rows(count: int = 2000) -> pd.DataFrame:
    random = np.random.default_rng(1)
    distance = random.normal(size=count).astype(np.float32)
    distance[::9] = np.nan
    carrier = random.choice(["AA", "UA", MISSING, "(unknown) 0123456789abcdef"], count)
    return pd.DataFrame({"distance": distance, "is_weekend": np.float32(1), "carrier": carrier})


def logged(features: pd.DataFrame, scored: pd.DataFrame, scorer: Scorer) -> RequestWindow:
    """A log that has these features, and predictions of others."""
    given = scorer.predict(scorer.encoder.columns({name: scored[name].to_numpy() for name in scorer.encoder.names}))
    scores = given.astype(np.float64).round(9)
    count = len(features)
    answers = Answers(scores, np.array([None] * count, dtype=object), np.zeros(count, dtype=np.int64))
    return RequestWindow(
        features.assign(prediction=scores[:, 1]), answers, count, "", "", 0, 0, 0, 0, np.full(count, -1)
    )


def test_predictions_of_the_rows_that_are_logged_follow(model: Path, scorer: Scorer) -> None:
    seen = scored_again(model, scorer.card, logged(rows(), rows(), scorer))
    assert seen is not None
    assert (seen.rows, seen.others, seen.follows) == (2000, 0, True)


@pytest.mark.parametrize(
    "scored",
    [
        rows().assign(distance=rows()["distance"] * 1.6),
        rows().shift(1).bfill().astype(rows().dtypes),
        rows().assign(carrier=rows()["carrier"].mask(np.arange(2000) % 50 == 0, "UA")),
    ],
    ids=["other units", "the row before", "one category in fifty"],
)
def test_predictions_of_other_rows_do_not(scored: pd.DataFrame, model: Path, scorer: Scorer) -> None:
    seen = scored_again(model, scorer.card, logged(rows(), scored, scorer))
    assert seen is not None
    assert not seen.follows
    assert seen.others > 20


def test_a_log_without_a_feature_cannot_be_scored_again(model: Path, scorer: Scorer) -> None:
    window = logged(rows(), rows(), scorer)
    without = RequestWindow(
        window.rows.drop(columns="distance"), window.answers, 2000, "", "", 0, 0, 0, 0, window.sources
    )
    assert scored_again(model, scorer.card, without) is None
