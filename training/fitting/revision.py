"""The commit of the code and the versions of the libraries, on which a model's bytes depend."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
LIBRARIES = ("numpy", "onnx", "onnxruntime", "pandas", "pyarrow", "scikit-learn", "scipy", "skl2onnx")
UNKNOWN = "unknown"
# The commit of an image that has the code and no git (deploy/kubernetes/training/Dockerfile).
VARIABLE = "TRAINING_COMMIT"


def commit(checkout: Path = CHECKOUT) -> str:
    """The commit in 40 hex digits, with `-dirty` where tracked files are changed.

    Where there is no git it is what TRAINING_COMMIT says, or `unknown`.
    """
    try:
        head = _git(checkout, "rev-parse", "--verify", "HEAD")
        changed = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get(VARIABLE) or UNKNOWN
    return f"{head}-dirty" if changed else head


def versions() -> dict[str, str]:
    """Python's and each library's version by its name."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, check=True, capture_output=True, errors="replace").stdout.strip()
