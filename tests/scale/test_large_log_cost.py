"""What the scheduled drift job costs on logs of 10⁴ rows and more: seconds, rows a second, and peak memory.

LARGE_LOG_ROWS are the sizes, 10⁴ to 10⁶ unless it says otherwise; LARGE_LOG_FOLDER is where the logs go, 45 bytes a
row. With PAGE=docs/scale.md the table there gets the lines of these sizes.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.schema import read_json
from contracts.stage import Build, StageRecord
from contracts.verdict import DriftVerdict
from tests.scale.large_logs import World, write_champion, write_log

SIZES = [int(rows) for rows in os.environ.get("LARGE_LOG_ROWS", "10000,100000,1000000").split(",")]
BEGIN, END = "<!-- large log: begin -->", "<!-- large log: end -->"
MOST_MEMORY_MB = 4096


@dataclass(frozen=True)
class Cost:
    """One log, judged by the real commands in processes of their own: `seconds` and `cpu_seconds` are of the second."""

    rows: int
    log_mb: float
    count_seconds: float
    seconds: float
    cpu_seconds: float
    peak_mb: float
    verdict: DriftVerdict


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> list[Cost]:
    root = tmp_path_factory.mktemp("costs")
    build, config, model = write_champion(root)
    folder = Path(os.environ.get("LARGE_LOG_FOLDER", root)) / "log"
    found = []
    for rows in SIZES:
        write_log(folder, World(warmer=4.0), rows, model)
        found.append(_cost(build, config, folder, rows))
        print(_line(found[-1]), flush=True)
        shutil.rmtree(folder)
    if page := os.environ.get("PAGE"):
        _write(Path(page), found)
    return found


def test_memory_does_not_grow_with_the_log(costs: list[Cost]) -> None:
    assert max(one.peak_mb for one in costs) < MOST_MEMORY_MB
    sampled = [one for one in costs if one.verdict.large_log]
    assert sampled
    assert max(one.peak_mb for one in sampled) < min(one.peak_mb for one in sampled) + 1536


def test_every_size_says_what_it_read_and_finds_the_drift(costs: list[Cost]) -> None:
    for one in costs:
        assert (one.verdict.current_rows, one.verdict.state) == (one.rows, "drift")
        assert (one.verdict.large_log is not None) == (one.rows > 50_000)
        assert {"temperature", "prediction"} <= {column.column for column in one.verdict.columns if column.drifted}


def _cost(build: Build, config: Path, folder: Path, rows: int) -> Cost:
    environment = os.environ | {"REQUESTS_URL": str(folder / "*.parquet"), "HISTORY": ""}
    command = [sys.executable, "-m", "reports"]
    options = ["--config", str(config), "--build", str(build.root)]
    seconds: list[float] = []
    for stage, codes in (("requests", {0}), ("scheduled-drift", {0, 3})):
        begin, before = time.monotonic(), _cpu_seconds()
        done = subprocess.run([*command, stage, *options], env=environment, check=False)
        seconds.append(time.monotonic() - begin)
        cpu = _cpu_seconds() - before
        assert done.returncode in codes, stage
    record = read_json(build.stage("scheduled-drift") / "stage.json", StageRecord, "make scheduled-drift")
    verdict = read_json(build.stage("drift") / "verdict.json", DriftVerdict, "make scheduled-drift")
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    return Cost(rows, size, seconds[0], seconds[1], cpu, record.peak_mb, verdict)


def _cpu_seconds() -> float:
    """Of the processes that this one waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _line(one: Cost) -> str:
    large = one.verdict.large_log
    distinct = f"{large.distinct_rows / one.rows:.1%} ± {large.distinct_error:.1%}" if large else "all compared"
    return (
        f"| {one.rows:,} | {one.log_mb:,.0f} | {one.count_seconds:.1f} | {one.seconds:.1f} | "
        f"{one.cpu_seconds:.1f} | {1e6 * one.cpu_seconds / one.rows:,.1f} | {one.rows / one.seconds:,.0f} | "
        f"{one.peak_mb:,.0f} | {distinct} |"
    )


def _write(page: Path, costs: list[Cost]) -> None:
    head = (
        "| rows | Parquet, MB | `make requests`, s | `make scheduled-drift`, s | CPU s | CPU µs a row | "
        "rows a second | peak memory, MiB | distinct rows |"
    )
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    kept = re.findall(r"^\| [\d,]+ \|.*$", rest.split(END)[0], re.MULTILINE)
    lines = {_rows_of(line): line for line in [*kept, *map(_line, costs)]}
    rule = "| ---: " * head.count(" |") + "|"
    table = "\n".join([head, rule, *(lines[rows] for rows in sorted(lines))])
    page.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


def _rows_of(line: str) -> int:
    return int(line.split("|")[1].replace(",", ""))
