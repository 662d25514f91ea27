"""Proves a model folder in another process, so that a graph that hangs, crashes or fills memory harms only that."""

import subprocess
import sys
from pathlib import Path

from contracts.exits import Exit
from contracts.model_folder import ModelFolderError

# On a busy machine a CPU second takes longer than a second.
WALL_SECONDS_PER_CPU_SECOND = 4


def prove_in_subprocess(folder: Path, cpu_seconds: int) -> str:
    """Load and prove the folder; return its digest. Raises ModelFolderError with the reason."""
    command = [sys.executable, "-m", "scoring", str(folder), str(cpu_seconds)]
    wall_seconds = WALL_SECONDS_PER_CPU_SECOND * cpu_seconds
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=wall_seconds, check=False)
    except subprocess.TimeoutExpired:
        raise _too_much(folder, cpu_seconds) from None
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode == Exit.PASS:
        return done.stdout.decode().strip()
    if done.returncode < 0:
        raise _too_much(folder, cpu_seconds)
    if done.returncode == Exit.FINDING:
        raise ModelFolderError(said, code="not-proved")
    raise ModelFolderError(
        f"{folder} cannot be loaded and proved: {said.splitlines()[-1] if said else 'no reason given'}",
        code="load-crashed",
    )


def _too_much(folder: Path, cpu_seconds: int) -> ModelFolderError:
    return ModelFolderError(
        f"{folder}: loading and proving it took more than {cpu_seconds} s of CPU, or more memory than there is. If the "
        "model needs that much, raise MODEL_LOAD_SECONDS.",
        code="load-limits",
    )
