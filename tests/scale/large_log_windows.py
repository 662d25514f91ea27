"""Windows of known drift, judged by the sample of a large log beside all of its rows, and how often both agree."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from contracts.model_folder import read_card
from contracts.pipeline_toml.reader import load_config
from contracts.stage import Build
from contracts.verdict import DriftState, DriftVerdict
from reports.drift.comparison import compare
from reports.drift.large_log.records import parquet_files
from reports.drift.large_log.window import parquet_window
from reports.drift.verdict import Findings, Subject, judge
from tests.scale.large_logs import World, write_log

# What is there, and what both must say; None where it is so near to a threshold that either may be right.
WORLDS: dict[str, tuple[World, DriftState | None]] = {
    "nothing": (World(), "stable"),
    "0.02 sd warmer": (World(warmer=0.16), "stable"),
    "0.03 sd warmer": (World(warmer=0.25), None),
    "0.5 sd warmer": (World(warmer=4.0), "drift"),
    "4 % of another carrier": (World(other_carriers=0.04), "stable"),
    "8 % of another carrier": (World(other_carriers=0.08), None),
    "30 % of another carrier": (World(other_carriers=0.3), "drift"),
    "1 % more without pressure": (World(no_pressure=0.01), "stable"),
    "2 % more without pressure": (World(no_pressure=0.022), None),
    "4 % more without pressure": (World(no_pressure=0.04), "drift"),
    "wind stuck in 12 %": (World(stuck_wind=0.12), "drift"),
    "dew point of other rows": (World(unlinked=True), "drift"),
    "one row in 10 %": (World(one_row=0.1), "drift"),
    "each row 20 times": (World(times=20), "drift"),
}


@dataclass(frozen=True)
class Agreement:
    """One window, judged twice. `apart`: statistics called differently; `stated`: those of them that were called close.

    `within`: of `distances` that were sampled, how many are as near to those of all rows as stated; `furthest`: the
    largest difference.
    """

    world: str
    sample: DriftVerdict
    every: DriftVerdict
    apart: tuple[str, ...]
    stated: tuple[str, ...]
    within: int
    distances: int
    furthest: float

    @property
    def agrees(self) -> bool:
        one, two = ((each.state, each.inputs, each.predictions) for each in (self.sample, self.every))
        return one == two


def agreements(
    build: Build, config: Path, model: str, folder: Path, rows: int, sampled: int, salts: range
) -> Iterator[Agreement]:
    """Each world once for each salt, in a log of `rows` rows, of which `sampled` are drawn. A judged log is deleted."""
    for salt in salts:
        for name, (world, _) in WORLDS.items():
            written = write_log(folder, replace(world, salt=salt), rows, model)
            yield _agreement(name, *(_judged(build, config, model, written, most) for most in (sampled, rows)))
            for file in written.iterdir():
                file.unlink()


def samples_of_one_log(
    build: Build, config: Path, model: str, folder: Path, world: str, rows: int, sampled: int, seeds: range
) -> Iterator[Agreement]:
    """One log, judged once by all of its rows, and by the sample that each of these seeds draws from it."""
    written = write_log(folder, WORLDS[world][0], rows, model)
    every = _judged(build, config, model, written, rows)
    for seed in seeds:
        yield _agreement(world, _judged(build, config, model, written, sampled, seed), every)
    for file in written.iterdir():
        file.unlink()


def _judged(
    build: Build, config: Path, model: str, folder: Path, at_most: int, seed: int | None = None
) -> DriftVerdict:
    settings, card = load_config(config), read_card(build.champion)
    seed = settings.data.seed if seed is None else seed
    reference = pd.read_parquet(build.champion / "reference.parquet")
    log = parquet_files(str(folder))
    assert log
    window = parquet_window(log, card, model, seed, reference, at_most)
    compared = compare(settings.drift, card, reference, window.rows, window.answers, 7, seed, whole=window.whole)
    subject = Subject(model, "", "")
    return judge(settings.drift, window, Findings(len(reference), 7, compared), subject, "drawn")


def _agreement(name: str, sample: DriftVerdict, every: DriftVerdict) -> Agreement:
    large = sample.large_log
    assert large
    assert every.large_log is None
    called = {one.column: one for one in every.columns}
    off = {one.column: abs(one.distance - called[one.column].distance) for one in sample.columns}
    sampled = [one for one in large.distances if not one.is_of_all_rows]
    apart = tuple(one.column for one in sample.columns if one.drifted != called[one.column].drifted)
    return Agreement(
        name, sample, every, apart, tuple(set(apart) & set(large.close)),
        sum(off[one.column] <= one.reach for one in sampled), len(sampled), max(off.values()),
    )  # fmt: skip
