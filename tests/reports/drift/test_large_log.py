"""A log in Parquet: what a small one gives, what is counted over all rows of a large one, and what its sample shows."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.exits import UsageError
from contracts.pipeline_toml.reader import load_config
from contracts.request_log import LabelRecord, PredictionRecord
from contracts.stage import Build
from reports.drift.comparison import compare
from reports.drift.effective_rows import distinct_window
from reports.drift.large_log import distinct, tallies
from reports.drift.large_log.records import ParquetFiles, parquet_files, records_of
from reports.drift.large_log.sample import connected
from reports.drift.large_log.window import parquet_window
from reports.drift.log_reader import LARGEST_FLOAT32, RequestWindow, read_window
from reports.drift.stage import Traffic, examine
from scoring.drift_statistics import DriftStatistic
from tests.refusals import refuses
from tests.reports.logged_requests import FEATURES, NOON_US, card, records, rows, write_config, write_log, write_model

MODEL = "sha256:model"
REFERENCE = rows(2000, seed=1)


def write_parquet(file: Path, made: Iterable[PredictionRecord | LabelRecord]) -> ParquetFiles:
    """Records as a Parquet file of their own fields; the log that it is."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([one.model_dump() for one in made]), file)
    return ParquetFiles((str(file),))


def window(log: ParquetFiles, at_most: int = 50_000) -> RequestWindow:
    return parquet_window(log, card("binary"), MODEL, 7, REFERENCE, at_most)


def test_a_small_log_is_the_same_window_in_parquet_and_in_json_lines(tmp_path: Path) -> None:
    table = pd.concat([rows(600, seed=3), rows(600, seed=3).head(50)])
    table["carrier"] = table["carrier"].mask(np.arange(len(table)) == 3, "(heard of nowhere)")
    made = [*records(table, MODEL), *records(table.head(5), MODEL), *records(table.head(7), "sha256:other", prefix="o")]
    write_log(tmp_path, made)
    labels = [LabelRecord(id=f"r{place}", at_us=NOON_US, actual="true", observed_us=NOON_US) for place in range(40)]
    (tmp_path / "labels-1-1.jsonl").write_text("".join(one.model_dump_json() + "\n" for one in labels))
    one = distinct_window(read_window(tmp_path, card("binary"), MODEL, 7), REFERENCE)
    log = write_parquet(tmp_path / "log.parquet", made)
    two = window(ParquetFiles(log.predictions, write_parquet(tmp_path / "labels-1.parquet", labels).predictions))
    pd.testing.assert_frame_equal(one.rows, two.rows)
    for field in ("scores", "actual", "days"):
        np.testing.assert_array_equal(getattr(one.answers, field), getattr(two.answers, field))
    for count in ("requests", "first", "last", "repeated_ids", "other_models", "repeated", "whole"):
        assert getattr(one, count) == getattr(two, count)


def test_the_sample_of_a_large_log_is_the_one_that_json_lines_give(tmp_path: Path) -> None:
    made = records(rows(3000, seed=3), MODEL)
    write_log(tmp_path, made)
    one = distinct_window(read_window(tmp_path, card("binary"), MODEL, 7, at_most=400), REFERENCE)
    two = window(write_parquet(tmp_path / "log.parquet", made), at_most=400)
    pd.testing.assert_frame_equal(one.rows, two.rows)
    assert len(two.rows) == 400


def test_columns_are_counted_over_all_rows(tmp_path: Path) -> None:
    table = rows(3000, seed=3).round({"temp": 0})
    table.loc[:299, "carrier"] = "(heard of nowhere)"
    whole = window(write_parquet(tmp_path / "log.parquet", records(table, MODEL)), at_most=400).whole
    assert whole
    wind, temp, carrier = (whole.tallies[name] for name in ("wind", "temp", "carrier"))
    assert wind.missing == table["wind"].isna().sum()
    assert dict(zip(temp.values, temp.counts, strict=True)) == table["temp"].value_counts().to_dict()
    assert sorted(carrier.counts) == sorted(table["carrier"].value_counts())
    assert sum("nowhere" in str(one) for one in carrier.values) == 0
    assert {one.rows for one in whole.tallies.values()} == {3000}


