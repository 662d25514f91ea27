"""A real SSH server on loopback that leads to this machine's engine: its own keys, this user alone, gone at the end."""

import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import create_connection

from tests.containers.conftest import free_port

# Many commands to the engine, each a connection; sshd's default begins to refuse at ten.
CONFIG = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
UsePAM no
PasswordAuthentication no
StrictModes no
MaxStartups 100
"""
STARTS_WITHIN_SECONDS = 10.0


def sshd() -> str | None:
    """Where the server's program is; None where it is not installed."""
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def ssh_host(folder: Path) -> Iterator[dict[str, str]]:
    """What `deploy.rollout.over_ssh` reads: host, key and known hosts. `folder`: one that is empty."""
    program = sshd()
    assert program, "no sshd: install openssh-server"
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    port = free_port()
    (folder / "config").write_text(CONFIG.format(port=port, folder=folder), encoding="utf-8")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program, "-D", "-e", "-f", str(folder / "config")], stderr=log)
    try:
        _wait_for(port, server, folder / "log")
        yield {
            "DEPLOY_HOST": f"ssh://{getpass.getuser()}@127.0.0.1:{port}",
            "DEPLOY_SSH_KEY": (folder / "user").read_text(encoding="utf-8"),
            "DEPLOY_KNOWN_HOSTS": f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text(encoding='utf-8')}",
        }
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(OSError), create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"sshd did not listen: {log.read_text(encoding='utf-8')}")
