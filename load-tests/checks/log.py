"""The request log after the load: complete, each record of the row that was asked, and true.

Complete: each answer has one record, and no id stands twice. Of its row: the logged features are those that were sent.
True: the logged features, scored again, give the logged prediction; so what drift reads is what the model did.
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
    """How often each fault was seen. `sent`: each answer's id, and the row that was asked."""
    faults: Counter[str] = Counter()
    repeated = len(sent) - len({identity for identity, _ in sent})
    faults["answers under an id of another one"] = repeated
    records = [json.loads(line) for path in sorted(folder.glob(PREDICTIONS_GLOB)) for line in path.open("rb")]
    by_id: dict[str, Record] = {one["id"]: one for one in records}
    faults["records under an id of another one"] = len(records) - len(by_id)
    of_answers = [(by_id[identity], row) for identity, row in sent if identity in by_id]
    faults["answers without a record"] = len(sent) - repeated - len(dict.fromkeys(one["id"] for one, _ in of_answers))
    faults["records with other features than were sent"] = sum(
        not _is_of(record, row, scorer.card.logged_features) for record, row in of_answers
    )
    faults["records whose features, scored again, give another prediction"] = _untrue(
        [one for one in by_id.values() if one["model"] == scorer.digest], scorer
    )
    return +faults


def _is_of(record: Record, row: Row, logged: Sequence[str]) -> bool:
    names = logged or tuple(row)
    return all(record["features"].get(name) == row.get(name) for name in names)


def _untrue(records: Sequence[Record], scorer: Scorer) -> int:
    """Of records that have every feature; a model that logs some of them cannot be asked again."""
    names = scorer.encoder.names
    if not records or set(scorer.card.logged_features or names) != set(names):
        return 0
    rows = [{name: one["features"].get(name) for name in names} for one in records]
    given = scorer.predict(scorer.encoder.rows(rows)).astype(np.float64)
    told = np.array([one.get("probabilities") or [one["prediction"]] for one in records], dtype=np.float64)
    off = np.abs(given - told) > TOLERANCE * np.maximum(1.0, np.abs(given))
    return int(off.any(axis=1).sum())
