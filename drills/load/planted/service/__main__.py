"""Starts the real service with the fault that DRILL_FAULT names, if it is the challenger that it serves."""

import os
import runpy
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from service.prediction.predictor import Predictor

Handle = Callable[[Predictor, Mapping[bytes, bytes], bytes, int, str], bytes]

LATE_SECONDS = 0.002
ONE_IN = 100
STALL_AT, STALL_SECONDS = 500, 2.0
LEAKED_BYTES = 80_000

answered = 0
burnt_seconds = 0.0
kept: list[bytes] = []
answer: Handle = Predictor.one


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


FAULTS: dict[str, Handle] = {
    "slower_by_a_fifth": slower(0.2),
    "slower_by_a_half": slower(0.5),
    "answers_late": late,
    "fails": fails,
    "stalls": stalls,
    "leaks": leaks,
    "lies": lies,
}
REAL = Path(__file__).resolve().parents[4] / "service" / "__main__.py"

if __name__ == "__main__":
    fault = os.environ.get("DRILL_FAULT", "")
    if fault and Path(os.environ["MODEL_DIR"]).parent.name == "train":
        Predictor.one = FAULTS[fault]  # type: ignore[method-assign, assignment]  # that is the fault
    runpy.run_path(str(REAL), run_name="__main__")
