"""Starts the real service; if it serves the challenger, with the fault that DRILL_FAULT names."""

import os
import re
import runpy
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from service.formats.encoding import RowEncoder
from service.formats.row_dates import RowDates
from service.formats.row_schema import Row
from service.log.writer import RecordLog
from service.prediction.ids import IdSource
from service.prediction.predictor import Predicted, Predictor

Handle = Callable[[Predictor, Mapping[bytes, bytes], bytes, int, str], bytes]

LATE_SECONDS = 0.002
ONE_IN = 100
STALL_AT, STALL_SECONDS = 500, 2.0
LEAKED_BYTES = 80_000
SLOWLY_LEAKED_BYTES = 2_000

answered = 0
burnt_seconds = 0.0
kept: list[bytes] = []
given: list[bytes] = []
remembered: dict[bytes, bytes] = {}
answer: Handle = Predictor.one
many: Callable[..., Predicted] = Predictor._many
encode: Callable[..., Any] = RowEncoder.of_columns
read_dates: Callable[[RowDates, Row], Row] = RowDates.one
new_id = IdSource.new
append = RecordLog.append
FEATURES = re.compile(rb'"features":\{[^}]*\}')


def slower(share: float) -> Handle:
    """Burn this share of the CPU time that the service itself has used since its first answer."""

    def handle(self: Predictor, headers: Mapping[bytes, bytes], body: bytes, at_us: int, client: str) -> bytes:
        global answered, burnt_seconds
        content = answer(self, headers, body, at_us, client)
        answered += 1
        if answered == 1:
            burnt_seconds = share * time.process_time() / (1 + share)  # leaves out what the start cost
        while burnt_seconds < share * (time.process_time() - burnt_seconds):
            began = time.process_time()
            while time.process_time() - began < 20e-6:
                pass
            burnt_seconds += time.process_time() - began
        return content

    return handle


def lies(self: Predictor, headers: Mapping[bytes, bytes], body: bytes, at_us: int, client: str) -> bytes:
    """One probability in a hundred is wrong, with status 200."""
    global answered
    answered += 1
    content = answer(self, headers, body, at_us, client)
    return content.replace(b'"probability":0.', b'"probability":0.9') if answered % ONE_IN == 0 else content


def before(act: Callable[[bytes], object]) -> Handle:
    """Do something with a request's body before it is answered."""

    def handle(self: Predictor, headers: Mapping[bytes, bytes], body: bytes, at_us: int, client: str) -> bytes:
        act(body)
        return answer(self, headers, body, at_us, client)

    return handle


def fail(_: bytes) -> None:
    """Fail one request in a hundred with status 500."""
    global answered
    answered += 1
    if answered % ONE_IN == 0:
        raise RuntimeError("a drill")


def stall(_: bytes) -> None:
    """Answer nobody for two seconds, once."""
    global answered
    answered += 1
    if answered == STALL_AT:
        time.sleep(STALL_SECONDS)


def in_batches(self: Predictor, *asked: Any) -> Predicted:
    """The answers of a batch are in another order than its rows."""
    return _answers_of(many(self, *asked), slice(None, None, -1))


def without_the_last_row(self: Predictor, *asked: Any) -> Predicted:
    """The last row of a batch is not answered."""
    seen = many(self, *asked)
    return _answers_of(seen, slice(-1))._replace(identities=seen.identities[:-1])


def _answers_of(seen: Predicted, rows: slice) -> Predicted:
    scored = seen.scored._replace(
        labels=seen.scored.labels[rows], answers=tuple(one[rows] for one in seen.scored.answers)
    )
    return seen._replace(scored=scored, outputs=seen.outputs[rows])


def without_the_last_category(self: RowEncoder, *asked: Any) -> Any:
    """The encoder of batches does not know the last category of each column of a batch."""
    matrix = encode(self, *asked)
    for place, _ in self._codes:
        matrix[:, place][matrix[:, place] == matrix[:, place].max()] = -1
    return matrix


def an_hour_late(self: RowDates, row: Row) -> Row:
    """The hour that is made of a date is the next one."""
    made = read_dates(self, row)
    return made | {name: (made[name] + 1) % 24 for name in made if name.endswith("_hour")}


def same_id(self: IdSource, at_us: int) -> bytes:
    """One id in a hundred is that of an earlier request."""
    global answered
    answered += 1
    identity = new_id(self, at_us)
    if answered % ONE_IN == 0:
        return given[-1]
    given.append(identity)
    return identity


def unlogged(self: RecordLog, lines: bytes, records: int = 1) -> int:
    """One record in a hundred is not written."""
    global answered
    answered += records
    return 0 if answered % ONE_IN == 0 else append(self, lines, records)


def rounded(self: RecordLog, lines: bytes, records: int = 1) -> int:
    """Numbers are logged without their decimals."""
    return append(self, re.sub(rb"(?<=:)( ?-?\d+)\.\d+(?=,|})", rb"\1", lines), records)


def late_by_one(self: RecordLog, lines: bytes, records: int = 1) -> int:
    """Each id is logged with the features of the previous row."""
    own = re.search(FEATURES, lines)
    if own is None or records > 1:
        return append(self, lines, records)
    given.append(own[0])
    return append(self, lines.replace(own[0], given[-2] if len(given) > 1 else own[0]), records)


def other_probability(self: RecordLog, lines: bytes, records: int = 1) -> int:
    """Probabilities are logged wrongly."""
    return append(self, re.sub(rb'"probabilities":\[0\.\d', b'"probabilities":[0.0', lines), records)


FAULTS: dict[str, Handle] = {
    "slower_by_a_fifth": slower(0.2),
    "slower_by_a_half": slower(0.5),
    "answers_late": before(lambda _: time.sleep(LATE_SECONDS)),
    "fails": before(fail),
    "stalls": before(stall),
    "leaks": before(lambda _: kept.append(os.urandom(LEAKED_BYTES))),
    "leaks_slowly": before(lambda _: kept.append(os.urandom(SLOWLY_LEAKED_BYTES))),
    # A cache of answers without a limit: it grows with each distinct row.
    "remembers_rows": before(lambda body: remembered.setdefault(body, os.urandom(SLOWLY_LEAKED_BYTES))),
    "lies": lies,
}
OF_OTHER_PARTS: dict[str, tuple[type, str, Callable[..., Any]]] = {
    "turns_batches": (Predictor, "_many", in_batches),
    "loses_the_last_row": (Predictor, "_many", without_the_last_row),
    "forgets_a_category": (RowEncoder, "of_columns", without_the_last_category),
    "reads_dates_an_hour_late": (RowDates, "one", an_hour_late),
    "gives_an_id_twice": (IdSource, "new", same_id),
    "drops_records": (RecordLog, "append", unlogged),
    "logs_rounded": (RecordLog, "append", rounded),
    "logs_the_row_before": (RecordLog, "append", late_by_one),
    "logs_another_probability": (RecordLog, "append", other_probability),
}
REAL = Path(__file__).resolve().parents[4] / "service" / "__main__.py"

if __name__ == "__main__":
    fault = os.environ.get("DRILL_FAULT", "")
    if fault and Path(os.environ["MODEL_DIR"]).parent.name == "train":
        place = OF_OTHER_PARTS.get(fault) or (Predictor, "one", FAULTS[fault])
        setattr(*place)
    runpy.run_path(str(REAL), run_name="__main__")
