"""Loads and proves a model folder, and prints its digest: `python -m scoring FOLDER SECONDS`.

`prove_in_subprocess` runs it, because a malicious graph can take any time and memory to load. This process may use
SECONDS of CPU, and is the first that the kernel ends when memory runs out.

Writes  the digest on standard output; the reason on standard error.
Exits   0 proved · 3 a folder that cannot be trusted; by a signal where it took too much.
"""

import contextlib
import resource
import sys
from pathlib import Path

import numpy as np

from contracts.exits import Exit, FindingError
from contracts.model_folder import ModelFolderError
from scoring.scorer import Scorer, load_scorer

MAX_BYTES = 8 * 1024**3


def main() -> Exit:
    """Prove the folder and return the exit code."""
    folder, seconds = sys.argv[1:]
    _set_limits(int(seconds))
    try:
        scorer = load_scorer(Path(folder))
        _score_a_full_batch(scorer)
        print(scorer.digest)
    except FindingError as error:
        print(error, file=sys.stderr)
        return Exit.FINDING
    return Exit.PASS


def _score_a_full_batch(scorer: Scorer) -> None:
    """Within this process's limits: the golden rows are scored one by one, and work may grow faster than a batch."""
    rows = np.zeros((scorer.card.max_batch_rows, len(scorer.card.features)), dtype=np.float32)
    try:
        scorer.predict(rows)
    except Exception as error:  # ONNX Runtime raises its own kinds, which have no public base class
        raise ModelFolderError(
            f"model.onnx cannot score {len(rows):,} rows at once (max_batch_rows): {str(error).splitlines()[0]}"
        ) from None


def _set_limits(cpu_seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit; elsewhere it may be lower already
        resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    with contextlib.suppress(OSError):  # Linux only
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    sys.exit(main())
