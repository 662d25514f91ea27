"""Tests before the search whether a candidate can be exported exactly: its default setting, on a few hundred rows.

A search may take an hour. Where an export fails, the cause is mostly the kind of model and seldom the data. A candidate
that cannot be fitted on so few rows is still searched, and the search says what is wrong with it.
"""

from collections.abc import Sequence

import numpy as np

from training.fitting.candidates import Candidate
from training.fitting.export import ExportRefusedError, export
from training.fitting.fit_weights import WeightsError, fitted
from training.fitting.proof import prove
from training.fitting.search import SearchData, one_thread
from training.tables import Integers, spread_positions

PROBE_ROWS = 400


def without_refused(
    candidates: Sequence[Candidate], data: SearchData, nan_columns: Sequence[int]
) -> tuple[list[Candidate], dict[str, str]]:
    """The candidates to search, and by name the reason why each other one cannot be exported.

    Raises ExportRefusedError where none is left, and WeightsError where one cannot take the weights of pipeline.toml.
    """
    refused: dict[str, str] = {}
    for candidate in candidates:
        if reason := _why_not(candidate, data, nan_columns):
            refused[candidate.name] = reason
    left = [one for one in candidates if one.name not in refused]
    require_any(left, refused)
    return left, refused


def require_any(left: Sequence[object], refused: dict[str, str]) -> None:
    """Raises ExportRefusedError, with every reason, where no candidate is left."""
    if refused and not left:
        reasons = " ".join(f"{name}: {reason}" for name, reason in refused.items())
        raise ExportRefusedError(f"No candidate can be exported exactly. {reasons}", code="no-candidate-provable")


def probe_rows(data: SearchData) -> Integers:
    """At most about PROBE_ROWS positions, spread over the rows. Each class has its share, and at least a few rows."""
    truth = data.truth
    kinds = np.zeros(len(truth), dtype=np.int64) if data.task == "regression" else truth.astype(np.int64)
    places = [np.flatnonzero(kinds == one) for one in np.unique(kinds)]
    each = [max(PROBE_ROWS // (4 * len(places)), PROBE_ROWS * len(rows) // len(truth)) for rows in places]
    spread = [rows[spread_positions(len(rows), most)] for rows, most in zip(places, each, strict=True)]
    return np.sort(np.concatenate(spread))


def _why_not(candidate: Candidate, data: SearchData, nan_columns: Sequence[int]) -> str | None:
    rows = probe_rows(data)
    matrix, truth = data.matrix[rows], data.truth[rows]
    try:
        with one_thread():
            model = fitted(candidate.make(candidate.settings[0]), matrix, truth, data.weights.in_fit(rows, truth))
    except WeightsError:
        raise
    except Exception:  # a custom estimator may raise anything; the search fits it on more rows and says what it raised
        return None
    try:
        graph = export(model, matrix.shape[1], data.task)
        prove(model, graph, matrix, data.task, nan_columns=nan_columns)
    except ExportRefusedError as refusal:
        return str(refusal)
    return None
