"""Runs a command against the engine that DEPLOY_HOST names: `python -m deploy over-ssh COMMAND`.

DEPLOY_HOST is what DOCKER_HOST takes, such as ssh://deploy@host. With DEPLOY_SSH_KEY, ssh uses that key and no other,
and knows the host only from DEPLOY_KNOWN_HOSTS: the first connection is never trusted blindly. Key and list are in a
folder of their own, readable by this user alone, and gone when the command ends; so are the files that DEPLOY_SETTINGS
has in it. All commands to the engine share one
connection, which ends with it, too: a rollback is some fifty commands.

Reads   DEPLOY_HOST, DEPLOY_SSH_KEY, DEPLOY_KNOWN_HOSTS, DEPLOY_SETTINGS
Exits   with the command's own code · 2 DEPLOY_HOST is not set, a key without known hosts, a setting that is none
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.exits import Exit, UsageError
from deploy.host.told_settings import told_settings

SHARED = "connection-"
SECRETS = ("DEPLOY_SSH_KEY", "DEPLOY_SETTINGS")


def main(command: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Run the command and return its exit code."""
    try:
        with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder:
            made = prepared(environment, Path(folder))
            try:
                return subprocess.run(sys.argv[1:] if command is None else command, env=made, check=False).returncode
            finally:
                _hang_up(environment, Path(folder))
    except UsageError as error:
        print(f"deploy: {error}", file=sys.stderr)
        return Exit.USAGE


def prepared(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The command's environment; an `ssh` that knows key and host is first on its PATH. Raises UsageError."""
    host = environment.get("DEPLOY_HOST", "")
    if not host:
        raise UsageError("DEPLOY_HOST is not set; required: what DOCKER_HOST takes, such as ssh://deploy@host.")
    made = {name: value for name, value in environment.items() if name not in SECRETS} | {"DOCKER_HOST": host}
    made |= told_settings(environment.get("DEPLOY_SETTINGS", ""), folder)
    key, known = environment.get("DEPLOY_SSH_KEY", ""), environment.get("DEPLOY_KNOWN_HOSTS", "")
    if not key:
        return made
    ssh = shutil.which("ssh", path=environment.get("PATH"))
    if not known.strip() or ssh is None:
        raise UsageError(
            "DEPLOY_SSH_KEY is set, but DEPLOY_KNOWN_HOSTS is empty (`ssh-keyscan host` prints what goes there) or "
            "there is no ssh on the PATH."
        )
    for name, content in (("key", key.strip() + "\n"), ("known_hosts", known.strip() + "\n")):
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(content, encoding="utf-8")
    options = f"-i '{folder}/key' -o IdentitiesOnly=yes -o UserKnownHostsFile='{folder}/known_hosts'"
    options += " -o StrictHostKeyChecking=yes -o BatchMode=yes"
    options += f" -o ControlMaster=auto -o ControlPath='{folder}/{SHARED}%C' -o ControlPersist=60"
    (folder / "ssh").write_text(f'#!/bin/sh\nexec {ssh} {options} "$@"\n', encoding="utf-8")
    (folder / "ssh").chmod(0o700)
    return made | {"PATH": f"{folder}{os.pathsep}{environment.get('PATH', '')}"}


def _hang_up(environment: Mapping[str, str], folder: Path) -> None:
    """End the shared connection, where there is one: by its socket, so whatever host is named here."""
    ssh = shutil.which("ssh", path=environment.get("PATH"))
    for shared in folder.glob(f"{SHARED}*"):
        command = [str(ssh), "-F", "none", "-o", f"ControlPath={shared}", "-O", "exit", "host"]
        subprocess.run(command, capture_output=True, check=False)
