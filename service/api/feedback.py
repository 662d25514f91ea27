"""POST /feedback: labels (what really happened) by prediction id. Each label has an outcome, which is counted.

An edge replays a request when its replica dies. A label that the first replica has recorded is "recorded" then, not
"repeated".

recorded    it is in the log of labels. With REQUEST_LOG_BUCKET so is one whose prediction this replica does not have:
            another may, and a reader of all their logs brings the two together (LabelRecord.for_keys)
unknown     no prediction with this id is in the log (never made, dropped by a full disk, or removed by retention), or
            it was made with another key, whose predictions this key may not label
repeated    this prediction has a label already; the first one stays
late        the prediction is older than FEEDBACK_DAYS
misdated    `observed_us` is before the prediction, or in the future, by more than LABEL_CLOCK_SKEW_SECONDS: the time
            decides to which day a label counts, and with that how sure the drift job is of what it measures
malformed   it is no label (labels.py): no id, or an actual value that the model could not have given
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from contracts.model_folder import ModelCard
from contracts.request_log import LABELS_GLOB, PREDICTIONS_GLOB, LabelRecord
from service.api.label_reader import read_label
from service.formats.json_rows import refuse_duplicate_keys
from service.http.load_shedding import refused_for_now
from service.http.problems import DOES_NOT_FIT, NOT_JSON, Problem
from service.log.index import BROUGHT, MINUTE_US, RECORD, Entry, IdIndex
from service.log.writer import KeyedLog
from service.metrics import Metrics
from service.prediction.ids import derived_of_parts

FeedbackOutcome = Literal["recorded", "unknown", "repeated", "late", "misdated", "malformed"]
MAX_LABELS = 1000
MAX_FEEDBACK_BYTES = MAX_LABELS * 1024
_US_PER_DAY = 86_400 * 1_000_000


class FeedbackAnswer(BaseModel):
    """The outcome of each label, in the order of the request."""

    recorded: int
    outcomes: list[FeedbackOutcome]


class _Envelope(BaseModel):
    """The body without its labels: each is validated on its own, so that one bad label does not lose the others."""

    model_config = ConfigDict(extra="forbid", strict=True)

    labels: Annotated[list[Any], Field(min_length=1, max_length=MAX_LABELS)]


def label_type(card: ModelCard) -> type[BaseModel]:
    """One label, for the documentation."""
    actual: Any = Literal[card.classes] if card.classes else float
    moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    return create_model(
        "Label",
        __doc__=f"What `{card.target}` really was for one prediction.",
        __config__=ConfigDict(extra="forbid"),
        id=(str, Field(description="the prediction's id")),
        actual=(actual, Field(description=f"the real {card.target}")),
        observed_us=(
            int | moment | None,
            Field(default=None, description="when it happened: microseconds since 1970, or RFC 3339 with an offset"),
        ),
    )


def labels_type(label: type[BaseModel]) -> type[BaseModel]:
    """The body of POST /feedback, for the documentation: what is no label is answered too, as malformed."""
    anything = Annotated[Any, Field(title="Malformed", description="anything else; its outcome is `malformed`")]
    items: Any = Annotated[label | anything, Field(union_mode="left_to_right")]
    bounded: Any = Annotated[list[items], Field(min_length=1, max_length=MAX_LABELS)]
    return create_model(
        "Labels", __doc__="One or many labels.", __config__=ConfigDict(extra="forbid"), labels=(bounded, ...)
    )


class _Known(NamedTuple):
    """What the log holds of one request's labels: their predictions, their labels, and which of them it brought."""

    predictions: dict[str, Entry]
    labels: dict[str, Entry]
    brought: dict[str, Entry]


