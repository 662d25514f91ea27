"""Starts a process and always ends it: in a session of its own, its output in a file."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STOP_SECONDS = 10.0


@contextmanager
def running(command: Sequence[str], log: Path, settings: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """The process, ended by SIGTERM when the block ends in any way. `settings` go into its environment."""
    process = None
    try:
        with _interrupts_held(), log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": _search_path(), **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the stage, which then ends its processes in order
            )
        yield process
    finally:
        if process is not None:
            stop(process)


def _search_path() -> str:
    """PYTHONPATH, then the checkout: a drill puts a faulty service before it."""
    return os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))


def stop(process: "subprocess.Popen[bytes]", seconds: float = STOP_SECONDS) -> None:
    """End a process by SIGTERM, and by SIGKILL after `seconds`; `returncode` says by which."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def last_lines(log: Path, count: int = 6) -> str:
    """The last lines that a process wrote, as a sentence."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-count:]
    return "Its last lines:\n" + "\n".join(lines) if lines else "It wrote nothing."


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM until the block ends: inside Popen they would leave an orphaned process."""
    held: list[int] = []
    before = {one: signal.signal(one, lambda number, _: held.append(number)) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    for number in held:
        signal.raise_signal(number)
