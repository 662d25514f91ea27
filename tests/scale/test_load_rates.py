"""The rate that one process can send, and that three workers can, on the cores of one machine. The service is real."""

import sys
from pathlib import Path

import pytest

from contracts.schema import read_json
from contracts.stage import Context
from testbed.tiny_build import config, tiny_build

sys.path.insert(0, str(Path(__file__).parents[2] / "load-tests"))

from plan import Measured
from run import load_test
from service_process import SERVICE

RATES = (2000.0, 3000.0, 4000.0, 5000.0)
SECONDS = 4.0


def test_every_request_is_counted_however_late_it_was_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Prints the figures; which of the two is ahead is up to the cores."""
    build = tiny_build(tmp_path / "build")
    for rate in RATES:
        for number in (1, 3):
            monkeypatch.setenv("LOAD_WORKERS", str(number) if number > 1 else "")
            folder = tmp_path / f"{rate:.0f}-{number}"
            folder.mkdir()
            load = {"requests_per_second": rate, "connections": 24, "seconds": SECONDS, "min_rate_share": 0.01}
            load_test(Context(config(**load), build, folder), SERVICE)
            sent = read_json(folder / "measured.json", Measured, "make load-test").samples
            assert len(sent) == SECONDS * rate
            answered = sum(one.done_s <= SECONDS + 0.1 and not one.fault for one in sent)
            late = sorted(1000 * (one.sent_s - one.due_s) for one in sent)[len(sent) // 2]
            with capsys.disabled():
                print(
                    f"\n  {rate:.0f}/s asked, {number} sending: {answered / SECONDS:.0f}/s answered in time, sent "
                    f"{late:.1f} ms late at the median",
                    end="",
                )
