"""Checks the request log after the load: it is complete, and its features and predictions are right.

Complete: each answer has one record, and no id appears twice. Features: as sent, with the parts of dates. Predictions:
scoring the logged features again gives the logged prediction, so drift reads what the model did.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from answers import TOLERANCE

from contracts.features import Value
from contracts.request_log import PREDICTIONS_GLOB
from scoring.scorer import Scorer

Row = Mapping[str, Value]
Record = Mapping[str, Any]


def faults_of_log(folder: Path, scorer: Scorer, sent: Sequence[tuple[str, Row]]) -> Counter[str]:
    """How often each fault was seen. `sent`: the id of each answer, and the row that was sent."""
    faults: Counter[str] = Counter()
    repeated = len(sent) - len({identity for identity, _ in sent})
    faults["answers under an id of another one"] = repeated
    records = [json.loads(line) for path in sorted(folder.glob(PREDICTIONS_GLOB)) for line in path.open("rb")]
    by_id: dict[str, Record] = {one["id"]: one for one in records}
    faults["records under an id of another one"] = len(records) - len(by_id)
    of_answers = [(by_id[identity], row) for identity, row in sent if identity in by_id]
    faults["answers without a record"] = len(sent) - repeated - len(dict.fromkeys(one["id"] for one, _ in of_answers))
    faults["records with other features than were sent"] = sum(
        not _has_features_of(record, scorer.features_of(row), scorer.card.logged_features) for record, row in of_answers
    )
    faults["records whose features, scored again, give another prediction"] = _count_wrong(
        [one for one in by_id.values() if one["model"] == scorer.digest], scorer
    )
    return +faults


def _has_features_of(record: Record, row: Row, logged: Sequence[str]) -> bool:
    names = logged or tuple(row)
    return all(record["features"].get(name) == row.get(name) for name in names)


def _count_wrong(records: Sequence[Record], scorer: Scorer) -> int:
    """Records with another prediction than the model's; 0 if the log lacks features, which cannot be scored again."""
    names = scorer.encoder.names
    if not records or set(scorer.card.logged_features or names) != set(names):
        return 0
    rows = [{name: one["features"].get(name) for name in names} for one in records]
    required = scorer.predict(scorer.encoder.rows(rows)).astype(np.float64)
    logged = np.array([one.get("probabilities") or [one["prediction"]] for one in records], dtype=np.float64)
    is_wrong = np.abs(required - logged) > TOLERANCE * np.maximum(1.0, np.abs(required))
    return int(is_wrong.any(axis=1).sum())
