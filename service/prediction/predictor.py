"""What a prediction is: read, encode, score, record, answer. One straight line without a pause, for a row or a batch.

The record is written before the answer exists, so a prediction that a client has seen is in the log.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, repeat
from time import perf_counter
from typing import NamedTuple

from contracts.features import Matrix
from service.formats.answers import ManyScored, NoFiniteAnswerError, Outputs, labels_of
from service.formats.row_schema import Row
from service.http.content_types import ARROW, Handle
from service.http.problems import NO_FINITE_ANSWER, Problem
from service.log.writer import KeyedLog
from service.metrics import Metrics
from service.prediction.ids import IdSource
from service.prediction.input_counts import FeatureWatch
from service.prediction.served_model import ServedModel
from service.prediction.shadow import Shadow, Work

Headers = Mapping[bytes, bytes]


class Asked(NamedTuple):
    """The rows of a batch: as the model reads them, as JSON for the log, and, on request, one by one.

    `texts`: columns of pieces, each [rows], which one after the other make up a row's features.
    """

    matrix: Matrix
    texts: Sequence[Iterable[bytes]]
    rows: Callable[[], list[Row]]


class Predicted(NamedTuple):
    """The same rows: ids, what the graph gave, float32 [rows, classes or 1], and what is shown of it."""

    identities: list[bytes]
    outputs: Outputs
    scored: ManyScored


class Predictor:
    """Answers with the model in `model`; `adopt` puts another one there, between two requests."""

    def __init__(self, model: ServedModel, log: KeyedLog, metrics: Metrics, shadow: Shadow | None = None) -> None:
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
        self._log.append(model.record % (identity, at_us, key, features, *record), 1, client)
        self._saw_rows(scorer.buffer)
        self._saw_score(score)
        self._labels[(label,)] += 1
        if self._shadow is not None:
            self._shadow.offer([Work(identity, row, at_us, label)])
        return model.answer % (identity, *answer)

    def batch(self, takes: bytes, gives: bytes) -> Handle:
        """What answers POST /predict/batch, for the type of the request and that of the answer."""
        read = _asked_in_arrow if takes == ARROW else _asked_in_json
        write = _told_in_arrow if gives == ARROW else _told_in_json

        def handle(headers: Headers, body: bytes, at_us: int, client: str) -> bytes:
            model = self.model
            return write(model, self._many(headers, body, read(model, body), at_us, client))

        return handle

    def score(self, headers: Headers, body: bytes, rows: list[Row], at_us: int, client: str) -> Predicted:
        """Predict rows that are validated already; `body` is what they came in. Raises Problem."""
        model = self.model
        asked = Asked(model.encoder.many(rows), [map(model.rows.text_of, rows)], lambda: rows)
        return self._many(headers, body, asked, at_us, client)

    def _many(self, headers: Headers, body: bytes, asked: Asked, at_us: int, client: str) -> Predicted:
        model, count = self.model, len(asked.matrix)
        identities = self._ids.of_rows(headers, client, body, at_us, count)
        began = perf_counter()
        outputs = model.score(asked.matrix)
        self._saw_seconds(perf_counter() - began)
        try:
            scored = model.shape.many(outputs)
        except NoFiniteAnswerError:
            raise Problem(NO_FINITE_ANSWER) from None
        self._log.append(_records(model, identities, at_us, client, asked, scored), count, client)
        self._count(asked, scored)
        if self._shadow is not None:
            self._shadow.offer(list(map(Work, identities, asked.rows(), repeat(at_us), scored.labels)))
        return Predicted(identities, outputs, scored)

    def _count(self, asked: Asked, scored: ManyScored) -> None:
        self._saw_batch(len(scored.labels))
        self._saw_rows(asked.matrix.tobytes())
        self._saw_scores(scored.scores)
        for label, count in Counter(scored.labels).items():
            self._labels[(label,)] += count


def _records(
    model: ServedModel, identities: list[bytes], at_us: int, client: str, asked: Asked, scored: ManyScored
) -> bytes:
    """A PredictionRecord for each row, pieced together: a join costs a third of as many formats."""
    middle = model.record_middle % (at_us, _key(client) if client else b"")
    starts = repeat(model.record_start), identities, repeat(middle)
    pieces = zip(*starts, *asked.texts, repeat(b","), *scored.records, repeat(b"}\n"), strict=False)
    return b"".join(chain.from_iterable(pieces))


def _asked_in_json(model: ServedModel, body: bytes) -> Asked:
    rows, matrix = model.batches.read(body)
    return Asked(matrix, [model.rows.text_of_many(body, rows)], lambda: rows)


def _asked_in_arrow(model: ServedModel, body: bytes) -> Asked:
    columns = model.arrow.read(body)
    return Asked(columns.matrix, model.arrow.texts(columns), columns.rows)


def _told_in_json(model: ServedModel, predicted: Predicted) -> bytes:
    rows = zip(predicted.identities, *predicted.scored.answers, strict=True)
    texts = model.batch_row * len(predicted.identities) % tuple(chain.from_iterable(rows))
    return model.batch_answer % texts[:-1]


def _told_in_arrow(model: ServedModel, predicted: Predicted) -> bytes:
    return model.arrow_answer.stream(predicted.identities, predicted.scored.labels, predicted.outputs)


def _key(client: str) -> bytes:
    return b'"key":"%b",' % client.encode()
