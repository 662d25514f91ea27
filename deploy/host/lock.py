"""One deploy at a time, held on the host itself, so that it holds between laptops and workflows, too.

The lock is a running container whose standard input is this process. When the owner ends, however it ends, its end of
the pipe is closed, the container reads the end of its input, leaves, and is removed: a dead owner holds nothing. While
its owner lives it runs, and the engine gives a name once: nobody can take it from a live owner. What does not run any
more (the engine was killed) is removed by whoever comes next.
"""

import datetime as dt
import getpass
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from deploy.engine import EngineError, docker, docker_bytes
from deploy.host.machine import Host

OWNER, SINCE, REASON = "gatehouse.lock.owner", "gatehouse.lock.since", "gatehouse.lock.reason"
FILES = "/files"
RELEASE_SECONDS = 60.0
PATIENCE_SECONDS = 5.0
POLL_SECONDS = 0.1


class LockedError(EngineError):
    """Somebody else deploys: the text says who, since when, and what."""


@dataclass(frozen=True)
class Held:
    """The lock, while it is held. Its container has the host's volumes under /files: it is also our hand there."""

    name: str
    process: "subprocess.Popen[bytes]"

    def check(self) -> None:
        """Raises EngineError where the lock is gone: the engine was restarted, or it was removed by hand."""
        if self.process.poll() is not None:
            raise EngineError(f"The lock {self.name} is gone: the engine was restarted, or it was removed.")

    def run(self, *command: str, stdin: bytes = b"") -> bytes:
        """Run a command among the files on the host. Raises EngineError."""
        self.check()
        return docker_bytes("exec", "--interactive", self.name, *command, stdin=stdin)


def owner(environment: Mapping[str, str] = os.environ) -> str:
    """Who does this: a workflow's run, or a person on a machine."""
    if "GITHUB_RUN_ID" in environment:
        return f"{environment.get('GITHUB_ACTOR', 'GitHub')}, run {environment['GITHUB_RUN_ID']}"
    try:
        person = getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        person = str(os.getuid())
    return f"{person}@{socket.gethostname()}"


@contextmanager
def lock(host: Host, image: str, volumes: Mapping[str, str], reason: str) -> Iterator[Held]:
    """Hold it. `image`: any with bash; `volumes`: on the host, by their place under /files. Raises LockedError."""
    name = f"{host.project}-deploy-lock"
    mounts = [f"--volume={volume}:{FILES}/{place}" for place, volume in volumes.items()]
    labels = {OWNER: f"{owner()} (process {os.getpid()})", SINCE: _now().isoformat(timespec="seconds"), REASON: reason}
    told = [f"--label={key}={value}" for key, value in labels.items()]
    command = [
        "docker", "run", "--rm", "--interactive", f"--name={name}", *told,
        "--network=none", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=0",
        *mounts, "--entrypoint=bash", image, "-c", "echo held; exec cat >/dev/null",
    ]  # fmt: skip
    process = _taken(command, name)
    try:
        yield Held(name, process)
    finally:
        _release(process)


def who_holds(name: str) -> str:
    """Owner, age and reason in one sentence; empty where nobody holds it."""
    try:
        found = json.loads(docker("inspect", "--type=container", "--format", "{{json .Config.Labels}}", name))
    except EngineError:
        return ""
    since = dt.datetime.fromisoformat(found.get(SINCE, _now().isoformat()))
    age = int((_now() - since).total_seconds())
    return f"{found.get(OWNER, 'unknown')} since {since:%H:%M:%S} UTC ({age} s ago), for {found.get(REASON, 'unknown')}"


def _taken(command: list[str], name: str) -> "subprocess.Popen[bytes]":
    """Try for as long as the lock of an owner who was just killed takes to go. Raises LockedError and EngineError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        _remove_dead(name)
        # A session of its own: Ctrl-C must not end the lock before the rollback is complete.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline() == b"held\n":
            return process
        said = process.stderr.read().decode(errors="replace").strip()
        process.wait()
        if "is already in use" not in said:
            raise EngineError(f"The lock {name} could not be taken: {said.splitlines()[-1] if said else 'no reason'}")
        if time.monotonic() > deadline:
            holder = who_holds(name) or "a deploy that has just ended"
            raise LockedError(
                f"Another deploy holds the lock: {holder}. Wait for it. If its owner hangs, end that process; "
                f"the lock goes with it. Last resort: `docker rm --force {name}`."
            )
        time.sleep(POLL_SECONDS)


def _remove_dead(name: str) -> None:
    """Remove the lock where it does not run. Never by force: of a running one the engine itself refuses the removal."""
    for state in ("created", "exited", "dead"):
        for container in docker(
            "ps", "--all", "--quiet", f"--filter=name=^/{name}$", f"--filter=status={state}"
        ).split():
            with suppress(EngineError):
                docker("rm", container)


def _release(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    deadline = time.monotonic() + RELEASE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    process.kill()
    process.wait()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
