"""Proves a model folder in another process, so that a graph that hangs, crashes or fills the memory costs no more."""

import subprocess
import sys
from pathlib import Path

from contracts.exits import Exit
from contracts.model_folder import ModelFolderError

# A machine where others work gives a process its CPU seconds late.
TIMES_AS_LONG = 4


def proved_apart(folder: Path, cpu_seconds: int) -> str:
    """The digest of a folder that could be loaded and proved. Raises ModelFolderError with the reason."""
    command = [sys.executable, "-m", "scoring", str(folder), str(cpu_seconds)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMES_AS_LONG * cpu_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise ModelFolderError(_too_much(folder, cpu_seconds)) from None
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode == Exit.PASS:
        return done.stdout.decode().strip()
    if done.returncode < 0:
        raise ModelFolderError(_too_much(folder, cpu_seconds))
    if done.returncode == Exit.FINDING:
        raise ModelFolderError(said)
    raise ModelFolderError(
        f"{folder} cannot be loaded and proved: {said.splitlines()[-1] if said else 'no reason given'}"
    )


def _too_much(folder: Path, cpu_seconds: int) -> str:
    return (
        f"{folder}: to load and prove it took more than {cpu_seconds} s of CPU or more memory than there is. If it is "
        "a model that needs so much, raise MODEL_LOAD_SECONDS."
    )
