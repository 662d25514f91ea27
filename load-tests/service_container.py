"""Runs the service's image as in production: a hardened container with the limits of compose.yaml.

Its request log is in a folder of this machine, which drift reads. The image's user can write there, and the files
belong to the group of the user who runs the stage. The image's health check is off, because each would start a Python
process during the load; this module checks readiness itself.
"""

import contextlib
import json
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from child_process import STOP_SECONDS, last_lines
from process_figures import Watched
from service_process import POLL_SECONDS, READY_SECONDS, ServiceError, readiness
from workers.crew import LOOPBACK

from deploy.engine import NO_RIGHTS, docker

LIMITS = ("--cpus=1", "--memory=512m", "--memory-swap=512m", "--pids-limit=128")
PORT = "8000/tcp"
# Sticky: the folder's owner and the image's user both write here, but only the owner can remove the other's files.
OPEN_TO_ALL = 0o3777
KILLED = 128 + signal.SIGKILL


@dataclass
class Container:
    """A running container of the service, and the `docker wait` that ends when it does."""

    name: str
    log: Path
    waiting: "subprocess.Popen[bytes]"
    url: str = ""
    was_killed: bool = False

    @property
    def watched(self) -> Watched:
        """Its process on this machine, or the container, if the engine runs elsewhere."""
        found = docker("inspect", "--format", "{{.State.Pid}} {{.Id}}", self.name).split()
        pid, identity = int(found[0]), found[1]
        try:
            is_here = identity in Path(f"/proc/{pid}/cgroup").read_text()
        except OSError:
            is_here = False
        return Watched(pid, "" if is_here else self.name)

    def check_alive(self, when: str) -> None:
        """Raises ServiceError if the container has ended."""
        if self.waiting.poll() is None:
            return
        state = json.loads(docker("inspect", "--format", "{{json .State}}", self.name))
        why = "it needed more than its memory limit" if state["OOMKilled"] else f"with exit code {state['ExitCode']}"
        self.keep_log()
        raise ServiceError(f"The service ended by itself {when}, {why}. {last_lines(self.log)}")

    def keep_log(self) -> None:
        """Write what it said so far to service.log."""
        with self.log.open("wb") as output:
            subprocess.run(["docker", "logs", self.name], stdout=output, stderr=subprocess.STDOUT, check=False)

    def stop(self) -> None:
        docker("stop", f"--time={STOP_SECONDS:.0f}", self.name)
        self.was_killed = docker("inspect", "--format", "{{.State.ExitCode}}", self.name) == str(KILLED)
        self.keep_log()


@contextlib.contextmanager
def served_image(
    image: str,
    request_log: Path,
    log: Path,
    model: Path | None = None,
    ready_seconds: float = READY_SECONDS,
    host: str = LOOPBACK,
) -> Iterator[Container]:
    """A ready container of the image, stopped at the end whatever happens. `model`: another model folder, mounted;
    `host`: the address of this machine where it listens.

    Raises ServiceError, and EngineError where the engine cannot run it.
    """
    request_log.mkdir(parents=True, exist_ok=True)
    request_log.chmod(OPEN_TO_ALL)
    name = f"gatehouse-load-{secrets.token_hex(6)}"
    try:
        docker("run", "--detach", f"--name={name}", *_options(request_log, model, host), image)
        with subprocess.Popen(["docker", "wait", name], stdout=subprocess.DEVNULL) as waiting:
            try:
                container = Container(name, log, waiting)
                _wait_until_ready(container, ready_seconds)
                yield container
                container.check_alive("before it was told to")
                container.stop()
            finally:
                waiting.kill()
    finally:
        docker("rm", "--force", "--volumes", name)


def _options(request_log: Path, model: Path | None, host: str) -> Sequence[str]:
    mounts = [f"--volume={request_log.resolve()}:/requests"]
    if model is not None:
        mounts.append(f"--volume={model.resolve()}:/model:ro")
    # A free port: the engine says which. Nobody has to be told to send elsewhere before it stops.
    return (
        *NO_RIGHTS, *LIMITS, *mounts, "--tmpfs=/tmp", "--no-healthcheck", f"--publish={host}::8000",
        "--env=DRAIN_SECONDS=0",
    )  # fmt: skip


def _wait_until_ready(container: Container, seconds: float) -> None:
    container.check_alive("before it was ready")
    container.url = f"http://{docker('port', container.name, PORT).splitlines()[0]}"
    deadline = time.monotonic() + seconds
    while (seen := readiness(container.url)) != "200":
        container.check_alive("before it was ready")
        if time.monotonic() > deadline:
            container.keep_log()
            raise ServiceError(
                f"The service was not ready within {seconds:g} s: GET /readyz gave {seen}. {last_lines(container.log)}"
            )
        time.sleep(POLL_SECONDS)
