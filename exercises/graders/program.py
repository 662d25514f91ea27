"""A learner's program under limits: whatever it does, the grader ends with a sentence, and only its copy is changed.

It runs in a copy of its folder. Its output goes to a file that may not grow beyond MOST_OUTPUT. Every process that it
starts inherits a session and a token in the environment. By these they are found and killed, at the end or when there
are too many: by the token if one has left the session; by the session if its environment was emptied or is hidden
(macOS hides that of its own programs).
"""

import contextlib
import os
import resource
import secrets
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

TOKEN = "GATEHOUSE_EXERCISE"
MEBIBYTE = 1024 * 1024
MOST_OUTPUT = 16 * MEBIBYTE
MOST_FILE_BYTES = 64 * MEBIBYTE
MOST_PROCESSES = 48
LOOKS_EACH_SECOND = 10
MOST_ROUNDS = 200
TAIL_BYTES = 4000
# The variables of the grader's environment that a program gets; a shell's or a workflow's secrets are not among them.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "TMPDIR", "SYSTEMROOT")


class ProgramError(Exception):
    """The program could not be tested, or broke a limit; the text says what was seen."""


@dataclass
class Program:
    """A running program. `stopped_for`: why the grader ended it, or ""."""

    process: "subprocess.Popen[bytes]"
    token: str
    output: Path
    stopped_for: str = ""

    def tail(self) -> str:
        """The last lines of its output."""
        with contextlib.suppress(OSError), self.output.open("rb") as file:
            file.seek(max(0, self.output.stat().st_size - TAIL_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
            return " | ".join(line.strip()[:300] for line in lines[-3:])
        return ""

    def how_it_ended(self) -> str:
        """One sentence on how the program ended."""
        if self.stopped_for:
            return self.stopped_for
        with contextlib.suppress(OSError):
            if self.output.stat().st_size >= MOST_OUTPUT:
                return f"The program printed more than {MOST_OUTPUT // MEBIBYTE} MB and was stopped."
        said = self.tail()
        return f"The program ended with code {self.process.returncode}; " + (f"it said: {said}" if said else "no word.")


def copy_of(folder: Path, to: Path) -> Path:
    """A copy of the learner's folder, without caches; links are refused. Raises ProgramError."""
    if not folder.is_dir():
        raise ProgramError(f"{folder} is no folder.")
    left_out = shutil.ignore_patterns("__pycache__", ".git", ".venv", "node_modules")
    size = sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_symlink())
    if size > MOST_FILE_BYTES:
        raise ProgramError(f"{folder} holds {size // MEBIBYTE} MB; {MOST_FILE_BYTES // MEBIBYTE} are the most.")
    odd = [path.name for path in folder.rglob("*") if path.is_symlink() or not (path.is_file() or path.is_dir())]
    if odd:
        raise ProgramError(f"{folder} holds a link or a device ({odd[0]}). Only files and folders are copied.")
    shutil.copytree(folder, to, ignore=left_out)
    return to


@contextlib.contextmanager
def running(
    command: Sequence[str],
    folder: Path,
    output: Path,
    variables: Mapping[str, str],
    keep_open: Sequence[int] = (),
    most_file_bytes: int = MOST_OUTPUT,
) -> Iterator[Program]:
    """Start it in `folder`; at the end kill it with all its processes."""

    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_file_bytes, most_file_bytes))

    token = secrets.token_hex(16)
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    environment |= {**variables, TOKEN: token}
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=limits, pass_fds=tuple(keep_open),
        )  # fmt: skip
    program = Program(process, token, output)
    ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(program, ended), daemon=True)
    watch.start()
    try:
        yield program
    finally:
        ended.set()
        watch.join()
        kill_all(program)
        process.kill()
        process.wait()


def run_to_end(
    command: Sequence[str],
    folder: Path,
    output: Path,
    variables: Mapping[str, str],
    seconds: float,
    most_file_bytes: int = MOST_OUTPUT,
) -> Program:
    """Run it to its end. Raises ProgramError if it does not end in time."""
    with running(command, folder, output, variables, most_file_bytes=most_file_bytes) as program:
        try:
            program.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ProgramError(
                program.stopped_for or f"The program did not end within {seconds:.0f} s and was stopped."
            ) from None
    if program.stopped_for:
        raise ProgramError(program.stopped_for)
    return program


def kill_all(program: Program) -> None:
    """Kill every process of the program: first stop all, so that none starts another."""
    for _ in range(MOST_ROUNDS):
        busy = [one for one in _processes(program) if not _is_quiet(one)]
        if not busy:
            break
        _signal(busy, signal.SIGSTOP)
    _signal(_processes(program), signal.SIGKILL)


def _is_quiet(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    return True


def _signal(processes: Sequence[psutil.Process], sign: signal.Signals) -> None:
    for one in processes:
        with contextlib.suppress(psutil.Error):
            one.send_signal(sign)


def _processes(program: Program) -> list[psutil.Process]:
    return [one for one in psutil.process_iter() if _is_of(program, one)]


def _is_of(program: Program, one: psutil.Process) -> bool:
    with contextlib.suppress(OSError):
        if one.pid and os.getsid(one.pid) == program.process.pid:
            return True
    with contextlib.suppress(psutil.Error, OSError):
        return bool(one.environ().get(TOKEN) == program.token)
    return False


def _watch(program: Program, ended: threading.Event) -> None:
    """End the program at once if it has too many processes or too much output."""
    while not ended.wait(1 / LOOKS_EACH_SECOND):
        if len(_processes(program)) > MOST_PROCESSES:
            program.stopped_for = f"The program started more than {MOST_PROCESSES} processes and was stopped."
        elif program.output.exists() and program.output.stat().st_size >= MOST_OUTPUT:
            program.stopped_for = f"The program printed more than {MOST_OUTPUT // MEBIBYTE} MB and was stopped."
        if program.stopped_for:
            kill_all(program)
            return
