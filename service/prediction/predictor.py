"""Answers POST /predict and /predict/batch: read, encode, score, record, answer, without an `await` in between.

The record is written before the answer is made, so every prediction that a client has seen is in the log.
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
from service.prediction.input_counts import InputCounts
from service.prediction.served_model import ServedModel
from service.prediction.shadow import Shadow, Work

Headers = Mapping[bytes, bytes]


class Batch(NamedTuple):
    """The rows of a batch: encoded for the model, as JSON for the log, and, on call, as dicts.

    `texts`: columns of JSON pieces, each [rows]; a row's pieces joined are its features.
    """

    matrix: Matrix
    texts: Sequence[Iterable[bytes]]
    rows: Callable[[], list[Row]]


class Predicted(NamedTuple):
    """The predictions of a batch: ids, the graph's outputs (float32 [rows, classes or 1]), and labels and scores."""

    identities: list[bytes]
    outputs: Outputs
    scored: ManyScored


class Predictor:
    """Answers with `model`; `adopt` replaces it between two requests."""

    def __init__(self, model: ServedModel, log: KeyedLog, metrics: Metrics, shadow: Shadow | None = None) -> None:
        self._shadow = shadow
        self._log = log
        self._metrics = metrics
        self._ids = IdSource()
        self._observe_seconds = metrics.inference_seconds.of().observe
        self._observe_score = metrics.scores.of().observe
        self._observe_scores = metrics.scores.of().observe_all
        self._observe_batch = metrics.batch_rows.of().observe
        self._labels = metrics.predictions.values
        self._input_counts: InputCounts | None = None
        metrics.fold_with(lambda: self._input_counts.fold() if self._input_counts else None)
        self.adopt(model)

    def adopt(self, model: ServedModel) -> None:
        """Answer with this model from the next request on."""
        if self._input_counts is not None:
            self._input_counts.fold()
        self._input_counts = InputCounts(model.card.features, self._metrics)
        self._count_inputs = self._input_counts.add
        self._metrics.predictions.make((label,) for label in labels_of(model.card))
        self._metrics.show_model(model.card.name, model.digest)
        self.model = model

    def one(self, headers: Headers, body: bytes, at_us: int, client: str) -> bytes:
        """The answer to POST /predict as JSON. `at_us`: µs since 1970; `client`: the key's id. Raises Problem."""
        model = self.model
        row = model.rows.one(body)
        identity = self._ids.of_request(headers, client, body, at_us)
        scorer = model.one
        model.encoder.one(row, scorer.buffer)
        began = perf_counter()
        output = scorer.score()
        self._observe_seconds(perf_counter() - began)
        try:
            label, score, answer, record = model.shape(output)
        except NoFiniteAnswerError:
            raise Problem(NO_FINITE_ANSWER) from None
        features = model.rows.text_of_one(body, row)
        key = _key_member(client) if client else b""
        self._log.append(model.record % (identity, at_us, key, features, *record), 1, client)
        self._count_inputs(scorer.buffer)
        self._observe_score(score)
        self._labels[(label,)] += 1
        if self._shadow is not None:
            self._shadow.offer([Work(identity, row, at_us, label)])
        return model.answer % (identity, *answer)

    def batch(self, takes: bytes, gives: bytes) -> Handle:
        """The handler of POST /predict/batch for the request's type and the answer's."""
        read = _read_arrow if takes == ARROW else _read_json
        write = _write_arrow if gives == ARROW else _write_json

        def handle(headers: Headers, body: bytes, at_us: int, client: str) -> bytes:
            model = self.model
            return write(model, self._many(headers, body, read(model, body), at_us, client))

        return handle

    def score(self, headers: Headers, body: bytes, rows: list[Row], at_us: int, client: str) -> Predicted:
        """Predict validated rows. `body`: the request's, from which ids are derived. Raises Problem."""
        model = self.model
        batch = Batch(model.encoder.many(rows), [map(model.rows.text_of, rows)], lambda: rows)
        return self._many(headers, body, batch, at_us, client)

    def _many(self, headers: Headers, body: bytes, batch: Batch, at_us: int, client: str) -> Predicted:
        model, count = self.model, len(batch.matrix)
        identities = self._ids.of_rows(headers, client, body, at_us, count)
        began = perf_counter()
        outputs = model.score(batch.matrix)
        self._observe_seconds(perf_counter() - began)
        try:
            scored = model.shape.many(outputs)
        except NoFiniteAnswerError:
            raise Problem(NO_FINITE_ANSWER) from None
        self._log.append(_records(model, identities, at_us, client, batch, scored), count, client)
        self._count(batch, scored)
        if self._shadow is not None:
            self._shadow.offer(list(map(Work, identities, batch.rows(), repeat(at_us), scored.labels)))
        return Predicted(identities, outputs, scored)

    def _count(self, batch: Batch, scored: ManyScored) -> None:
        self._observe_batch(len(scored.labels))
        self._count_inputs(batch.matrix.tobytes())
        self._observe_scores(scored.scores)
        for label, count in Counter(scored.labels).items():
            self._labels[(label,)] += count


def _records(
    model: ServedModel, identities: list[bytes], at_us: int, client: str, batch: Batch, scored: ManyScored
) -> bytes:
    """A PredictionRecord for each row. One join costs a third of formatting each record."""
    middle = model.record_middle % (at_us, _key_member(client) if client else b"")
    starts = repeat(model.record_start), identities, repeat(middle)
    pieces = zip(*starts, *batch.texts, repeat(b","), *scored.records, repeat(b"}\n"), strict=False)
    return b"".join(chain.from_iterable(pieces))


def _read_json(model: ServedModel, body: bytes) -> Batch:
    rows, matrix = model.batches.read(body)
    return Batch(matrix, [model.rows.text_of_many(body, rows)], lambda: rows)


def _read_arrow(model: ServedModel, body: bytes) -> Batch:
    columns = model.arrow.read(body)
    return Batch(columns.matrix, model.arrow.texts(columns), columns.rows)


def _write_json(model: ServedModel, predicted: Predicted) -> bytes:
    rows = zip(predicted.identities, *predicted.scored.answers, strict=True)
    texts = model.batch_row * len(predicted.identities) % tuple(chain.from_iterable(rows))
    return model.batch_answer % texts[:-1]


def _write_arrow(model: ServedModel, predicted: Predicted) -> bytes:
    return model.arrow_answer.stream(predicted.identities, predicted.scored.labels, predicted.outputs)


def _key_member(client: str) -> bytes:
    return b'"key":"%b",' % client.encode()