class Feedback:
    """Takes labels for the predictions in one folder."""

    def __init__(
        self,
        folder: Path,
        log: KeyedLog,
        max_age_days: int,
        clock_skew_seconds: int,
        may_label: Callable[[str, str], bool],
        metrics: Metrics,
        labels_of: Callable[[str], tuple[str, ...]] | None = None,
    ) -> None:
        """`clock_skew_seconds`: how far the clocks of clients may differ from this one.

        `may_label`: whether the key with the first id may label predictions made with the second.

        `labels_of`: whose predictions a key may label, where other replicas have logs that this one cannot see.
        """
        self._predictions = IdIndex(folder, PREDICTIONS_GLOB, RECORD)
        self._labels = IdIndex(folder, LABELS_GLOB, RECORD, BROUGHT)
        self._log = log
        self._may_label = may_label
        self._labels_of = labels_of
        self._max_age_us = max_age_days * _US_PER_DAY
        self._clock_skew_us = clock_skew_seconds * 1_000_000
        self._metrics = metrics
        metrics.feedback.make((outcome,) for outcome in get_args(FeedbackOutcome))
        self._one_at_a_time = asyncio.Lock()

    async def take(self, body: bytes, card: ModelCard, client: str, headers: Mapping[bytes, bytes]) -> FeedbackAnswer:
        """Record the labels in `body`. Raises Problem where it is not a list of labels at all."""
        labels = _labels_in(body)
        brought = derived_of_parts(headers, client, body, len(labels)) or [b""] * len(labels)
        async with self._one_at_a_time:
            at_us = time.time_ns() // 1000
            records = [
                _record_of(label, card, at_us, client, name.decode())
                for label, name in zip(labels, brought, strict=True)
            ]
            known = await asyncio.to_thread(self._look_up, [record for record in records if record])
            new: dict[str, LabelRecord] = {}
            outcomes = [self._judge(record, client, known, new) for record in records]
            if new:
                lines = "".join(record.model_dump_json(exclude_none=True) + "\n" for record in new.values())
                if self._log.append(lines.encode(), len(new), client) < len(new):
                    # The disk is full or fails: to be sent again later.
                    raise refused_for_now()
                self._metrics.last_feedback.set(at_us / 1e6)
        for outcome in outcomes:
            self._metrics.feedback.add(outcome)
        return FeedbackAnswer(recorded=outcomes.count("recorded"), outcomes=outcomes)

    def _look_up(self, records: list[LabelRecord]) -> _Known:
        """What all replicas have written of these labels. In a thread: predictions do not wait for it."""
        self._predictions.refresh()
        self._labels.refresh()
        ids = [record.id for record in records]
        brought = [record.brought for record in records if record.brought]
        return _Known(
            self._predictions.entries_of(ids), self._labels.entries_of(ids), self._labels.entries_of(brought, BROUGHT)
        )

    def _judge(
        self, record: LabelRecord | None, client: str, known: _Known, new: dict[str, LabelRecord]
    ) -> FeedbackOutcome:
        """What becomes of a label. It is added to `new` where it has to be written."""
        if record is None:
            return "malformed"
        prediction = known.predictions.get(record.id)
        if prediction is None and self._labels_of is not None:
            record = record.model_copy(update={"for_keys": self._labels_of(client)})
        elif prediction is None or not self._may_label(client, prediction.key):
            return "unknown"
        label = known.labels.get(record.id)
        # Where the prediction is not here, another key's label may not be one.
        if record.id in new or (label is not None and (prediction is not None or label.key == client)):
            # Recorded by this very request, on a replica that died before it could answer, or repeated.
            return "recorded" if record.brought in known.brought else "repeated"
        if prediction is not None and record.at_us - prediction.minute * MINUTE_US > self._max_age_us:
            return "late"
        if self._is_misdated(record, prediction):
            return "misdated"
        new[record.id] = record
        return "recorded"

    def _is_misdated(self, record: LabelRecord, prediction: Entry | None) -> bool:
        """Whether it happened before it was predicted, or has not happened yet."""
        if record.observed_us is None:
            return False
        earliest = 0 if prediction is None else prediction.minute * MINUTE_US - self._clock_skew_us
        return not earliest <= record.observed_us <= record.at_us + self._clock_skew_us


_read_envelope = TypeAdapter(_Envelope).validate_json


def _labels_in(body: bytes) -> list[Any]:
    try:
        envelope = _read_envelope(body)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise Problem(NOT_JSON) from None
        raise Problem(
            DOES_NOT_FIT, (("#/labels", f"a list of 1 to {MAX_LABELS} labels, and nothing beside it"),)
        ) from None
    refuse_duplicate_keys(body)
    return envelope.labels


def _record_of(label: Any, card: ModelCard, at_us: int, client: str, brought: str) -> LabelRecord | None:
    """The label as a record; None where it is none."""
    read = read_label(label, card)
    if read is None:
        return None
    return LabelRecord(
        id=read.id, at_us=at_us, brought=brought or None, key=client or None, actual=read.actual,
        observed_us=read.observed_us,
    )  # fmt: skip
