"""Scores the logged features again, and compares with the logged predictions.

This finds a stale cache, an answer under another row's id, or features that were logged in another unit than scored.
None of these moves a distribution. If the log has all features, the answer is exact and needs no statistics.
"""

from pathlib import Path

import numpy as np

from contracts.model_folder import PREDICTION_COLUMN, ModelCard, ModelFolderError
from contracts.verdict import ScoredAgain
from reports.drift.log_reader import RequestWindow, score_order
from scoring.scorer import load_scorer

# Ten times the tolerance of golden rows on another machine; and a share that rounding at trees' thresholds may reach.
TOLERANCE = 1e-4
MOST_SHARE = 0.001


def scored_again(model: Path, card: ModelCard, window: RequestWindow) -> ScoredAgain | None:
    """None if the log lacks a feature or the probabilities, or if the model cannot be loaded here."""
    names = [one.name for one in card.features]
    known = np.isfinite(window.answers.scores).all(axis=1) if window.answers.scores.size else np.zeros(0, dtype=bool)
    if set(names) - set(window.rows) or not known.any():
        return None
    try:
        scorer = load_scorer(model)
    except ModelFolderError:
        return None
    rows = window.rows[known].drop(columns=PREDICTION_COLUMN)
    given = scorer.predict(scorer.encoder.columns({name: rows[name].to_numpy() for name in names})).astype(np.float64)
    if card.classes:
        given = given[:, [card.classes.index(name) for name in score_order(card)]]
    off = np.abs(given - window.answers.scores[known]) > TOLERANCE * np.maximum(1.0, np.abs(given))
    rows_known, others = int(known.sum()), int(off.any(axis=1).sum())
    return ScoredAgain(rows=rows_known, others=others, follows=others <= MOST_SHARE * rows_known)
