"""Starts the workers of a load test on this machine, or says where those of other machines are to come in."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import Signals

from child_process import last_lines, running
from plan import Ending
from service_process import listening_address

from contracts.exits import CodedError, Exit, FindingError, UsageError
from workers.crew import Crew

WORKER = Path(__file__).resolve().parents[1] / "load_worker.py"
LISTEN_SECONDS = 30.0
POLL_SECONDS = 0.05
# epoll's timers have whole milliseconds
TIMERS = {"GEVENT_BACKEND": "select"}
Process = subprocess.Popen[bytes]


class LostWorkerError(FindingError):
    """A worker was lost under load: what the others sent is no measurement."""


@contextmanager
def started(crew: Crew, master: Process, log: Path, folder: Path) -> Iterator[Mapping[str, Process]]:
    """The workers that run on this machine, by name; none where they are elsewhere, or where no workers are asked for.

    `log`: what the master writes; the workers' are beside it, in `folder`.
    """
    processes: dict[str, Process] = {}
    if crew.is_elsewhere:
        print(f"Waits up to {crew.wait_seconds:g} s for {crew.number} workers: "
              f"`LOAD_MASTER={crew.host}:{crew.port} make load-worker`", flush=True)  # fmt: skip
    with ExitStack() as stack:
        if crew.number and not crew.is_elsewhere:
            address = _wait_for_address(master, log)
            for name in (f"worker-{number + 1}" for number in range(crew.number)):
                command = [sys.executable, str(WORKER), "--master", address, "--name", name]
                processes[name] = stack.enter_context(running(command, folder / f"{name}.log", TIMERS))
        yield processes


def error_of(ending: Ending, processes: Mapping[str, Process], folder: Path) -> CodedError:
    """The error that ends the stage, with what is known of the workers on this machine."""
    if not ending.is_lost:
        return UsageError(ending.sentence, code=ending.code)
    ended = [
        f"{name} ended {_end(process.returncode)}. {last_lines(folder / f'{name}.log')}"
        for name, process in processes.items()
        if process.poll() not in (None, Exit.PASS, Exit.USAGE)
    ]
    return LostWorkerError(" ".join([ending.sentence, *ended]), code=ending.code)


def _end(code: int) -> str:
    return f"by {Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _wait_for_address(master: Process, log: Path) -> str:
    deadline = time.monotonic() + LISTEN_SECONDS
    while not (address := listening_address(log)):
        if master.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The master of the workers did not listen. {last_lines(log)}")
        time.sleep(POLL_SECONDS)
    return address
