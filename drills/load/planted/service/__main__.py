"""Starts the real service with the fault that DRILL_FAULT names, if it is the challenger that it serves."""

import os
import runpy
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from service.prediction.predictor import Predictor

Handle = Callable[[Predictor, Mapping[bytes, bytes], bytes, int, str], bytes]

SLOWER_BY = 0.20
ONE_IN = 100
STALL_AT, STALL_SECONDS = 500, 2.0
LEAKED_BYTES = 80_000

answered = 0
burnt_seconds = 0.0
kept: list[bytes] = []
answer: Handle = Predictor.one


def slower(self: Predictor, headers: Mapping[bytes, bytes], body: bytes, at_us: int, client: str) -> bytes:
    """A fifth more CPU seconds than the service itself has used since it began to answer."""
    global answered, burnt_seconds
    content = answer(self, headers, body, at_us, client)
    answered += 1
    if answered == 1:
        burnt_seconds = SLOWER_BY * time.process_time() / (1 + SLOWER_BY)  # what came before is no request's
    while burnt_seconds < SLOWER_BY * (time.process_time() - burnt_seconds):
        began = time.process_time()
        while time.process_time() - began < 20e-6:
            pass
        burnt_seconds += time.process_time() - began
    return content


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


FAULTS: dict[str, Handle] = {"slower": slower, "fails": fails, "stalls": stalls, "leaks": leaks, "lies": lies}
REAL = Path(__file__).resolve().parents[4] / "service" / "__main__.py"

if __name__ == "__main__":
    fault = os.environ.get("DRILL_FAULT", "")
    if fault and Path(os.environ["MODEL_DIR"]).parent.name == "train":
        Predictor.one = FAULTS[fault]  # type: ignore[method-assign, assignment]  # that is the fault
    runpy.run_path(str(REAL), run_name="__main__")
