"""The holdout against train's history: seasons and long tails pass, a change of units does not."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from contracts.data_manifest import DataManifest
from contracts.features import Feature
from contracts.pipeline_toml.keys import Features
from contracts.schema import CalendarPart
from testbed.cards import card
from testbed.tiny_build import config
from training.judging.checks.run_checks import contract_of_challenger
from training.judging.checks.table_contract import MOST_UNKNOWN, breaches
from training.judging.checks.train_history import unit_jumps, unseen_shares
from training.tables import Table

ROWS_A_DAY = 20
NUMBER = (Feature(name="rate per day", kind="numeric"),)
Values = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]


def tables(values: Values | Texts, days: int, held: int, *, has_time: bool = True) -> tuple[Table, Table]:
    """Train and the `held` last days of a column of ROWS_A_DAY rows a day."""
    at = pd.Timestamp("2023-01-01") + pd.to_timedelta(np.repeat(np.arange(days), ROWS_A_DAY), unit="D")
    frame = pd.DataFrame({"rate per day": values, "at": at, "cluster": at.strftime("%Y-%m-%d")})
    manifest = DataManifest(
        source="", source_sha256="", task="regression", target="answer", time="at" if has_time else "",
        cluster="cluster" if has_time else "", features=NUMBER, tables={}, digest="",
    )  # fmt: skip
    cut = (days - held) * ROWS_A_DAY
    parts = [part.reset_index(drop=True) for part in (frame.iloc[:cut], frame.iloc[cut:])]
    return Table("train", parts[0], manifest), Table("holdout", parts[1], manifest)


def day_of(days: int) -> Values:
    return np.repeat(np.arange(days), ROWS_A_DAY).astype(np.float64)


def noise(days: int, size: float = 1.0, seed: int = 0) -> Values:
    return np.random.default_rng(seed).normal(scale=size, size=days * ROWS_A_DAY)


SEASONS = {
    "a summer that the thirty days before it do not show": 100
    + 40 * np.sin(day_of(400) / 365 * 2 * np.pi)
    + noise(400, 4),
    "a price that is set anew each month": 50 + 30 * (day_of(400) // 30 % 4) + noise(400, 2),
    "weather": 60
    + 15 * np.repeat(np.random.default_rng(1).normal(size=58), 7 * ROWS_A_DAY)[: 400 * ROWS_A_DAY]
    + noise(400, 4),
    "a heavy tail": np.exp(1.5 * np.repeat(np.random.default_rng(2).normal(size=400), ROWS_A_DAY) + noise(400)),
    "a trend": day_of(400) + noise(400, 3),
    "a counter": day_of(400) * 1000,
}


@pytest.mark.parametrize("season", SEASONS)
@pytest.mark.parametrize("held", [20, 30, 60])
def test_a_season_that_the_table_has_shown_is_no_change_of_units(season: str, held: int) -> None:
    assert unit_jumps(NUMBER, *tables(SEASONS[season], 400, held)) == ()


@pytest.mark.parametrize("season", [one for one in SEASONS if one not in ("a counter", "a heavy tail")])
@pytest.mark.parametrize("changed_for", [30, 14, 7])
def test_units_that_change_in_the_holdout_are_a_jump_in_every_season(season: str, changed_for: int) -> None:
    values = np.where(day_of(400) >= 400 - changed_for, SEASONS[season] * 60, SEASONS[season])
    (jump,) = unit_jumps(NUMBER, *tables(values, 400, 30))
    changed = f"{pd.Timestamp('2023-01-01') + pd.Timedelta(days=400 - changed_for):%Y-%m-%d}"
    assert (jump.column, jump.words) == (NUMBER[0].name, f"{NUMBER[0].name} moved on {changed}")
    assert changed in jump.text


def test_degrees_celsius_for_fahrenheit_are_a_jump() -> None:
    fahrenheit = 60 + 20 * np.sin(day_of(300) / 365 * 2 * np.pi) + noise(300, 6)
    celsius = np.where(day_of(300) >= 270, (fahrenheit - 32) / 1.8, fahrenheit)
    assert len(unit_jumps(NUMBER, *tables(celsius, 300, 30))) == 1


@pytest.mark.parametrize("part", ["month", "quarter", "day_of_year"])
def test_a_calendar_part_has_no_unit_that_a_new_year_could_change(part: CalendarPart) -> None:
    days = pd.Timestamp("2023-03-20") + pd.to_timedelta(day_of(300), unit="D")
    values = days.month if part == "month" else days.quarter if part == "quarter" else days.dayofyear
    train, holdout = tables(values.to_numpy(np.float64), 300, 30)
    assert unit_jumps(NUMBER, train, holdout), "as a measured number it jumps"
    name = f"at_{part}"
    feature = Feature(name=name, kind="numeric", minimum=float(values.min()), maximum=float(values.max()))
    before, after = (replace(one, frame=one.frame.rename(columns={NUMBER[0].name: name})) for one in (train, holdout))
    plain = config()
    dated = plain.model_copy(update={"features": Features(dates={"at": (part,)})})
    assert not contract_of_challenger(card([feature]), before, after, plain).passed
    assert contract_of_challenger(card([feature]), before, after, dated).passed


def test_without_a_past_the_holdout_is_compared_with_all_of_train() -> None:
    few = tables(60 + noise(25, 10), 25, 10)
    assert unit_jumps(NUMBER, *few) == ()
    train, holdout = few
    holdout = Table(
        "holdout", holdout.frame.assign(**{"rate per day": holdout.frame["rate per day"] * 60}), train.manifest
    )
    assert len(unit_jumps(NUMBER, train, holdout)) == 1
    train, holdout = tables(60 + noise(25, 10), 25, 10, has_time=False)
    assert unit_jumps(NUMBER, train, holdout) == ()


CITY = (Feature(name="rate per day", kind="categorical", categories=()),)


def cities(days: int, tail: float, seed: int = 0) -> "npt.NDArray[np.str_]":
    """`tail` of the rows are of a category that comes only once or twice."""
    random = np.random.default_rng(seed)
    rows = days * ROWS_A_DAY
    rare = random.integers(0, rows * 20, rows)
    return np.where(random.random(rows) < tail, rare, random.integers(0, 30, rows)).astype(str)


@pytest.mark.parametrize("has_time", [True, False])
@pytest.mark.parametrize("tail", [0.15, 0.4, 0.8])
def test_a_long_tail_may_continue(tail: float, has_time: bool) -> None:
    train, holdout = tables(cities(200, tail), 200, 30, has_time=has_time)
    known = (CITY[0].model_copy(update={"categories": tuple(sorted(set(train.frame["rate per day"])))}),)
    assert breaches(known, holdout.frame, unseen_shares(known, train, holdout)) == ()
    assert breaches(known, holdout.frame) != (), "the fixed share refuses it"


@pytest.mark.parametrize("tail", [0.0, 0.15, 0.4])
def test_categories_with_a_new_spelling_are_still_refused(tail: float) -> None:
    train, holdout = tables(cities(200, tail), 200, 30)
    known = (CITY[0].model_copy(update={"categories": tuple(sorted(set(train.frame["rate per day"])))}),)
    spelled = holdout.frame.assign(
        **{"rate per day": holdout.frame["rate per day"].str.replace("^1", "one ", regex=True)}
    )
    (found,) = breaches(known, spelled, unseen_shares(known, train, holdout))
    assert "never saw" in found
    assert all(share <= tail + MOST_UNKNOWN for share in unseen_shares(known, train, holdout).values())
