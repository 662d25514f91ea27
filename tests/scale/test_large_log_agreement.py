"""The verdict on a sample of a large log beside that on all of its rows, at a size at which both can be made.

LARGE_LOG_JUDGED is the rows of each log and those of its sample, LARGE_LOG_SALTS how many logs each world gets,
LARGE_LOG_SEEDS how many samples one log gets.
"""

import os
from pathlib import Path

import pytest

from tests.scale.large_log_windows import WORLDS, Agreement, agreements, samples_of_one_log
from tests.scale.large_logs import write_champion

ROWS, SAMPLED = map(int, os.environ.get("LARGE_LOG_JUDGED", "40000,10000").split(","))
SALTS = int(os.environ.get("LARGE_LOG_SALTS", "1"))
SEEDS = int(os.environ.get("LARGE_LOG_SEEDS", "5"))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[Agreement]:
    root = tmp_path_factory.mktemp("judged")
    build, config, model = write_champion(root)
    found = []
    for one in agreements(build, config, model, root / "log", ROWS, SAMPLED, range(2, 2 + SALTS)):
        found.append(one)
        states = f"{one.sample.state} by the sample, {one.every.state} by all rows"
        print(f"{one.world}: {states}; called differently {one.apart}; furthest {one.furthest:.4f}", flush=True)
    return found


def test_the_sample_calls_what_all_rows_call_unless_it_says_how_near_that_is(judged: list[Agreement]) -> None:
    agree = sum(one.agrees for one in judged)
    called, apart = (
        sum(counts) for counts in zip(*((len(one.sample.columns), len(one.apart)) for one in judged), strict=True)
    )
    print(f"{agree} of {len(judged)} verdicts agree; {apart} of {called} statistics were called differently")
    assert [(one.world, one.apart) for one in judged if set(one.apart) - set(one.stated)] == []
    assert [one.world for one in judged if not one.agrees and not one.stated] == []


def test_sampled_distances_are_as_near_as_stated(judged: list[Agreement]) -> None:
    within, distances = (sum(counts) for counts in zip(*((one.within, one.distances) for one in judged), strict=True))
    print(f"{within} of {distances} sampled distances are within their stated error")
    assert distances > 5 * len(judged)
    # Stated at 99 %; the distances of one log hang together.
    assert within >= 0.95 * distances


def test_both_find_the_drift_that_is_there_and_none_that_is_not(judged: list[Agreement]) -> None:
    wrong = [
        (one.world, one.sample.state, one.every.state)
        for one in judged
        if WORLDS[one.world][1] and {one.sample.state, one.every.state} != {WORLDS[one.world][1]}
    ]
    assert wrong == []


@pytest.mark.parametrize(("world", "share"), [("nothing", 1.0), ("one row in 10 %", 0.9), ("each row 20 times", 0.05)])
def test_rows_that_count_are_told_from_all_rows(judged: list[Agreement], world: str, share: float) -> None:
    for one in (each for each in judged if each.world == world):
        for verdict in (one.sample, one.every):
            assert verdict.effective_rows == pytest.approx(share * ROWS, rel=0.1)


@pytest.mark.parametrize("world", ["nothing", "dew point of other rows"])
def test_every_sample_of_one_log_says_what_all_of_its_rows_say(world: str, tmp_path: Path) -> None:
    build, config, model = write_champion(tmp_path)
    log = tmp_path / "log"
    found = list(samples_of_one_log(build, config, model, log, world, ROWS, SAMPLED, range(1, 1 + SEEDS)))
    within, distances = (sum(counts) for counts in zip(*((one.within, one.distances) for one in found), strict=True))
    agree = sum(one.agrees for one in found)
    print(f"{world}: {agree} of {SEEDS} samples agree; {within} of {distances} distances are within their stated error")
    assert agree == SEEDS
    assert [one.apart for one in found if set(one.apart) - set(one.stated)] == []
    # Stated at 99 %; the distances of one sample hang together.
    assert within >= 0.95 * distances
