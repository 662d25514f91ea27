"""A node whose processes this machine sees, as those of a one-node cluster here, or of kind's containers.

`KUBERNETES_RESTART`: a command that starts again what was killed on the node, where nothing else does.
"""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kubernetes import client

from tests.scale.s3_server import skip

GONE_SECONDS = 10.0


def kill_processes(pod: client.V1Pod) -> int:
    """kill -9 of every process of a pod's containers, as the kernel would; how many those were."""
    ids = [one.container_id.rpartition("/")[2] for one in pod.status.container_statuses]
    found = [one for one in _processes() if any(text in _read(one, "cgroup") for text in ids)]
    if not found:
        skip("No process of the node is seen from here.")
    for one in found:
        with suppress(ProcessLookupError):
            os.kill(int(one.name), signal.SIGKILL)
    return len(found)


def kill_agent(name: str) -> None:
    """kill -9 of an agent of the node: kubelet, kube-proxy."""
    found = [one for one in _processes() if name in (Path(word).name for word in _read(one, "cmdline").split("\0")[:2])]
    if len(found) != 1:
        skip(f"{len(found)} processes of this machine are {name}; required: one.")
    os.kill(int(found[0].name), signal.SIGKILL)
    deadline = time.monotonic() + GONE_SECONDS
    while found[0].exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def start_agents() -> None:
    """Start what was killed, where the node does not do it itself."""
    if command := os.environ.get("KUBERNETES_RESTART"):
        subprocess.run(shlex.split(command), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _processes() -> Iterator[Path]:
    return (one for one in Path("/proc").iterdir() if one.name.isdecimal())


def _read(process: Path, name: str) -> str:
    try:
        return (process / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
