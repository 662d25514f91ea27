"""What is compared of a table: values, values given the others, and what is missing."""

from typing import Any

import numpy as np
import pytest

from contracts.exits import UsageError
from contracts.features import Feature
from contracts.pipeline_toml.keys import ColumnDrift, Drift
from scoring.distances import counted
from scoring.drift_statistics import (
    check_columns,
    feature_statistics,
    fit_others,
    label_statistic,
    prediction_statistic,
    values_of,
)
from tests.refusals import refuses

FEATURES = (
    Feature(name="temp", kind="numeric"),
    Feature(name="dewp", kind="numeric"),
    Feature(name="carrier", kind="categorical", categories=("AA", "DL")),
)


def weather(rows: int, season: float, seed: int) -> dict[str, np.ndarray]:
    """Temperature in °F around `season`, and a dew point that follows it."""
    random = np.random.default_rng(seed)
    temp = season + random.normal(0, 8, rows)
    return {"temp": temp, "dewp": temp - 12 + random.normal(0, 3, rows), "carrier": np.array(["AA"] * rows)}


def test_each_number_is_read_four_times_and_a_category_that_goes_with_nothing_once() -> None:
    fit = fit_others(weather(500, 55, 1), FEATURES)
    names = [one.column for one in feature_statistics(Drift(), FEATURES, fit)]
    assert names == [
        *("temp", "dewp", "carrier", "temp, given the others", "dewp, given the others"),
        *("temp at one value", "dewp at one value", "temp is missing", "dewp is missing"),
    ]


def test_another_unit_shows_given_the_others_where_the_season_hides_it() -> None:
    year = {
        name: np.concatenate([weather(300, season, 7)[name] for season in (20, 45, 70, 80)])
        for name in ("temp", "dewp", "carrier")
    }
    fit = fit_others(year, FEATURES)
    summer, winter = weather(300, 70, 2), weather(300, 20, 3)
    celsius = {**summer, "temp": (summer["temp"] - 32) * 5 / 9}

    def distances(window: dict[str, np.ndarray]) -> tuple[float, float]:
        left = fit.residuals(year)["temp"], fit.residuals(window)["temp"]
        values = counted("wasserstein", year["temp"], window["temp"]).distance()
        return values, counted("wasserstein", *left).distance()

    assert distances(celsius)[0] < distances(winter)[0] * 1.1
    assert distances(celsius)[1] > 3 * distances(winter)[1]


def test_a_residual_is_missing_where_its_own_column_is_and_not_where_another_is() -> None:
    table = weather(100, 55, 1)
    fit = fit_others(table, FEATURES)
    table["temp"][3] = table["dewp"][5] = np.nan
    residuals = fit.residuals(table)["temp"]
    assert list(np.flatnonzero(np.isnan(residuals))) == [3]


def routes(rows: int, seed: int) -> dict[str, np.ndarray]:
    """A carrier that mostly flies to places of its own, and how far that is."""
    random = np.random.default_rng(seed)
    carrier = random.integers(0, 4, rows)
    place = np.where(random.random(rows) < 0.8, carrier, random.integers(0, 4, rows))
    return {
        "carrier": np.array(list("ABCD"))[carrier],
        "dest": np.array(["ORD", "LAX", "BOS", "MIA"])[place],
        "distance": np.array([700.0, 2500.0, 190.0, 1100.0])[place],
    }


ROUTES = (
    Feature(name="carrier", kind="categorical", categories=("A", "B", "C", "D")),
    Feature(name="dest", kind="categorical", categories=("BOS", "LAX", "MIA", "ORD")),
    Feature(name="distance", kind="numeric"),
)


