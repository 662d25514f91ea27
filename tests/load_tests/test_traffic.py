"""From rows of the replay table to requests and the model's own answers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from answers import TOLERANCE
from hypothesis import given
from hypothesis import strategies as st
from traffic import answered, replayed, thinned

from contracts.exits import UsageError
from contracts.features import as_json
from scoring.scorer import Scorer, load_scorer
from testbed.tiny_build import FEATURES, ROWS, card, write_model, write_replay
from tests.refusals import refuses


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    folder = tmp_path_factory.mktemp("tiny") / "model"
    write_model(folder)
    return load_scorer(folder)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    write_replay(tmp_path / "replay.parquet")
    return tmp_path / "replay.parquet"


@given(rows=st.integers(1, 3000), wanted=st.integers(1, 3000), seed=st.integers(0, 5))
def test_rows_are_spread_over_the_whole_table_and_none_is_preferred(rows: int, wanted: int, seed: int) -> None:
    drawn = thinned(rows, wanted, seed)
    times = np.bincount(drawn, minlength=rows)
    assert len(drawn) == wanted
    assert times.max() - times.min() <= 1
    if wanted <= rows:
        assert (np.diff(drawn) > 0).all()
        assert np.diff(np.concatenate([[-1], drawn, [rows]])).max() <= 2 * -(-rows // wanted)


def test_the_same_seed_draws_the_same_rows_and_another_one_others() -> None:
    assert (thinned(1000, 100, seed=7) == thinned(1000, 100, seed=7)).all()
    assert (thinned(1000, 100, seed=7) != thinned(1000, 100, seed=8)).any()


def test_requests_follow_the_tables_order_from_its_first_slice_to_its_last(scorer: Scorer, table: Path) -> None:
    sent = [json.loads(one.body)["distance"] for one in replayed(table, scorer, 50, seed=7).requests]
    distances = [one for one in sent if one is not None]
    assert distances == sorted(distances)
    assert distances[0] < -4 + 2 * 8 / 50
    assert distances[-1] > 4 - 2 * 8 / 50


def test_each_request_has_what_the_model_says_to_it(scorer: Scorer, table: Path) -> None:
    requests = replayed(table, scorer, ROWS, seed=7).requests
    matrix = scorer.encoder.rows([json.loads(one.body) for one in requests])
    said = scorer.predict(matrix)[:, 1]
    assert [one.probability for one in requests] == pytest.approx(said.tolist(), abs=1e-7)
    assert all(one.labels == ("true" if p >= 0.4 else "false",) for one, p in zip(requests, said, strict=True))


@pytest.mark.parametrize(
    ("value", "feature", "sent"),
    [
        (np.float32("nan"), FEATURES[0], None),
        (np.float32(55.04), FEATURES[0], 55.04),
        (55.0400009, FEATURES[0], 55.0400009),
        (55, FEATURES[0], 55),
        (False, FEATURES[1], False),
        (True, FEATURES[1], True),
        (None, FEATURES[1], None),
        (None, FEATURES[2], None),
        ("AA ", FEATURES[2], "AA "),
    ],
)
def test_a_value_is_sent_as_a_client_writes_it(value: Any, feature: Any, sent: object) -> None:
    seen = as_json(value, feature.kind)
    assert seen == sent
    assert type(seen) is type(sent)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_number_arrives_as_the_float32_that_it_was(number: float) -> None:
    sent = json.loads(json.dumps(as_json(np.float32(number), FEATURES[0].kind)))
    assert np.float32(sent) == np.float32(number)


@pytest.mark.parametrize(
    "sent",
    [
        {"carrier": pa.array(["aa", "ua", None, "ZZ"] * (ROWS // 4))},
        {"distance": pa.array(np.linspace(-40, 40, ROWS))},
        {"distance": pa.array([None] * ROWS, pa.float64())},
        {"is_weekend": pa.array([True] * ROWS)},
    ],
    ids=["another spelling", "another unit", "filled gaps", "another meaning"],
)
def test_what_training_made_of_the_source_differs_from_what_a_client_sends(
    scorer: Scorer, tmp_path: Path, sent: dict[str, Any]
) -> None:
    write_replay(tmp_path / "replay.parquet", sent)
    assert _wrong(scorer, tmp_path / "replay.parquet") > 0.1 * ROWS


def test_the_sources_own_digits_and_texts_give_what_training_reads(scorer: Scorer, tmp_path: Path) -> None:
    exact = np.random.default_rng(3).normal(size=ROWS)
    write_replay(tmp_path / "replay.parquet", {"distance": pa.array(exact)}, distance=exact.astype(np.float32))
    assert _wrong(scorer, tmp_path / "replay.parquet") == 0


def _wrong(scorer: Scorer, table: Path) -> int:
    """How many requests the model answers otherwise than is required of the service."""
    requests = replayed(table, scorer, ROWS, seed=7).requests
    said = scorer.predict(scorer.encoder.rows([json.loads(one.body) for one in requests]))[:, 1]
    required = np.array([one.probability for one in requests], dtype=np.float64)
    return int((np.abs(said - required) > TOLERANCE).sum())


def test_rows_that_the_services_schema_refuses_are_left_out_and_counted(scorer: Scorer, tmp_path: Path) -> None:
    weekend = [float("nan") if row < 400 else 1.0 for row in range(ROWS)]
    write_replay(tmp_path / "replay.parquet", is_weekend=np.array(weekend, dtype=np.float32))
    traffic = replayed(tmp_path / "replay.parquet", scorer, 100, seed=7)
    assert traffic.left_out == 400
    assert all(json.loads(one.body)["is_weekend"] is True for one in traffic.requests)


def test_a_table_without_any_row_to_send_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    write_replay(tmp_path / "replay.parquet", is_weekend=np.full(ROWS, np.nan, np.float32))
    with refuses(UsageError, "no-rows"):
        replayed(tmp_path / "replay.parquet", scorer, 100, seed=7)


def test_an_empty_table_is_refused(scorer: Scorer, table: Path) -> None:
    pa.parquet.write_table(pa.parquet.read_table(table).slice(0, 0), table)
    with refuses(UsageError, "no-rows"):
        replayed(table, scorer, 100, seed=7)


def test_an_absent_table_says_which_command_makes_it(scorer: Scorer, tmp_path: Path) -> None:
    with refuses(UsageError, "not-there", "`make data`"):
        replayed(tmp_path / "replay.parquet", scorer, 100, seed=7)


def test_a_table_without_a_feature_of_the_model_is_refused(scorer: Scorer, table: Path) -> None:
    pa.parquet.write_table(pa.parquet.read_table(table).drop_columns(["carrier"]), table)
    with refuses(UsageError, "no-column", "carrier", "`make train`"):
        replayed(table, scorer, 100, seed=7)


@pytest.mark.parametrize(
    ("late", "labels"),
    [(0.39, ("false",)), (0.399995, ("true", "false")), (0.400005, ("true", "false")), (0.41, ("true",))],
)
def test_at_the_threshold_either_class_is_right(late: float, labels: tuple[str, ...]) -> None:
    assert answered("{}", np.array([1 - late, late]), card()).labels == labels


def test_without_a_threshold_it_is_one_half() -> None:
    assert answered("{}", np.array([0.55, 0.45]), card(threshold=None)).labels == ("false",)


def test_a_multiclass_answer_is_the_most_probable_class() -> None:
    request = answered("{}", np.array([0.2, 0.5, 0.3]), card(task="multiclass", classes=("a", "b", "c"), positive=""))
    assert request.labels == ("b",)
    assert request.probabilities == {"a": 0.2, "b": 0.5, "c": 0.3}


def test_a_regression_answer_is_the_value() -> None:
    request = answered("{}", np.array([12.5]), card(task="regression", classes=(), positive="", threshold=None))
    assert (request.value, request.labels) == (12.5, ())
