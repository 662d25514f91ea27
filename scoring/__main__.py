"""Loads and proves a model folder, and says its digest: `python -m scoring FOLDER SECONDS`, for `proved_apart`.

In a process of its own, because a graph that was made for it can take any time and memory to load. This process has
SECONDS of CPU, and is the first that the kernel ends where memory runs out.

Writes  the digest on standard output; the reason on standard error.
Exits   0 proved · 3 a folder that cannot be trusted; by a signal where it took too much.
"""

import contextlib
import resource
import sys
from pathlib import Path

from contracts.exits import Exit, FindingError
from scoring.scorer import load_scorer

MAX_BYTES = 8 * 1024**3


def main() -> Exit:
    """Prove the folder and return the exit code."""
    folder, seconds = sys.argv[1:]
    _bound(int(seconds))
    try:
        print(load_scorer(Path(folder)).digest)
    except FindingError as error:
        print(error, file=sys.stderr)
        return Exit.FINDING
    return Exit.PASS


def _bound(cpu_seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit, or a lower one is set
        resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    with contextlib.suppress(OSError):  # Linux alone
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    sys.exit(main())