def test_distances_are_those_of_all_rows_or_within_their_stated_error(tmp_path: Path) -> None:
    drift = load_config(write_config(tmp_path / "pipeline.toml")).drift
    log = write_parquet(tmp_path / "log.parquet", records(rows(8000, seed=3).round({"wind": 0}), MODEL))
    one, every = window(log, at_most=2000), window(log)
    assert one.whole
    assert every.whole is None
    some, of_all = (
        compare(drift, card("binary"), REFERENCE, w.rows, w.answers, 0, 7, whole=w.whole) for w in (one, every)
    )
    apart = {a.column: abs(a.distance - b.distance) for a, b in zip(some.columns, of_all.columns, strict=True)}
    stated = {one.column: one for one in some.sampled}
    assert {name for name, one in stated.items() if not one.is_of_all_rows} >= {"temp, given the others"}
    assert {"temp", "wind", "carrier", "wind at one value", "holiday is missing", "prediction"} <= {
        name for name, one in stated.items() if one.is_of_all_rows
    }
    assert [name for name, off in apart.items() if off > stated[name].reach + 1e-9] == []
    assert apart["wind"] == pytest.approx(0, abs=1e-12)
    assert max(one.reach for one in stated.values()) < 0.1


def test_the_verdict_on_a_large_log_says_what_was_counted_and_what_was_sampled(tmp_path: Path) -> None:
    build, config = Build(tmp_path / "build"), load_config(write_config(tmp_path / "pipeline.toml"))
    digest = write_model(build)
    build.stage("drift").mkdir()
    log = write_parquet(tmp_path / "log.parquet", records(rows(3000, seed=3), digest))
    traffic = Traffic(tmp_path, "a log", 7, parquet=log)
    small, _ = examine(config, build.challenger, traffic, build.stage("drift"))
    large, line = examine(config, build.challenger, replace(traffic, at_most=1000), build.stage("drift"))
    assert "large_log" not in small.model_dump()
    assert large.large_log
    assert (large.current_rows, large.effective_rows, large.large_log.sampled) == (3000, 3000, 1000)
    assert large.large_log.distinct_rows == 3000
    assert large.state == small.state
    assert any("3,000" in reason and "1,000" in reason for reason in large.reasons)
    assert "3,000 requests against" in line
    json.loads(large.model_dump_json())


def test_rows_that_are_sent_many_times_count_once_in_a_large_log(tmp_path: Path) -> None:
    log = write_parquet(tmp_path / "log.parquet", records(pd.concat([rows(500, seed=3)] * 20), MODEL))
    seen = window(log, at_most=2000)
    assert seen.whole
    assert seen.whole.distinct == 500
    assert seen.effective_rows == pytest.approx(500, abs=15)
    assert seen.repeated == pytest.approx(9500, abs=15)


def test_a_row_that_is_sent_all_the_time_does_not_count_in_a_large_log(tmp_path: Path) -> None:
    once = rows(6000, seed=3)
    log = write_parquet(tmp_path / "log.parquet", records(pd.concat([once, *[once.iloc[[5]]] * 3000]), MODEL))
    seen = window(log, at_most=2000)
    assert seen.whole
    assert seen.repeated == pytest.approx(3000, abs=300)
    assert not seen.whole.decides
    drift = load_config(write_config(tmp_path / "pipeline.toml")).drift
    compared = compare(drift, card("binary"), REFERENCE, seen.rows, seen.answers, 0, 7, whole=seen.whole)
    assert [one.column for one in compared.columns if one.drifted] == []


def test_a_clean_large_log_loses_no_row(tmp_path: Path) -> None:
    log = write_parquet(tmp_path / "log.parquet", records(rows(6000, seed=3), MODEL))
    seen = window(log, at_most=2000)
    assert seen.whole
    assert (seen.effective_rows, seen.repeated, seen.whole.decides) == (6000, 0, True)


def test_distinct_rows_are_within_their_stated_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "MOST_KEPT", 4000)
    monkeypatch.setattr(distinct, "LEAST_KEPT", 400)
    table = pd.concat([rows(20_000, seed=3)] * 2)
    with connected() as connection:
        log = write_parquet(tmp_path / "log.parquet", records(table, MODEL))
        known = records_of(connection, log, card("binary"), MODEL, FEATURES)
        found = distinct.distinct_rows(connection, known, [one.name for one in FEATURES], len(table))
    assert 0 < found.error < 0.1
    assert found.rows == pytest.approx(20_000, rel=found.error)


def test_a_record_that_was_logged_twice_counts_once_in_a_large_log(tmp_path: Path) -> None:
    made = records(rows(6000, seed=3), MODEL)
    seen = window(write_parquet(tmp_path / "log.parquet", [*made, *made[:3000]]), at_most=2000)
    assert seen.repeated_ids == pytest.approx(3000, rel=0.1)
    assert seen.requests == 9000 - seen.repeated_ids
    assert seen.whole
    assert not seen.whole.decides


