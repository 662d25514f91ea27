"""The encoder that training and service share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.features import MISSING, Feature
from scoring.encoder import Encoder

FEATURES = (
    Feature(name="age", kind="numeric", missing_share=0.1),
    Feature(name="member", kind="boolean"),
    Feature(name="city", kind="categorical", categories=(MISSING, "Bonn", "Köln"), missing_share=0.1),
)
ENCODER = Encoder(FEATURES)

ROWS = st.fixed_dictionaries(
    {
        "age": st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False),
        "member": st.booleans(),
        "city": st.none() | st.sampled_from(["Bonn", "Köln", "Paris", "bonn", ""]),
    }
)


def test_a_row_is_encoded_in_the_models_order() -> None:
    assert ENCODER.row({"city": "Köln", "member": True, "age": 41}) == [41.0, 1.0, 2.0]


def test_an_unknown_category_is_minus_one_and_a_missing_one_is_a_category() -> None:
    assert ENCODER.row({"city": "Paris", "member": False, "age": 0})[2] == -1.0
    assert ENCODER.row({"city": None, "member": False, "age": 0})[2] == 0.0


def test_a_missing_number_is_nan() -> None:
    assert np.isnan(ENCODER.row({"city": "Bonn", "member": False, "age": None})[0])


def test_an_absent_feature_is_refused() -> None:
    with pytest.raises(KeyError, match="member"):
        ENCODER.row({"city": "Bonn", "age": 1})
    with pytest.raises(KeyError, match="city"):
        ENCODER.columns({"age": np.zeros(1), "member": np.zeros(1)})


def test_no_rows_give_an_empty_matrix_of_the_right_width() -> None:
    assert ENCODER.rows([]).shape == (0, 3)


@given(st.lists(ROWS, min_size=1, max_size=30))
def test_row_by_row_batch_and_columns_give_the_same_matrix(rows: list[dict[str, float | bool | str | None]]) -> None:
    columns = {
        "age": np.array([np.nan if row["age"] is None else row["age"] for row in rows], dtype=np.float32),
        "member": np.array([row["member"] for row in rows]),
        "city": np.array([MISSING if row["city"] is None else row["city"] for row in rows], dtype=object),
    }
    batch = ENCODER.rows(rows)
    np.testing.assert_array_equal(batch, ENCODER.columns(columns))
    np.testing.assert_array_equal(batch, np.array([ENCODER.row(row) for row in rows], dtype=np.float32))
