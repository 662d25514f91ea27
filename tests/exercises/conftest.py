"""A run to grade against: a small model with many golden rows, and a whole run's files."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from contracts.model_folder import Golden, GoldenRow, sha256_of
from contracts.schema import read_json, write_json
from contracts.stage import Build
from scoring.scorer import load_scorer
from testbed.tiny_build import card, write_model

PLANTED = "_is_caught_"  # in the name of each test that plants one mistake
DISTANCES = (-3.5, -2.0, -0.5, -0.25, 0.25, 1.5, 3.0)


def write_graded_model(folder: Path) -> None:
    """The tiny model, with golden rows on both sides of its threshold of 0.4."""
    write_model(folder)
    scorer = load_scorer(folder)
    rows: list[dict[str, Any]] = [
        {"distance": distance, "is_weekend": weekend, "carrier": carrier}
        for distance, weekend, carrier in itertools.product(DISTANCES, (True, False), ("AA", "UA", "ZZ"))
    ]
    outputs = scorer.predict(scorer.encoder.rows(rows)).tolist()
    golden = [GoldenRow(inputs=row, output=tuple(output)) for row, output in zip(rows, outputs, strict=True)]
    write_json(folder / "golden.json", Golden(tolerance=1e-5, rows=tuple(golden)))
    seen = read_json(folder / "model.json", type(card()), "the test")
    files = {name: sha256_of(folder / name) for name in seen.files}
    write_json(folder / "model.json", seen.model_copy(update={"files": files}))


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """build/train/model and nothing else."""
    made = Build(tmp_path_factory.mktemp("graded") / "build")
    write_graded_model(made.challenger)
    return made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many of the planted mistakes were caught by their check and by no other."""
    ends = {
        state: [one for one in terminalreporter.getreports(state) if PLANTED in one.nodeid]
        for state in ("passed", "failed", "error", "skipped")
    }
    asked = sum(map(len, ends.values())) - len(ends["skipped"])
    waits = f"; {len(ends['skipped'])} not planted, see the reasons above" if ends["skipped"] else ""
    terminalreporter.write_line(
        f"Planted mistakes caught by their check alone: {len(ends['passed'])} of {asked}{waits}."
    )
