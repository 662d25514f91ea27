"""Printed texts from outside are plain: no control character reaches the terminal, no command a log."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.terminal.plain import PlainStream, plain

ROOT = Path(__file__).parents[3]
# A window's title, a line that is overwritten, a screen that is cleared, an eight-bit escape, text turned round, and
# what GitHub's runner takes out of a log as a command.
HOSTILE = {
    "\x1b]0;owned\x07": r"\x1b]0;owned\x07",
    "passed\rfailed": r"passed\rfailed",
    "\x1b[2J": r"\x1b[2J",
    "\x9b31m": r"\x9b31m",
    "\u202egnp.exe": r"\u202egnp.exe",
    "AA ##[add-mask]true": r"AA ##\x5badd-mask]true",
    "AA\n \t::stop-commands::x": "AA\n \t\\x3a:stop-commands::x",
}


@pytest.mark.parametrize("text", HOSTILE)
def test_controls_are_spelled_out(text: str) -> None:
    assert plain(text) == HOSTILE[text]


def test_half_of_a_surrogate_pair_is_spelled_out() -> None:
    assert plain("\ud800 and \udcff") == r"\ud800 and \udcff"


@pytest.mark.parametrize(
    "text", ["a line\nand\tanother", "test_a.py::test_b ## [1]", "Łódź, 東京, 👩‍👩‍👧, −0.5 ≤ x…", ""]
)
def test_other_text_stays(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "cp1252", "utf-8"])
def test_a_terminal_of_any_encoding_shows_what_it_has(encoding: str) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding)
    PlainStream(terminal).write("Łódź ≤ \udcff −0.5\n")
    terminal.seek(0)
    assert terminal.read().encode("ascii", "backslashreplace").decode() == ascii("Łódź ≤ \udcff −0.5")[1:-1] + "\n"


SOURCE = """
import pandas as pd

def load() -> pd.DataFrame:
    raise ValueError("no row of caf\\ud800")
"""


def test_an_error_of_the_users_function_ends_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "cafe.py").write_text(SOURCE, encoding="utf-8")
    text = (ROOT / "pipeline.toml").read_text(encoding="utf-8")
    config = tmp_path / "pipeline.toml"
    config.write_text(re.sub(r'^source = ".*"', 'source = "cafe:load"', text, flags=re.M), encoding="utf-8")
    for encoding in ("utf-8", "ascii"):
        done = subprocess.run(
            [sys.executable, "-m", "training", "data", "--config", config, "--build", tmp_path / "build"],
            cwd=ROOT, capture_output=True, check=False,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONIOENCODING": f"{encoding}:strict"},
        )  # fmt: skip
        assert (done.returncode, b"Traceback" in done.stderr) == (2, False), done.stderr
        assert rb"no row of caf\ud800" in done.stderr


@pytest.mark.parametrize("text", HOSTILE)
def test_a_report_shows_no_control_of_what_a_stage_said(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "build" / "data"
    folder.mkdir(parents=True)
    record = {
        "stage": "data",
        "exit_code": 3,
        "verdict": "refused",
        "headline": f"column {text}",
        "seconds": 1.0,
        "peak_mb": 1,
    }
    (folder / "stage.json").write_text(json.dumps(record))
    done = subprocess.run(
        [sys.executable, "-m", "reports", "report", "--build", str(tmp_path / "build")],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    assert plain(said) == said
    assert "column " in said


@pytest.mark.parametrize("text", HOSTILE)
def test_a_refusal_shows_no_control_of_a_setting(tmp_path: Path, text: str) -> None:
    config = tmp_path / "pipeline.toml"
    config.write_text("[data]\n" + json.dumps(text) + " = 1\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "training", "data", "--config", str(config), "--build", str(tmp_path / "build")],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 2
    assert plain(said) == said
