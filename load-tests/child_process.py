"""A process that the stage starts and always ends: in a session of its own, its output in a file."""

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
    """The process, ended by SIGTERM when the block is left, in whatever way. `settings` go into its environment."""
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
    """The checkout, after what is asked for: a drill puts a service with a fault before it."""
    return os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))


def stop(process: "subprocess.Popen[bytes]", seconds: float = STOP_SECONDS) -> None:
    """End a process by SIGTERM, and by SIGKILL after that many seconds; `returncode` says which it was."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def last_lines(log: Path, count: int = 6) -> str:
    """The end of what a process wrote, as a sentence."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-count:]
    return "Its last lines:\n" + "\n".join(lines) if lines else "It wrote nothing."


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait for the end of the block: inside Popen they would leave a process without an owner."""
    held: list[int] = []
    before = {one: signal.signal(one, lambda number, _: held.append(number)) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    for number in held:
        signal.raise_signal(number)
