"""Log lines: JSON, one a line, never too many, never too long, and never a reason to stop."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.http.request_ids import names_of
from service.logs import MAX_LINES_A_SECOND, Throttled, say
from testbed.clients import ROOT, InProcess
from testbed.served_folders import ROW

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def said(captured: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in captured.splitlines()]


def test_a_line_is_one_json_object_whatever_is_in_it(capfd: pytest.CaptureFixture[str]) -> None:
    say("odd", text='a\n"b"\u2028\ud800', path=Path("/x"), number=1)
    (line,) = said(capfd.readouterr().out)
    assert (line["event"], line["path"], line["number"]) == ("odd", "/x", 1)


def test_a_long_line_is_shortened_to_what_a_pipe_takes_whole(capfd: pytest.CaptureFixture[str]) -> None:
    say("crash", error="x" * 100_000 + "the end", route="/predict")
    out = capfd.readouterr().out
    assert len(out) <= 4096
    (line,) = said(out)
    assert str(line["error"]).endswith("the end")


def test_a_flood_is_held_back_and_counted(capfd: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    throttled = Throttled(lambda: now)
    for _ in range(100):
        throttled.say("refused")
    now = 1.0
    throttled.say("refused")
    lines = said(capfd.readouterr().out)
    assert len(lines) == MAX_LINES_A_SECOND + 1
    assert lines[-1]["lines_held_back"] == 100 - MAX_LINES_A_SECOND


def test_a_full_pipe_stops_nothing_and_the_next_line_says_so() -> None:
    program = """
import os
from service.logs import log_as_json, say
log_as_json()
for number in range(5000):
    say("many", number=number)
os.write(2, b"done")
os.read(0, 1)
say("again")
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stderr
        assert child.stdout
        assert child.stderr.read(4) == b"done"
        early = os.read(child.stdout.fileno(), 1_000_000)
        rest, _ = child.communicate(b"x")
    lines = said((early + rest).decode())
    assert lines[-1]["event"] == "again"
    assert lines[-1]["lines_left_out"] == 5000 - (len(lines) - 1)


def test_a_refusal_is_logged_with_its_request_and_trace(service: InProcess, capfd: pytest.CaptureFixture[str]) -> None:
    service.send("/predict", b'{"secret":1}', x_request_id="edge-7", traceparent=TRACE)
    (line,) = [one for one in said(capfd.readouterr().out) if one["event"] == "refused"]
    assert (line["request"], line["trace"], line["problem"]) == ("edge-7", TRACE[3:35], "does-not-fit")
    assert "secret" not in json.dumps(line)


def test_an_answered_request_is_not_logged(service: InProcess, capfd: pytest.CaptureFixture[str]) -> None:
    service.post("/predict", ROW)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    "value", [b"", b"x", TRACE[:-1].encode(), TRACE.upper().encode(), b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01"]
)
def test_a_trace_that_is_none_is_left_out(value: bytes) -> None:
    assert names_of({b"traceparent": value, b"x-request-id": b"a b"}) == {}