def of_another_row(table: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    return {**table, name: np.roll(table[name], 1)}


def fewer_of_a(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    keeps = (table["carrier"] != "A") | (np.arange(len(table["carrier"])) % 4 == 0)
    return {name: values[keeps] for name, values in table.items()}


@pytest.mark.parametrize(
    ("change", "source"),
    [
        (lambda table: of_another_row(table, "carrier"), "carrier"),
        (lambda table: of_another_row(table, "distance"), "dest"),
        (lambda table: {**table, "dest": np.where(table["carrier"] == "A", "BOS", table["dest"])}, "carrier"),
    ],
    ids=["another row's carrier", "another row's distance", "one carrier's places mapped to one"],
)
def test_categories_that_no_longer_go_with_the_other_column_stand_out(change: Any, source: str) -> None:
    fit = fit_others(routes(4000, 1), ROUTES)

    def moved(window: dict[str, np.ndarray]) -> float:
        left = fit.residuals(routes(4000, 1))[source], fit.residuals(window)[source]
        return counted("wasserstein", *left).distance()

    clean, fewer = moved(routes(4000, 2)), moved(fewer_of_a(routes(4000, 2)))
    assert moved(change(routes(4000, 2))) > 5 * max(clean, fewer)


def test_a_category_is_given_a_number_as_well_and_a_new_one_says_nothing() -> None:
    table = routes(4000, 1)
    fit = fit_others(table, ROUTES)
    assert {one.name: one.other for one in fit.categories}["dest"] == "distance"
    assert not fit.residuals({**table, "dest": np.array(["new"] * 4000)})["dest"].any()


def test_a_sensor_that_is_stuck_in_some_rows_stands_at_one_value() -> None:
    before, now = (np.random.default_rng(seed).normal(size=2000) for seed in (1, 2))
    assert counted("gained", before, now).distance() < 0.01
    now[::10] = now[0]
    assert counted("gained", before, now).distance() == pytest.approx(0.1, abs=0.002)


def test_a_dry_month_is_no_sensor_that_is_stuck() -> None:
    """Two rows of three have no rain, and then almost all."""
    rain = np.random.default_rng(1).normal(size=3000)
    before, now = (np.where(np.arange(3000) % every, 0.0, rain) for every in (3, 30))
    assert counted("gained", before, now).distance() == 0


def test_a_weekday_that_the_weather_hardly_tells_is_given_nothing() -> None:
    """Forty days, each with its own pressure: by chance some weekdays are told by it."""
    random = np.random.default_rng(1)
    day = random.integers(0, 40, 4000)
    table = {
        "weekday": np.array(list("abcdefg"))[day % 7],
        "pressure": random.normal(size=40)[day] + random.normal(size=4000),
    }
    features = (
        Feature(name="weekday", kind="categorical", categories=tuple("abcdefg")),
        Feature(name="pressure", kind="numeric"),
    )
    assert fit_others(table, features).categories == ()


def test_a_lone_number_is_given_nothing() -> None:
    assert fit_others(weather(100, 55, 1), [FEATURES[0], FEATURES[2]]).names == ()


def test_a_constant_column_is_given_nothing() -> None:
    table = weather(100, 55, 1) | {"dewp": np.full(100, 3.0)}
    assert fit_others(table, FEATURES).names == ()


def test_method_and_effect_of_one_column_come_from_pipeline_toml() -> None:
    drift = Drift(columns={"temp": ColumnDrift(method="psi", effect=0.7)})
    own, general = feature_statistics(drift, FEATURES, None)[:2]
    assert (own.method, own.effect) == ("psi", 0.7)
    assert (general.method, general.effect) == ("wasserstein", 0.1)


def test_classes_are_compared_by_their_shares() -> None:
    assert prediction_statistic(Drift(), "multiclass").method == "jensenshannon"
    assert prediction_statistic(Drift(), "binary").method == "wasserstein"
    assert label_statistic(Drift(), "late", "binary").method == "jensenshannon"


def test_what_is_missing_is_read_as_a_share() -> None:
    statistic = next(one for one in feature_statistics(Drift(), FEATURES, None) if one.kind == "missing")
    assert list(values_of(statistic, {"temp": np.array([1.0, np.nan])}, {})) == [0, 1]


def test_a_column_that_the_model_does_not_have_is_refused_with_the_nearest() -> None:
    drift = Drift(columns={"carier": ColumnDrift(method="psi", effect=0.7)})
    with refuses(UsageError, "unknown-column", "drift.columns.carier", "carrier?"):
        check_columns(drift, FEATURES)


def test_a_distance_of_numbers_is_refused_for_categories() -> None:
    drift = Drift(columns={"carrier": ColumnDrift(method="wasserstein", effect=0.7)})
    with refuses(UsageError, "method-for-numbers", "drift.columns.carrier.method", "wasserstein", "jensenshannon"):
        check_columns(drift, FEATURES)
