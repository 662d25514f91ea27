"""What is compared of a table: values, values given the others, and what is missing."""

import numpy as np

from contracts.exits import UsageError
from contracts.features import Feature
from contracts.pipeline_toml.keys import ColumnDrift, Drift
from scoring.distances import counted
from scoring.drift_statistics import (
    check_columns,
    feature_statistics,
    fit_numbers,
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


def test_each_number_is_read_three_times_and_each_category_once() -> None:
    fit = fit_numbers(weather(500, 55, 1), FEATURES)
    names = [one.column for one in feature_statistics(Drift(), FEATURES, fit)]
    assert names == [
        *("temp", "dewp", "carrier", "temp, given the others", "dewp, given the others"),
        *("temp is missing", "dewp is missing"),
    ]


def test_another_unit_shows_given_the_others_where_the_season_hides_it() -> None:
    year = {
        name: np.concatenate([weather(300, season, 7)[name] for season in (20, 45, 70, 80)])
        for name in ("temp", "dewp", "carrier")
    }
    fit = fit_numbers(year, FEATURES)
    assert fit
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
    fit = fit_numbers(table, FEATURES)
    assert fit
    table["temp"][3] = table["dewp"][5] = np.nan
    residuals = fit.residuals(table)["temp"]
    assert list(np.flatnonzero(np.isnan(residuals))) == [3]


def test_a_lone_number_is_given_nothing() -> None:
    assert fit_numbers(weather(100, 55, 1), [FEATURES[0], FEATURES[2]]) is None


def test_a_constant_column_is_given_nothing() -> None:
    table = weather(100, 55, 1) | {"dewp": np.full(100, 3.0)}
    assert fit_numbers(table, FEATURES) is None


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
