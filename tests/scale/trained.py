"""A train stage that a test runs, and may disturb while it fits."""

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.scale.dask_cluster import ROOT

FILES = ("model.onnx", "model.json", "golden.json", "reference.parquet")


@dataclass(frozen=True)
class Trained:
    """A train stage of the flights: the files of its model folder, and the seconds of its search."""

    files: dict[str, bytes]
    seconds: float


def trained(
    command: Sequence[str],
    environment: Mapping[str, str],
    build: Path,
    when_fitting: Callable[[], object] | None = None,
) -> Trained:
    """What the command trains in `build`. `when_fitting` is called when the search has judged its first setting."""
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        lines = []
        for line in process.stdout or ():
            lines.append(line)
            if when_fitting and "(folds " in line:
                when_fitting()
                when_fitting = None
    said = "".join(lines)
    assert process.returncode == 0, said
    assert when_fitting is None, said
    found = re.search(r"searched on .*?([\d.]+) s", said)
    assert found, said
    folder = build / "train" / "model"
    return Trained({name: (folder / name).read_bytes() for name in FILES}, float(found[1]))