def test_values_beyond_float32_and_not_a_number_are_read_as_everywhere(tmp_path: Path) -> None:
    table = rows(3000, seed=3).astype({"temp": float})
    table.loc[:9, "temp"] = 1e300
    table.loc[10:19, "temp"] = -1e300
    table.loc[20:29, "temp"] = np.nan
    log = write_parquet(tmp_path / "log.parquet", records(table, MODEL))
    whole = window(log, at_most=400).whole
    assert whole
    temp = whole.tallies["temp"]
    assert (temp.missing, temp.rows) == (10, 3000)
    assert (temp.values.max(), temp.values.min()) == (LARGEST_FLOAT32, -LARGEST_FLOAT32)
    assert {temp.counts[0], temp.counts[-1]} == {10}


def test_numbers_with_too_many_values_are_counted_in_cells_and_say_how_far_off_that_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = rows(3000, seed=3).astype({"temp": float})
    table.loc[:9, "temp"] = 1e300
    log = write_parquet(tmp_path / "log.parquet", records(table, MODEL))
    exact = window(log, at_most=400).whole
    monkeypatch.setattr(tallies, "MOST_VALUES", 10)
    cells = window(log, at_most=400).whole
    assert exact
    assert cells
    assert (cells.tallies["wind"].missing, cells.tallies["wind"].rows) == (exact.tallies["wind"].missing, 3000)
    assert cells.tallies["temp"].off > 0
    value = DriftStatistic("temp", "temp", "value", "wasserstein", 0.1)
    one, two = (whole.distance(value, REFERENCE["temp"].to_numpy()) for whole in (exact, cells))
    assert one
    assert two
    assert 0 < two.reach < 0.002
    assert one.value == pytest.approx(two.value, abs=two.reach)
    assert cells.distance(replace(value, kind="repeated", method="gained"), REFERENCE["temp"].to_numpy()) is None


def test_a_feature_that_is_not_in_the_file_is_missing(tmp_path: Path) -> None:
    made = records(rows(700, seed=3).drop(columns="temp"), MODEL)
    seen = window(write_parquet(tmp_path / "log.parquet", made))
    assert seen.rows["temp"].isna().all()


@pytest.mark.parametrize("other", ["Temp", "TEMP", "tEmP"])
@pytest.mark.parametrize("is_first", [True, False])
def test_names_that_differ_only_by_case_are_not_taken_for_each_other(
    tmp_path: Path, other: str, is_first: bool
) -> None:
    table = rows(700, seed=3)
    table.insert(0 if is_first else len(table.columns), other, np.float32(1e6))
    log = write_parquet(tmp_path / "log.parquet", records(table, MODEL))
    if not is_first:  # DuckDB takes the first of two
        assert window(log).rows["temp"].max() < 1e5
        return
    with refuses(UsageError, "names-alike", repr(other), "'temp'"):
        window(log)


def test_a_log_is_a_file_a_folder_or_a_glob(tmp_path: Path) -> None:
    made = records(rows(30, seed=3), MODEL)
    for name in ("predictions-[1].parquet", "predictions-2.parquet", "labels-1.parquet"):
        write_parquet(tmp_path / name, made)
    assert parquet_files(str(tmp_path)) == parquet_files(str(tmp_path / "*.parquet"))
    log = parquet_files(str(tmp_path))
    assert log
    assert (len(log.predictions), len(log.labels)) == (2, 1)
    one = parquet_files(str(tmp_path / "predictions-[1].parquet"))
    assert one
    assert window(one).requests == 30
    assert parquet_files(str(tmp_path / "log.jsonl")) is None


def test_what_cannot_be_read_says_what_is_required(tmp_path: Path) -> None:
    made = [one.model_dump() for one in records(rows(30, seed=3), MODEL)]
    spoilt = {
        "features": [{**one, "features": json.dumps(one["features"])} for one in made],
        "at_us": [{**one, "at_us": "noon"} for one in made],
        "probabilities": [{name: value for name, value in one.items() if name != "probabilities"} for one in made],
    }
    for name, lines in spoilt.items():
        pq.write_table(pa.Table.from_pylist(lines), tmp_path / "spoilt.parquet")
        with refuses(UsageError, "not-a-request-log", name, "spoilt.parquet"):
            window(ParquetFiles((str(tmp_path / "spoilt.parquet"),)))
    (tmp_path / "torn.parquet").write_bytes(b"PAR1, and then nothing")
    with refuses(UsageError, "not-a-request-log", "torn.parquet"):
        window(ParquetFiles((str(tmp_path / "torn.parquet"),)))
    with refuses(UsageError, "no-request-log", "*.parquet"):
        parquet_files(str(tmp_path / "none-*.parquet"))
    pq.write_table(pa.Table.from_pylist([{**one, "features": None} for one in made]), tmp_path / "empty.parquet")
    with pytest.raises(UsageError):
        window(ParquetFiles((str(tmp_path / "empty.parquet"),)))
