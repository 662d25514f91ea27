"""The rates of the paired load test: runs resampled from sessions, and a real session of services that differ."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from paired import BlockFigures

from contracts.exits import UsageError
from drills.rates.load import Session, consecutive, drawn, record, section
from testbed.tiny_build import config, tiny_build
from tests.refusals import refuses


def blocks(scale: float, seed: int, number: int = 60) -> tuple[BlockFigures, ...]:
    noise = np.random.default_rng(seed).normal(0, 0.05, (number, 3))
    return tuple(BlockFigures(*row) for row in (scale * np.exp(noise)).tolist())


def write_session(folder: Path, slower_by: float) -> None:
    session = Session(blocks(1, seed=1), blocks(1, seed=2), blocks(slower_by, seed=3))
    (folder / "session-1.json").write_text(json.dumps(asdict(session)))


def row_of(text: str, how: str, kind: str) -> list[str]:
    row = next(line for line in text.splitlines() if line.startswith(f"| {how} | {kind} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_equal_services_are_never_found_slower_and_a_fifth_slower_one_always_is(tmp_path: Path) -> None:
    write_session(tmp_path, slower_by=1.2)
    text = section(tmp_path, config(), drawn_runs=40)
    for how, runs in (("drawn at random", "40"), ("consecutive", "41")):
        assert row_of(text, how, "equal")[2] == row_of(text, how, "slower")[2] == runs
        assert row_of(text, how, "equal")[3].startswith("0.0%")
        assert row_of(text, how, "slower")[3].startswith("100.0%")


def test_a_difference_within_the_limit_is_mostly_let_through(tmp_path: Path) -> None:
    write_session(tmp_path, slower_by=1.05)
    assert float(row_of(section(tmp_path, config(), drawn_runs=40), "drawn at random", "slower")[3].split("%")[0]) < 20


def test_without_a_recording_there_is_no_table(tmp_path: Path) -> None:
    with refuses(UsageError, "no-session", "record"):
        section(tmp_path, config(), drawn_runs=40)


def test_consecutive_runs_have_neighbouring_pairs_and_every_first_one() -> None:
    runs = [list(one) for one in consecutive(12, 10)]
    assert runs == [list(range(first, first + 10)) for first in range(3)]
    assert list(consecutive(9, 10)) == []


def test_drawn_runs_are_the_same_each_time_and_within_what_was_recorded() -> None:
    first, again = [[list(one) for one in drawn(40, 7, 5)] for _ in range(2)]
    assert first == again
    assert {place for run in first for place in run} == set(range(7))


def test_a_recorded_session_has_three_real_services_and_the_slower_one_burns_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three times the CPU time: a busy machine hides a fifth in four seconds.
    monkeypatch.setattr("drills.rates.load.SLOWER_BY", 2.0)
    build = tiny_build(tmp_path)
    quick = config(requests_per_second=200.0, seconds=2.0, blocks=10, warmup_seconds=0.5)
    session = record(build, quick, seconds=4.0)
    assert len(session.equal) == len(session.also_equal) == len(session.slower) == 2 * math.floor(4.0 / (6 * 0.3))
    cost = {name: np.median([one.cpu for one in getattr(session, name)]) for name in ("equal", "slower")}
    assert cost["slower"] > cost["equal"]
