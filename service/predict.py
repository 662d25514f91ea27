"""What a prediction is: read, encode, score, record, answer. One straight line without a pause, for a row or a batch.

The record is written before the answer exists, so a prediction that a client has seen is in the log.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import repeat
from time import perf_counter
from typing import NamedTuple

from contracts.features import Matrix
from service.answers import NoFiniteAnswerError, Scored, labels_of
from service.feature_watch import FeatureWatch
from service.ids import IdSource
from service.metrics import Metrics
from service.problems import NO_FINITE_ANSWER, Problem
from service.request_log import RecordLog
from service.schema import Row
from service.served_model import ServedModel
from service.shadow import Shadow, Work

Headers = Mapping[bytes, bytes]


class Batch(NamedTuple):
    """Predicted rows: ids, what the graph gave, and the labels."""

    identities: list[bytes]
    outputs: list[list[float]]
    labels: list[str]


class Asked(NamedTuple):
    """The rows of a batch: as values, as the model reads them, and as text for the log."""

    rows: list[Row]
    matrix: Matrix
    texts: list[bytes]


class Predictor:
    """Answers with the model in `model`; `adopt` puts another one there, between two requests."""

    def __init__(self, model: ServedModel, log: RecordLog, metrics: Metrics, shadow: Shadow | None = None) -> None:
        self._shadow = shadow
        self._log = log
        self._metrics = metrics
        self._ids = IdSource()
        self._saw_seconds = metrics.inference_seconds.of().observe
        self._saw_score = metrics.scores.of().observe
        self._saw_scores = metrics.scores.of().observe_all
        self._saw_batch = metrics.batch_rows.of().observe
        self._labels = metrics.predictions.values
        self._watch: FeatureWatch | None = None
        metrics.fold_with(lambda: self._watch.fold() if self._watch else None)
        self.adopt(model)

    def adopt(self, model: ServedModel) -> None:
        """Answer with this model from the next request on."""
        if self._watch is not None:
            self._watch.fold()
        self._watch = FeatureWatch(model.card.features, self._metrics)
        self._saw_rows = self._watch.add
        self._metrics.predictions.make((label,) for label in labels_of(model.card))
        self._metrics.show_model(model.card.name, model.digest)
        self.model = model

    def one(self, headers: Headers, body: bytes, at_us: int, client: str) -> bytes:
        """The answer to POST /predict as JSON. `at_us`: since 1970; `client`: the key's id. Raises Problem."""
        model = self.model
        row = model.rows.one(body)
        identity = self._ids.of_request(headers, client, body, at_us)
        scorer = model.one
        model.encoder.one(row, scorer.buffer)
        began = perf_counter()
        output = scorer.score()
        self._saw_seconds(perf_counter() - began)
        try:
            label, score, answer, record = model.shape(output)
        except NoFiniteAnswerError:
            raise Problem(NO_FINITE_ANSWER) from None
        features = model.rows.text_of_one(body, row)
        key = _key(client) if client else b""
        self._log.append(model.record % (identity, at_us, key, features, *record))
        self._saw_rows(scorer.buffer)
        self._saw_score(score)
        self._labels[(label,)] += 1
        if self._shadow is not None:
            self._shadow.offer([Work(identity, row, at_us, label)])
        return model.answer % (identity, *answer)

    def batch(self, headers: Headers, body: bytes, at_us: int, client: str) -> bytes:
        """The answer to POST /predict/batch as JSON. Raises Problem."""
        model = self.model
        rows, matrix = model.batches.read(body)
        asked = Asked(rows, matrix, model.rows.text_of_many(body, rows))
        identities, _, scored = self._many(headers, body, asked, at_us, client)
        form = model.batch_row
        answers = [form % (identity, *answer) for identity, (_, _, answer, _) in zip(identities, scored, strict=True)]
        return model.batch_answer % b",".join(answers)

    def score(self, headers: Headers, body: bytes, rows: list[Row], at_us: int, client: str) -> Batch:
        """Predict rows that are validated already; `body` is what they came in. Raises Problem."""
        model = self.model
        asked = Asked(rows, model.encoder.many(rows), [model.rows.text_of(row) for row in rows])
        identities, outputs, scored = self._many(headers, body, asked, at_us, client)
        return Batch(identities, outputs, [label for label, _, _, _ in scored])

    def _many(
        self, headers: Headers, body: bytes, asked: Asked, at_us: int, client: str
    ) -> tuple[list[bytes], list[list[float]], list[Scored]]:
        model = self.model
        identities = self._ids.of_rows(headers, client, body, at_us, len(asked.rows))
        began = perf_counter()
        outputs: list[list[float]] = model.score(asked.matrix).tolist()
        self._saw_seconds(perf_counter() - began)
        try:
            scored = [model.shape(output) for output in outputs]
        except NoFiniteAnswerError:
            raise Problem(NO_FINITE_ANSWER) from None
        form, key = model.record, _key(client) if client else b""
        records = [
            form % (identity, at_us, key, text, *record)
            for identity, text, (_, _, _, record) in zip(identities, asked.texts, scored, strict=True)
        ]
        self._log.append(b"".join(records), len(records))
        self._count(asked, scored)
        if self._shadow is not None:
            labels = [label for label, _, _, _ in scored]
            self._shadow.offer(list(map(Work, identities, asked.rows, repeat(at_us), labels)))
        return identities, outputs, scored

    def _count(self, asked: Asked, scored: list[Scored]) -> None:
        labels, scores, _, _ = zip(*scored, strict=True)
        self._saw_batch(len(scored))
        self._saw_rows(asked.matrix.tobytes())
        self._saw_scores(scores)
        for label, count in Counter(labels).items():
            self._labels[(label,)] += count


def _key(client: str) -> bytes:
    return b'"key":"%b",' % client.encode()
