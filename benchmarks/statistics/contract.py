"""The table's contract: how often it refuses a clean table, and whether it finds changed units and new spellings.

Half of the columns are numbers, half are categories. *random*: no time, rows split at random. *seasons*: 400 days; each
number is the sum of a yearly cycle, a daily AR(1) process (0.8) and noise; a third of them have a fifth of their values
missing, another third a heavy tail. *long tails*: the same, and in each category column a third of the rows hold values
that occur once or twice. The holdout is the last 30 days, or a quarter of the rows. Planted: one number is 60 times as
large from the holdout's tenth day on (without time in all of it), or half of one category column's values get a new
spelling.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from contracts.data_manifest import DataManifest
from contracts.features import Feature
from contracts.schema import Schema
from drills.rates.proportion import Proportion
from training.judging.checks.table_contract import breaches
from training.judging.checks.train_history import unit_jumps, unseen_shares
from training.tables import Table

SIZES = {(150, 5): 40, (150, 50): 40, (150, 500): 10, (500, 5): 40, (500, 50): 40, (500, 500): 10, (2000, 5): 40,
         (2000, 50): 40, (2000, 500): 10, (20_000, 5): 40, (20_000, 50): 10, (20_000, 500): 2}  # fmt: skip
DAYS, HELD = 400, 30
CATEGORIES = 20
Shape = Literal["random", "seasons", "long tails"]
SHAPES: tuple[Shape, ...] = ("random", "seasons", "long tails")


class ContractRate(Schema):
    """How many of `tables` the contract refused: clean, with changed units, and with new spellings."""

    shape: str
    rows: int
    columns: int
    tables: int
    clean: int
    units: int
    spellings: int


def contract_rates() -> Iterator[ContractRate]:
    """The rates for each shape and size."""
    for shape in SHAPES:
        for (rows, columns), seeds in SIZES.items():
            seen = np.sum([_refused(shape, rows, columns, seed) for seed in range(seeds)], axis=0).tolist()
            yield ContractRate(
                shape=shape, rows=rows, columns=columns, tables=seeds, clean=seen[0], units=seen[1], spellings=seen[2]
            )


def contract_table(rates: Sequence[ContractRate]) -> str:
    """The rates as Markdown: false alarms and detections."""
    lines = [
        "**The table's contract**: clean tables refused, and tables refused in which one number had other units, or "
        "one category column other spellings.",
        "",
        "| table | rows | columns | clean, refused | units changed, refused | spelled anew, refused |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {one.shape} | {one.rows:,} | {one.columns} | "
        + " | ".join(str(Proportion(count, one.tables)) for count in (one.clean, one.units, one.spellings))
        + " |"
        for one in rates
    ]
    return "\n".join(lines)


def _refused(shape: Shape, rows: int, columns: int, seed: int) -> tuple[bool, bool, bool]:
    random = np.random.default_rng([seed, rows, columns])
    frame = _draw(shape, rows, columns, random)
    has_time = shape != "random"
    is_held = (frame["at"] >= frame["at"].max().floor("D") - pd.Timedelta(days=HELD - 1)).to_numpy()
    if not has_time:
        is_held = random.permutation(rows) < rows // 4
    train = frame[~is_held].reset_index(drop=True)
    held = frame[is_held].reset_index(drop=True)
    late = (held["at"] >= held["at"].min() + pd.Timedelta(days=10)).to_numpy() | (not has_time)
    units = held.assign(x0=np.where(late, held["x0"] * 60, held["x0"]))
    spelled = held.assign(c0=np.where(np.arange(len(held)) % 2, held["c0"] + " ", held["c0"]))
    features = tuple(_feature(train[name]) for name in train if name not in ("at", "cluster"))
    clean, other_units, other_spellings = (_breaks(features, train, one, has_time) for one in (held, units, spelled))
    return clean, other_units, other_spellings


def _draw(shape: Shape, rows: int, columns: int, random: np.random.Generator) -> pd.DataFrame:
    day = np.sort(random.integers(0, DAYS, rows))
    at = pd.Timestamp("2023-01-01") + pd.to_timedelta(day, unit="D")
    found: dict[str, object] = {"at": at, "cluster": at.strftime("%Y-%m-%d")}
    for place in range(columns - columns // 2):
        year = random.uniform(0, 3) * np.sin((day / 365 + random.random()) * 2 * np.pi)
        values = 10 + random.normal(size=rows) + (0 if shape == "random" else year + _weather(random)[day])
        if place % 3 == 2:
            values = np.exp(values - 10)  # a heavy tail
        is_missing = random.random(rows) < (0.2 if place % 3 == 1 else 0)
        found[f"x{place}"] = np.where(is_missing, np.nan, values).astype(np.float32)
    for place in range(columns // 2):
        codes = random.zipf(1.5, rows) % CATEGORIES
        if shape == "long tails":
            codes = np.where(random.random(rows) < 1 / 3, CATEGORIES + random.integers(0, rows * 5, rows), codes)
        found[f"c{place}"] = codes.astype(str)
    return pd.DataFrame(found)


def _weather(random: np.random.Generator) -> "np.typing.NDArray[np.float64]":
    days, luck = np.zeros(DAYS), random.normal(size=DAYS)
    for day in range(1, DAYS):
        days[day] = 0.8 * days[day - 1] + luck[day]
    return days


def _breaks(features: Sequence[Feature], train: pd.DataFrame, held: pd.DataFrame, has_time: bool) -> bool:
    manifest = DataManifest(
        source="drawn", source_sha256="", task="regression", target="", time="at" if has_time else "",
        cluster="cluster" if has_time else "", features=tuple(features), tables={}, digest="",
    )  # fmt: skip
    before, after = Table("train", train, manifest), Table("holdout", held, manifest)
    unseen = unseen_shares(features, before, after) if breaches(features, held) else {}
    return bool(breaches(features, held, unseen) or unit_jumps(features, before, after))


def _feature(column: "pd.Series[Any]") -> Feature:
    name = str(column.name)
    if name.startswith("c"):
        return Feature(name=name, kind="categorical", categories=tuple(sorted({str(one) for one in column})))
    low, high = (float(one) for one in (column.min(), column.max()))
    return Feature(name=name, kind="numeric", minimum=low, maximum=high, missing_share=float(column.isna().mean()))
