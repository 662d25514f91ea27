"""The deploy lock: one deploy at a time, from any laptop or workflow, because the host itself holds it.

The lock is a container on the host whose standard input is a pipe from this process. When the owner ends, however it
ends, the pipe closes, the container exits and is removed: a dead owner holds no lock. While the owner lives the
container runs, and container names are unique, so nobody can take the lock. The next deploy removes a container that no
longer runs, for example after the engine was killed.
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
    """Another deploy is running: the text says whose, since when, and of what."""


@dataclass(frozen=True)
class Held:
    """The held lock. Its container has the host's volumes under /files, so commands on them run in it."""

    name: str
    process: "subprocess.Popen[bytes]"

    def check(self) -> None:
        """Raises EngineError if the lock was lost: the engine was restarted, or somebody removed it."""
        if self.process.poll() is not None:
            raise EngineError(f"The lock {self.name} is gone: the engine was restarted, or it was removed.")

    def run(self, *command: str, stdin: bytes = b"") -> bytes:
        """Run a command on the host's files. Raises EngineError."""
        self.check()
        return docker_bytes("exec", "--interactive", self.name, *command, stdin=stdin)


def owner(environment: Mapping[str, str] = os.environ) -> str:
    """Who deploys: a workflow run, or a user on a machine."""
    if "GITHUB_RUN_ID" in environment:
        return f"{environment.get('GITHUB_ACTOR', 'GitHub')}, run {environment['GITHUB_RUN_ID']}"
    try:
        person = getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        person = str(os.getuid())
    return f"{person}@{socket.gethostname()}"


@contextmanager
def lock(host: Host, image: str, volumes: Mapping[str, str], reason: str) -> Iterator[Held]:
    """Hold the lock. `image`: any with bash; `volumes`: names by their path under /files. Raises LockedError."""
    name = f"{host.project}-deploy-lock"
    mounts = [f"--volume={volume}:{FILES}/{place}" for place, volume in volumes.items()]
    labels = {OWNER: f"{owner()} (process {os.getpid()})", SINCE: _now().isoformat(timespec="seconds"), REASON: reason}
    options = [f"--label={key}={value}" for key, value in labels.items()]
    command = [
        "docker", "run", "--rm", "--interactive", f"--name={name}", *options,
        "--network=none", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=0",
        *mounts, "--entrypoint=bash", image, "-c", "echo held; exec cat >/dev/null",
    ]  # fmt: skip
    process = _acquire(command, name)
    try:
        yield Held(name, process)
    finally:
        _release(process)


def who_holds(name: str) -> str:
    """Owner, age and reason in one sentence; empty if the lock is free."""
    try:
        found = json.loads(docker("inspect", "--type=container", "--format", "{{json .Config.Labels}}", name))
    except EngineError:
        return ""
    since = dt.datetime.fromisoformat(found.get(SINCE, _now().isoformat()))
    age = int((_now() - since).total_seconds())
    return f"{found.get(OWNER, 'unknown')} since {since:%H:%M:%S} UTC ({age} s ago), for {found.get(REASON, 'unknown')}"


def _acquire(command: list[str], name: str) -> "subprocess.Popen[bytes]":
    """Retry while the lock of an owner that was just killed goes away. Raises LockedError and EngineError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        _remove_dead(name)
        process, error = _try(command)
        if not error:
            return process
        if "is already in use" not in error:
            raise EngineError(f"The lock {name} could not be taken: {error.splitlines()[-1]}")
        if time.monotonic() > deadline:
            holder = who_holds(name) or "a deploy that has just ended"
            raise LockedError(
                f"Another deploy holds the lock: {holder}. Wait for it. If its owner hangs, end that process; "
                f"the lock goes with it. Last resort: `docker rm --force {name}`."
            )
        time.sleep(POLL_SECONDS)


def _try(command: list[str]) -> tuple["subprocess.Popen[bytes]", str]:
    """The process that holds the lock, and an empty string; or the engine's error, if it could not take it."""
    # A session of its own: Ctrl-C must not end the lock before the rollback is complete.
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    if process.stdout.readline() == b"held\n":
        return process, ""
    error = process.stderr.read().decode(errors="replace").strip()
    process.wait()
    return process, error or "no reason given"


def _remove_dead(name: str) -> None:
    """Remove a lock that does not run. Not by force, so that the engine refuses to remove a running one."""
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
