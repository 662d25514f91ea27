"""A learner's program that hangs, forks, prints without end or deletes its folder ends with a sentence."""

import shutil
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from contracts.stage import Build
from exercises.graders import asking
from exercises.graders.checks.api import EXERCISE
from exercises.graders.grading import Grade, Place, grade
from exercises.graders.program import running

ANSWERS = "from fastapi import FastAPI\napp = FastAPI()\n"
HANGS_AT_START = "import time\ntime.sleep(3600)\n"
# Each child leaves the session and forks again, so that no parent knows it.
FORKS = "import os, time\nwhile True:\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork():\n            os._exit(0)\n        time.sleep(600)\n    time.sleep(0.02)\n"  # noqa: E501
PRINTS = "print('x' * 1_000_000_000)\n" + ANSWERS
PRINTS_LINES = (
    "import sys\nwhile True:\n    try:\n        sys.stdout.write('x' * 100_000)\n    except OSError:\n        pass\n"
)
DELETES = "import pathlib, shutil\nshutil.rmtree(pathlib.Path(__file__).parent, ignore_errors=True)\nshutil.rmtree('.', ignore_errors=True)\n"  # noqa: E501
DELETES_MODEL = "import os, shutil\nshutil.rmtree(os.environ['MODEL_DIR'])\n" + ANSWERS
HANGS_AT_REQUEST = ANSWERS + "import time\n@app.post('/predict')\ndef predict():\n    time.sleep(3600)\n"
ENDLESS_ANSWER = ANSWERS + (
    "from fastapi.responses import StreamingResponse\n@app.post('/predict')\ndef predict():\n"
    "    return StreamingResponse(iter(lambda: b'x' * 65536, None))\n"
)


def graded(tmp_path: Path, program: str, build: Build) -> Grade:
    folder = tmp_path / "01-api"
    folder.mkdir()
    (folder / "app.py").write_text(program, encoding="utf-8")
    seen = grade(EXERCISE, Place(folder, build.root))
    assert (folder / "app.py").read_text(encoding="utf-8") == program
    assert (build.challenger / "model.onnx").is_file()
    assert left_behind(tmp_path) == []
    return seen


def left_behind(root: Path) -> list[int]:
    """Processes that were given a model under `root` and still run."""
    found = []
    for one in psutil.process_iter():
        try:
            is_ours = one.environ().get("MODEL_DIR", "").startswith(str(root))
            if is_ours and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one.pid)
        except psutil.Error:
            continue
    return found


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The limits of time, shorter: what is shown is that they hold. Copies lie where a test can tell its own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(asking, "START_SECONDS", 8.0)
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 1.0)


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        (HANGS_AT_START, "did not answer within 8 s"),
        (FORKS, "started more than 48 processes"),
        (PRINTS, "printed more than 16 MB"),
        (PRINTS_LINES, "printed more than 16 MB"),
        (DELETES, "The program ended with code"),
        ("import os\nos.abort()\n", "The program ended with code -6"),
        ("raise RuntimeError('no luck')\n", "no luck"),
    ],
    ids=["hangs", "forks", "prints at once", "prints for ever", "deletes its folder", "aborts", "raises"],
)
def test_a_program_that_does_not_start_ends_with_a_sentence(
    program: str, sentence: str, build: Build, tmp_path: Path
) -> None:
    seen = graded(tmp_path, program, build)
    assert sentence in seen.stopped
    assert seen.count("not asked") == len(EXERCISE.checks)


@pytest.mark.parametrize(
    ("program", "sentence"),
    [(HANGS_AT_REQUEST, "no whole answer within 1 s"), (ENDLESS_ANSWER, "sent more than 2 MB")],
    ids=["hangs", "sends for ever"],
)
def test_an_answer_without_end_fails_its_check_alone(program: str, sentence: str, build: Build, tmp_path: Path) -> None:
    seen = graded(tmp_path, program, build)
    assert not seen.stopped
    assert sentence in seen.results[0].seen


def test_a_program_deletes_a_copy_of_the_model_and_no_more(build: Build, tmp_path: Path) -> None:
    seen = graded(tmp_path, DELETES_MODEL, build)
    assert seen.count("pass") == 0


def test_a_child_without_an_environment_is_ended_with_the_program(tmp_path: Path) -> None:
    child = "import subprocess; print(subprocess.Popen(['sleep', '600'], env={}).pid)"
    output = tmp_path / "output"
    with running([sys.executable, "-c", child], tmp_path, output, {}) as program:
        program.process.wait(30)
        pid = int(output.read_text(encoding="utf-8"))
        assert is_running(pid)
    # Killed is not yet gone: the kernel ends it a moment later.
    deadline = time.monotonic() + 30
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_folder_with_a_link_is_not_copied(build: Build, tmp_path: Path) -> None:
    folder = tmp_path / "01-api"
    shutil.copytree(Path("exercises/01-api"), folder)
    (folder / "data").symlink_to("/etc")
    seen = grade(EXERCISE, Place(folder, build.root))
    assert "(data)" in seen.stopped
