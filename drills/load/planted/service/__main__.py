"""Starts the real service with the fault that DRILL_FAULT names, if it is the challenger that it serves."""

import os
import re
import runpy
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from service.formats.encoding import RowEncoder
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
new_id = IdSource.new
append = RecordLog.append
FEATURES = re.compile(rb'"features":\{[^}]*\}')


def slower(share: float) -> Handle:
    """So much more CPU seconds than the service itself has used since it began to answer."""

    def handle(self: Predictor, headers: Mapping[bytes, bytes], body: bytes, at_us: int, client: str) -> bytes:
        global answered, burnt_seconds
        content = answer(self, headers, body, at_us, client)
        answered += 1
        if answered == 1:
            burnt_seconds = share * time.process_time() / (1 + share)  # what came before is no request's
        while burnt_seconds < share * (time.process_time() - burnt_seconds):
            began = time.process_time()
            while time.process_time() - began < 20e-6:
                pass
            burnt_seconds += time.process_time() - began
        return content

    return handle


def late(self: Predictor, headers: Mapping[bytes, bytes], body: bytes, at_us: int, client: str) -> bytes:
    """Every answer waits, and burns nothing."""
    time.sleep(LATE_SECONDS)
    return answer(self, headers, body, at_us, client)


def fails(self: Predictor, headers: Mapping[bytes, bytes], body: bytes, at_us: int, client: str) -> bytes:
    """One request in a hundred ends in 500."""
    global answered
    answered += 1
    if answered % ONE_IN == 0:
        raise RuntimeError("a drill")
    return answer(self, headers, body, at_us, client)


def stalls(self: Predictor, headers: Mapping[bytes, bytes], body: bytes, at_us: int, client: str) -> bytes:
    """Once, nobody is answered for two seconds."""
    global answered
    answered += 1
    if answered == STALL_AT:
        time.sleep(STALL_SECONDS)
    return answer(self, headers, body, at_us, client)


def leaks(self: Predictor, headers: Mapping[bytes, bytes], body: bytes, at_us: int, client: str) -> bytes:
    """Something of every request is kept for ever."""
    kept.append(os.urandom(LEAKED_BYTES))
    return answer(self, headers, body, at_us, client)


def lies(self: Predictor, headers: Mapping[bytes, bytes], body: bytes, at_us: int, client: str) -> bytes:
    """One probability in a hundred is another one, with status 200."""
    global answered
    answered += 1
    content = answer(self, headers, body, at_us, client)
    return content.replace(b'"probability":0.', b'"probability":0.9') if answered % ONE_IN == 0 else content


def leaks_slowly(self: Predictor, headers: Mapping[bytes, bytes], body: bytes, at_us: int, client: str) -> bytes:
    """Two kilobytes of every request are kept: 8 MB in the test, and all of the memory after an hour."""
    kept.append(os.urandom(SLOWLY_LEAKED_BYTES))
    return answer(self, headers, body, at_us, client)


def remembers_rows(self: Predictor, headers: Mapping[bytes, bytes], body: bytes, at_us: int, client: str) -> bytes:
    """A cache of answers without a bound: it grows by each distinct row."""
    remembered.setdefault(body, os.urandom(SLOWLY_LEAKED_BYTES))
    return answer(self, headers, body, at_us, client)


def hoards_late(self: Predictor, headers: Mapping[bytes, bytes], body: bytes, at_us: int, client: str) -> bytes:
    """What is kept of a request grows with the hour: small at the start, ever larger later."""
    kept.append(os.urandom(len(kept)))
    return answer(self, headers, body, at_us, client)


def in_batches(self: Predictor, *asked: Any) -> Predicted:
    """Of a batch, the answers stand in another order than the rows."""
    seen = many(self, *asked)
    scored = seen.scored._replace(
        labels=seen.scored.labels[::-1], answers=tuple(one[::-1] for one in seen.scored.answers)
    )
    return seen._replace(scored=scored, outputs=seen.outputs[::-1])


def without_the_last_row(self: Predictor, *asked: Any) -> Predicted:
    """The last row of a batch is not answered."""
    seen = many(self, *asked)
    scored = seen.scored._replace(
        labels=seen.scored.labels[:-1], answers=tuple(one[:-1] for one in seen.scored.answers)
    )
    return seen._replace(identities=seen.identities[:-1], scored=scored, outputs=seen.outputs[:-1])


def without_the_last_category(self: RowEncoder, *asked: Any) -> Any:
    """A batch's encoder does not know the last category of each column that is in it."""
    matrix = encode(self, *asked)
    for place, _ in self._codes:
        matrix[:, place][matrix[:, place] == matrix[:, place].max()] = -1
    return matrix


def same_id(self: IdSource, at_us: int) -> bytes:
    """One id in a hundred was given before."""
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
    """Numbers are logged without what stands behind the point."""
    return append(self, re.sub(rb"(?<=:)( ?-?\d+)\.\d+(?=,|})", rb"\1", lines), records)


def late_by_one(self: RecordLog, lines: bytes, records: int = 1) -> int:
    """With each id stand the features of the row before."""
    own = re.search(FEATURES, lines)
    if own is None or records > 1:
        return append(self, lines, records)
    given.append(own[0])
    return append(self, lines.replace(own[0], given[-2] if len(given) > 1 else own[0]), records)


def other_probability(self: RecordLog, lines: bytes, records: int = 1) -> int:
    """The log has another probability than the answer."""
    return append(self, re.sub(rb'"probabilities":\[0\.\d', b'"probabilities":[0.0', lines), records)


FAULTS: dict[str, Handle] = {
    "slower_by_a_fifth": slower(0.2),
    "slower_by_a_half": slower(0.5),
    "answers_late": late,
    "fails": fails,
    "stalls": stalls,
    "leaks": leaks,
    "leaks_slowly": leaks_slowly,
    "remembers_rows": remembers_rows,
    "hoards_late": hoards_late,
    "lies": lies,
}
ELSEWHERE: dict[str, tuple[type, str, Callable[..., Any]]] = {
    "turns_batches": (Predictor, "_many", in_batches),
    "loses_the_last_row": (Predictor, "_many", without_the_last_row),
    "forgets_a_category": (RowEncoder, "of_columns", without_the_last_category),
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
        place = ELSEWHERE.get(fault) or (Predictor, "one", FAULTS[fault])
        setattr(*place)
    runpy.run_path(str(REAL), run_name="__main__")
