"""The kinds of columns, and the reasons why some are left out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from contracts.exits import FindingError, UsageError
from contracts.features import MISSING
from contracts.pipeline_toml.keys import MOST_CATEGORIES, Features
from tests.refusals import refuses
from training.dataset.column_values import convert, shape_of, to_text
from training.dataset.columns import ColumnChoice, kind_of

ROWS = 300


def chosen(values: Any, name: str = "x", **features: object) -> ColumnChoice:
    return kind_of(name, pd.Series(values), Features.model_validate(features))


def kind(values: Any, name: str = "x", kinds: Mapping[str, str] | None = None) -> str | None:
    return chosen(values, name, kinds=kinds or {}).kind


def left_out(values: Any, *shown: str, name: str = "x", **features: object) -> str:
    """The code of the reason, which shows these values."""
    found = chosen(values, name, **features)
    assert found.kind is None
    assert [one for one in shown if one not in found.reason] == [], found.reason
    return found.code


def reason(values: Any, **features: object) -> str:
    return chosen(values, "x", **features).reason


def words(count: int, rows: int = ROWS) -> list[str]:
    return [f"w{number % count}" for number in range(rows)]


def test_numbers_text_and_booleans_are_recognised() -> None:
    assert kind(np.linspace(0, 1, ROWS)) == "numeric"
    assert kind([1, 2, 3, None] * 50) == "numeric"
    assert kind(words(5)) == "categorical"
    assert kind(pd.Categorical(words(5))) == "categorical"
    assert kind([True, False] * 50) == "boolean"
    assert kind(pd.array([True, None] * 50, dtype="boolean")) == "boolean"


def test_booleans_with_gaps_as_csv_gives_them_are_booleans() -> None:
    values = pd.Series([True, None, False] * 50, dtype=object)
    assert kind(values) == "boolean"
    numbers = convert("x", values, "boolean").to_numpy()[:3]
    np.testing.assert_array_equal(numbers, np.array([1, np.nan, 0], dtype=np.float32))


def test_a_column_without_values_is_left_out() -> None:
    assert left_out([None] * ROWS) == "no-value"
    assert left_out([np.nan] * ROWS) == "no-value"


@pytest.mark.parametrize(("value", "shown"), [(3.5, "3.5"), ("two\nlines", "'two\\nlines'"), (True, "True")])
def test_a_constant_is_left_out_and_shown_on_one_line(value: object, shown: str) -> None:
    assert left_out([value] * ROWS, f" {shown} ") == "constant"
    assert "\n" not in reason([value] * ROWS)


def test_one_value_and_gaps_is_no_constant_since_the_gaps_may_tell() -> None:
    assert kind(["here", None] * 50) == "categorical"


def test_more_texts_than_max_categories_are_an_identifier() -> None:
    assert left_out(words(90), "90 distinct texts", max_categories=80) == "identifier"
    assert kind(words(90)) == "categorical"


def test_a_text_of_its_own_in_most_rows_is_an_identifier_in_a_small_table_too() -> None:
    assert left_out(words(60, rows=100), "60 distinct texts", "100 rows") == "identifier"


def test_long_texts_without_end_are_free_text() -> None:
    complaints = [f"the pump {number} made a loud noise" for number in range(ROWS)]
    assert left_out(complaints) == "free-text"


@pytest.mark.parametrize(
    "values",
    [
        pd.date_range("2026-01-01", periods=ROWS),
        [f"2026-01-{day % 28 + 1:02}" for day in range(ROWS)],
        [f"{day % 28 + 1}/3/26" for day in range(ROWS)],
        [f"2026-01-01T{hour % 24:02}:00:00Z" for hour in range(ROWS)],
    ],
    ids=["timestamps", "days", "slashes", "instants"],
)
def test_dates_are_left_out_with_what_to_do_instead(values: Any) -> None:
    assert left_out(values, 'features.dates.x = ["') == "date"


def test_running_numbers_are_left_out() -> None:
    assert left_out(np.random.default_rng(0).permutation(ROWS), "features.kinds.x") == "row-number"
    assert kind(np.arange(50)) == "numeric"


@pytest.mark.parametrize("name", ["id", "ID", "customer_id", "customerId", "order.uuid", "Customer ID"])
def test_numbers_named_like_an_identifier_are_left_out(name: str) -> None:
    assert left_out([1, 2, 3] * 50, "features.kinds.", name=name) == "named-like-an-id"


@pytest.mark.parametrize("name", ["humid", "paid", "grid", "idle", "width"])
def test_names_that_only_end_like_an_identifier_are_not_taken_for_one(name: str) -> None:
    assert kind([1, 2, 3] * 50, name) == "numeric"


def test_whole_numbers_beyond_what_float32_holds_are_left_out_unless_called_numeric() -> None:
    account = [2**24 + 1, 5, 7] * 50
    assert left_out(account, "2^24") == "beyond-float32"
    assert left_out([2.0**24 + 2, None] * 50, "2^24") == "beyond-float32"
    assert kind([2**24, 5, 7] * 50) == "numeric"
    assert kind(account, kinds={"x": "numeric"}) == "numeric"


def test_fractions_of_any_size_are_numbers() -> None:
    assert kind([1e9 + 0.5, 2.0, 3.0] * 50) == "numeric"


def test_mixed_and_odd_values_are_left_out() -> None:
    assert left_out(pd.Series([1, "one"] * 50, dtype=object)) == "mixed"
    assert left_out([[1], [2]] * 50, "list") == "unreadable"
    assert left_out([b"raw", b"bytes"] * 50, "bytes") == "unreadable"


def test_kinds_makes_a_number_a_category() -> None:
    assert kind([1, 2, 3] * 50, kinds={"x": "categorical"}) == "categorical"
    assert to_text(pd.Series([1.0, np.nan, 2.5])).to_pylist() == ["1", MISSING, "2.5"]
    assert to_text(pd.Series([2**60 + 1])).to_pylist() == [str(2**60 + 1)]


def test_kinds_does_not_lift_the_limit_on_categories() -> None:
    values, kinds = list(range(90)) * 3, {"x": "categorical"}
    assert left_out(values, "90 distinct", kinds=kinds, max_categories=80) == "too-many-categories"


def test_a_limit_that_cannot_be_raised_is_not_said_to_be_raised() -> None:
    kinds = {"x": "categorical"}
    assert "raise it" in reason(words(90, rows=270), kinds=kinds, max_categories=80)
    beyond = reason(words(MOST_CATEGORIES + 1, rows=30_010), kinds=kinds, max_categories=MOST_CATEGORIES)
    assert "min_category_rows" in beyond
    assert "raise it" not in beyond


def test_missing_text_is_a_category_of_its_own() -> None:
    for values in (["a", None], pd.array(["a", None], dtype="string"), pd.Categorical(["a", None])):
        assert convert("x", pd.Series(values), "categorical").to_pylist() == ["a", MISSING]


def test_categories_of_numbers_are_numbers_again() -> None:
    values = pd.Series(pd.Categorical([1, None, 3]))
    assert shape_of(values) == "numeric"
    np.testing.assert_array_equal(
        convert("x", values, "numeric").to_numpy(), np.array([1, np.nan, 3], dtype=np.float32)
    )


def test_columns_kept_by_arrow_are_like_all_others() -> None:
    texts = pd.Series(["a", None], dtype=pd.ArrowDtype(pa.string()))
    flags = pd.Series([True, None], dtype=pd.ArrowDtype(pa.bool_()))
    assert convert("x", texts, "categorical").to_pylist() == ["a", MISSING]
    assert (shape_of(texts), shape_of(flags)) == ("text", "boolean")


def test_text_that_reads_as_numbers_is_read_when_kinds_says_so() -> None:
    assert convert("x", pd.Series(["1.5", "2", None]), "numeric").to_numpy()[:2].tolist() == [1.5, 2.0]


def test_text_that_is_no_number_is_refused_with_an_example() -> None:
    with refuses(UsageError, "not-numeric", "'x'", "'many'"):
        convert("x", pd.Series(["1", "many", None]), "numeric")


def test_dates_are_refused_as_numbers() -> None:
    with refuses(UsageError, "not-numeric", "'x'", "2026-01-01"):
        convert("x", pd.Series(pd.date_range("2026-01-01", periods=3)), "numeric")


def test_values_that_are_no_booleans_are_refused_with_an_example() -> None:
    with refuses(UsageError, "not-boolean", "'x'", "'2'"):
        convert("x", pd.Series([0, 1, 2]), "boolean")


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
def test_infinite_values_are_refused_with_their_row(value: float) -> None:
    with refuses(FindingError, "infinite-values", "'x'", "row 2"):
        convert("x", pd.Series([0.5, value, 0.1]), "numeric")


def test_the_reason_names_the_limit_that_applies() -> None:
    unique = [f"w{number}" for number in range(200)] + ["w0"] * 100
    assert left_out(unique, max_categories=1000) == "identifier"
    assert "max_categories" not in reason(unique, max_categories=1000)
    assert left_out(words(90), "features.max_categories = 80", max_categories=80) == "identifier"


def test_a_limit_is_raised_only_where_it_is_near() -> None:
    assert "raise it" in reason(words(90), max_categories=80)
    assert "raise it" not in reason(words(90, rows=900), max_categories=10)


def test_free_text_is_left_out_with_what_to_do() -> None:
    texts = [f"the {number} machine is broken" for number in range(ROWS)]
    assert left_out(texts, "in the source") == "free-text"
