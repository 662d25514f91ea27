"""Runs a command against the engine that DEPLOY_HOST names: `python -m deploy over-ssh COMMAND`.

DEPLOY_HOST is a value for DOCKER_HOST, such as ssh://deploy@host. With DEPLOY_SSH_KEY, ssh uses only that key, and
trusts only the host keys in DEPLOY_KNOWN_HOSTS. Key, host keys and the files of DEPLOY_SETTINGS are in a temporary
folder that only this user can read. All commands to the engine share one connection, because a rollback is about fifty
commands. Folder and connection end with the command.

Reads   DEPLOY_HOST, DEPLOY_SSH_KEY, DEPLOY_KNOWN_HOSTS, DEPLOY_SETTINGS
Exits   with the command's own code · 2 DEPLOY_HOST is not set, a key without known hosts, an unknown setting
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.exits import Exit, UsageError
from deploy.host.deploy_settings import parse_settings

SHARED = "connection-"
SECRETS = ("DEPLOY_SSH_KEY", "DEPLOY_SETTINGS")


def main(command: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Run the command and return its exit code."""
    try:
        with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder:
            made = prepare(environment, Path(folder))
            try:
                return subprocess.run(sys.argv[1:] if command is None else command, env=made, check=False).returncode
            finally:
                _hang_up(environment, Path(folder))
    except UsageError as error:
        print(f"deploy: {error}", file=sys.stderr)
        return Exit.USAGE


def prepare(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The command's environment; its PATH begins with an `ssh` that uses key and host keys. Raises UsageError."""
    host = environment.get("DEPLOY_HOST", "")
    if not host:
        raise UsageError("DEPLOY_HOST is not set; required: what DOCKER_HOST takes, such as ssh://deploy@host.")
    made = {name: value for name, value in environment.items() if name not in SECRETS} | {"DOCKER_HOST": host}
    made |= parse_settings(environment.get("DEPLOY_SETTINGS", ""), folder)
    key, known = environment.get("DEPLOY_SSH_KEY", ""), environment.get("DEPLOY_KNOWN_HOSTS", "")
    if not key:
        return made
    ssh = shutil.which("ssh", path=environment.get("PATH"))
    if not known.strip() or ssh is None:
        raise UsageError(
            "DEPLOY_SSH_KEY is set, but DEPLOY_KNOWN_HOSTS is empty (`ssh-keyscan host` prints what goes there) or "
            "there is no ssh on the PATH."
        )
    _write_ssh(folder, ssh, key, known)
    return made | {"PATH": f"{folder}{os.pathsep}{environment.get('PATH', '')}"}


def _write_ssh(folder: Path, ssh: str, key: str, known_hosts: str) -> None:
    """Write an `ssh` script with the key, the host keys and one shared connection."""
    for name, content in (("key", key.strip() + "\n"), ("known_hosts", known_hosts.strip() + "\n")):
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(content, encoding="utf-8")
    options = f"-i '{folder}/key' -o IdentitiesOnly=yes -o UserKnownHostsFile='{folder}/known_hosts'"
    options += " -o StrictHostKeyChecking=yes -o BatchMode=yes"
    options += f" -o ControlMaster=auto -o ControlPath='{folder}/{SHARED}%C' -o ControlPersist=60"
    (folder / "ssh").write_text(f'#!/bin/sh\nexec {ssh} {options} "$@"\n', encoding="utf-8")
    (folder / "ssh").chmod(0o700)


def _hang_up(environment: Mapping[str, str], folder: Path) -> None:
    """End the shared connection, if there is one. ssh finds it by its socket; the host's name does not matter."""
    ssh = shutil.which("ssh", path=environment.get("PATH"))
    for shared in folder.glob(f"{SHARED}*"):
        command = [str(ssh), "-F", "none", "-o", f"ControlPath={shared}", "-O", "exit", "host"]
        subprocess.run(command, capture_output=True, check=False)
