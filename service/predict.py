"""What a prediction is: read, encode, score, record, answer. One straight line without a pause, for a row or a batch.

The record is written before the answer exists, so a prediction that a client has seen is in the log.
"""

from collections import Counter
from collections.abc import Mapping
from time import perf_counter
from typing import NamedTuple

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


class Predictor:
    """Answers with the model in `model`; `adopt` puts another one there, between two requests."""

    def __init__(self, model: ServedModel, log: RecordLog, metrics: Metrics, shadow: Shadow | None = None) -> None:
        self._shadow = shadow
        self._log = log
        self._metrics = metrics
        self._ids = IdSource()
        self._saw_seconds = metrics.inference_seconds.of().observe
        self._saw_score = metrics.scores.of().observe
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
            answer, record, label, score = model.shape(output)
        except NoFiniteAnswerError:
            raise Problem(NO_FINITE_ANSWER) from None
        features = model.rows.text_of_one(body, row)
        key = _key(client) if client else b""
        self._log.append(_record(identity, at_us, model.member, key, features, record))
        self._saw_rows(scorer.buffer)
        self._saw_score(score)
        self._labels[(label,)] += 1
        if self._shadow is not None:
            self._shadow.offer([Work(identity, row, at_us, label)])
        return b'{"id":"%b",%b,%b}' % (identity, model.member, answer)

    def batch(self, headers: Headers, body: bytes, at_us: int, client: str) -> bytes:
        """The answer to POST /predict/batch as JSON. Raises Problem."""
        model = self.model
        rows = model.rows.many(body)
        identities, _, scored = self._many(headers, body, rows, model.rows.text_of_many(body, rows), at_us, client)
        answers = [
            b'{"id":"%b",%b,%b}' % (identity, model.member, answer)
            for identity, (answer, _, _, _) in zip(identities, scored, strict=True)
        ]
        return b'{"predictions":[%b]}' % b",".join(answers)

    def score(self, headers: Headers, body: bytes, rows: list[Row], at_us: int, client: str) -> Batch:
        """Predict rows that are validated already; `body` is what they came in. Raises Problem."""
        texts = [self.model.rows.text_of(row) for row in rows]
        identities, outputs, scored = self._many(headers, body, rows, texts, at_us, client)
        return Batch(identities, outputs, [label for _, _, label, _ in scored])

    def _many(
        self, headers: Headers, body: bytes, rows: list[Row], texts: list[bytes], at_us: int, client: str
    ) -> tuple[list[bytes], list[list[float]], list[Scored]]:
        model = self.model
        identities = self._ids.of_rows(headers, client, body, at_us, len(rows))
        matrix = model.encoder.many(rows)
        began = perf_counter()
        outputs: list[list[float]] = model.score(matrix).tolist()
        self._saw_seconds(perf_counter() - began)
        try:
            scored = [model.shape(output) for output in outputs]
        except NoFiniteAnswerError:
            raise Problem(NO_FINITE_ANSWER) from None
        member, key = model.member, _key(client) if client else b""
        records = [
            _record(identity, at_us, member, key, text, record)
            for identity, text, (_, record, _, _) in zip(identities, texts, scored, strict=True)
        ]
        self._log.append(b"".join(records), len(rows))
        self._saw_batch(len(rows))
        self._saw_rows(matrix.tobytes())
        for label, count in Counter(label for _, _, label, _ in scored).items():
            self._labels[(label,)] += count
        for _, _, _, score in scored:
            self._saw_score(score)
        if self._shadow is not None:
            pairs = zip(identities, rows, scored, strict=True)
            self._shadow.offer([Work(identity, row, at_us, label) for identity, row, (_, _, label, _) in pairs])
        return identities, outputs, scored


def _key(client: str) -> bytes:
    return b'"key":"%b",' % client.encode()


def _record(identity: bytes, at_us: int, model: bytes, key: bytes, features: bytes, result: bytes) -> bytes:
    """A PredictionRecord (contracts/request_log.py) as one line."""
    return b'{"v":1,"id":"%b","at_us":%d,%b,%b"features":%b,%b}\n' % (identity, at_us, model, key, features, result)
