"""The reader of the request log: what counts, what is skipped, and how values come out."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.exits import UsageError
from contracts.features import MISSING, RARE, Feature
from contracts.request_log import LabelRecord
from reports.drift.log_reader import RequestWindow, read_window
from tests.refusals import refuses
from tests.reports.logged_requests import FEATURES, NOON_US, card, record, records, rows, write_log

DAY_US = 86_400 * 1_000_000

MODEL = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
ROW = {"temp": 50.0, "wind": 5.0, "holiday": 1.0, "carrier": "AA", "prediction": 0.5}


def read(folder: Path, **changes: int) -> RequestWindow:
    return read_window(folder, card("binary"), MODEL, **{"seed": 7, **changes})


def test_a_log_comes_out_as_the_reference_went_in(tmp_path: Path) -> None:
    table = rows(200, seed=3)
    write_log(tmp_path, records(table, MODEL))
    window = read(tmp_path)
    pd.testing.assert_frame_equal(window.rows, table.astype({"prediction": np.float32}), check_dtype=False)
    assert [str(window.rows[name].dtype) for name in ("temp", "holiday", "prediction")] == ["float32"] * 3


def test_the_window_says_when_its_first_and_last_request_came(tmp_path: Path) -> None:
    write_log(tmp_path, [record("a", ROW, MODEL), record("b", ROW, MODEL, milliseconds=61_000)])
    window = read(tmp_path)
    assert (window.first, window.last) == ("2013-10-01 12:00:00", "2013-10-01 12:01:01")


def test_the_files_of_all_processes_are_read(tmp_path: Path) -> None:
    for process in range(3):
        write_log(tmp_path, records(rows(10, seed=process), MODEL, prefix=f"p{process}-"), process)
    assert read(tmp_path).requests == 30


def test_missing_values_are_missing_as_in_the_reference(tmp_path: Path) -> None:
    gap = {"temp": np.nan, "wind": np.nan, "holiday": 1.0, "carrier": MISSING, "prediction": 0.5}
    write_log(tmp_path, [record("a", gap, MODEL)])
    row = read(tmp_path).rows.iloc[0]
    assert np.isnan(row["temp"])
    assert row["carrier"] == MISSING


def test_a_category_that_the_model_does_not_know_does_not_reach_the_report(tmp_path: Path) -> None:
    names = ["</script><script>alert(1)", "ZZ", "ZZ", "(unknown) 1"]
    write_log(
        tmp_path,
        [record(str(place), ROW | {"carrier": name}, MODEL, milliseconds=place) for place, name in enumerate(names)],
    )
    seen = list(read(tmp_path).rows["carrier"])
    assert all(re.fullmatch(r"\(unknown\) [0-9a-f]{16}", one) for one in seen)
    assert len(set(seen)) == 3


def test_texts_come_out_as_the_model_reads_them_and_those_it_does_not_know_as_one_each(tmp_path: Path) -> None:
    carrier = Feature(
        name="carrier", kind="categorical", categories=(RARE, "aa"), normalise=("trim", "case"), rare=("hawaii",)
    )
    features = (*FEATURES[:-1], carrier)
    names = ["AA", " aa", "Hawaii", "Delta", "DELTA "]
    write_log(
        tmp_path,
        [record(str(place), ROW | {"carrier": name}, MODEL, milliseconds=place) for place, name in enumerate(names)],
    )
    seen = list(read_window(tmp_path, card("binary", features=features), MODEL, seed=7).rows["carrier"])
    assert seen[:3] == ["aa", "aa", RARE]
    assert seen[3] == seen[4] != "delta"


def test_a_number_beyond_float32_stays_finite(tmp_path: Path) -> None:
    write_log(tmp_path, [record("a", ROW | {"temp": 1e300}, MODEL), record("b", ROW | {"temp": -1e300}, MODEL)])
    assert np.isfinite(read(tmp_path).rows["temp"]).all()


def test_names_with_signs_of_json_and_sql_are_columns_like_any_other(tmp_path: Path) -> None:
    names = ["a.b", "a/b", "a~b", "Temp", "temp", "'); DROP TABLE found; --", '"q"', "größe"]
    features = tuple(Feature(name=name, kind="numeric") for name in names)
    row = {name: float(place) for place, name in enumerate(names)} | {"prediction": 0.5}
    write_log(tmp_path, [record("a", row, MODEL)])
    window = read_window(tmp_path, card("binary", features=features), MODEL, seed=7)
    assert window.rows.iloc[0][names].tolist() == list(range(len(names)))


def test_classes_are_read_as_predictions(tmp_path: Path) -> None:
    write_log(tmp_path, [record("a", ROW | {"prediction": "on time"}, MODEL, "multiclass")])
    assert list(read_window(tmp_path, card("multiclass"), MODEL, seed=7).rows["prediction"]) == ["on time"]


def test_values_are_read_as_predictions(tmp_path: Path) -> None:
    write_log(tmp_path, [record("a", ROW | {"prediction": -12.5}, MODEL, "regression")])
    assert list(read_window(tmp_path, card("regression"), MODEL, seed=7).rows["prediction"]) == [-12.5]


def test_a_torn_last_line_is_skipped_and_counted(tmp_path: Path) -> None:
    lines = records(rows(10, seed=1), MODEL)
    write_log(tmp_path, [*lines[:9], lines[9].model_dump_json()[:50]], end="")
    window = read(tmp_path)
    assert (window.requests, window.torn_lines, window.unreadable_lines) == (9, 1, 0)


def test_a_last_line_that_lacks_only_its_newline_is_a_record(tmp_path: Path) -> None:
    write_log(tmp_path, records(rows(10, seed=1), MODEL), end="")
    window = read(tmp_path)
    assert (window.requests, window.torn_lines) == (10, 0)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no json",
        '"a string"',
        "[1, 2]",
        '{"v":1,"id":"x"}',
        '{"v":2,"id":"x","at_us":1,"model":"MODEL","features":{},"prediction":"a","probabilities":[0,1]}',
        '{"v":1,"id":"x","at_us":1,"model":"MODEL","features":{},"prediction":"a"}',
        '{"v":1,"id":"x","at_us":1,"model":"MODEL","features":"temp","prediction":"a","probabilities":[0,1]}',
        '{"v":1,"id":"\\ud800","at_us":1,"model":"MODEL","features":{},"prediction":"a","probabilities":[0,1]}',
        '{"v":1,"id":"x","at_us":1,\x01,"model":"MODEL"',
    ],
)
def test_a_line_that_is_no_record_is_skipped_and_counted(tmp_path: Path, line: str) -> None:
    write_log(tmp_path, [record("a", ROW, MODEL), line.replace("MODEL", MODEL), record("b", ROW, MODEL)])
    window = read(tmp_path)
    assert (window.requests, window.unreadable_lines, window.torn_lines) == (2, 1, 0)


def test_bytes_that_are_no_text_are_skipped_and_counted(tmp_path: Path) -> None:
    write_log(tmp_path, [record("a", ROW, MODEL)])
    with (tmp_path / "predictions-1-1.jsonl").open("ab") as log:
        log.write(b'{"v":1,"id":"\xff\xfe"}\n' + record("b", ROW, MODEL).model_dump_json().encode() + b"\n")
    window = read(tmp_path)
    assert (window.requests, window.unreadable_lines) == (2, 1)


def test_an_id_counts_once_and_the_earliest_record_wins(tmp_path: Path) -> None:
    write_log(tmp_path, [record("a", ROW | {"temp": 2.0}, MODEL, milliseconds=5)], process=1)
    write_log(tmp_path, [record("a", ROW | {"temp": 1.0}, MODEL), record("b", ROW, MODEL)], process=2)
    window = read(tmp_path)
    assert (window.requests, window.repeated_ids) == (2, 1)
    assert 2.0 not in set(window.rows["temp"])


def test_records_of_other_models_are_counted_and_left_out(tmp_path: Path) -> None:
    write_log(tmp_path, [record("a", ROW, MODEL), record("b", ROW, OTHER), record("c", ROW, OTHER)])
    window = read(tmp_path)
    assert (window.requests, window.other_models, len(window.rows)) == (1, 2, 1)


def test_a_logged_feature_that_the_client_left_out_is_missing(tmp_path: Path) -> None:
    write_log(tmp_path, [record("a", {name: ROW[name] for name in ("temp", "prediction")}, MODEL)])
    row = read(tmp_path).rows.iloc[0]
    assert (row["temp"], np.isnan(row["wind"]), row["carrier"]) == (50.0, True, MISSING)


def test_a_feature_that_is_not_logged_is_no_column(tmp_path: Path) -> None:
    write_log(tmp_path, [record("a", ROW, MODEL)])
    window = read_window(tmp_path, card("binary", logged=("temp",)), MODEL, seed=7)
    assert list(window.rows) == ["temp", "prediction"]


def test_no_list_of_logged_features_means_all(tmp_path: Path) -> None:
    write_log(tmp_path, [record("a", ROW, MODEL)])
    assert list(read_window(tmp_path, card("binary", logged=()), MODEL, seed=7).rows) == list(ROW)


def test_a_long_log_is_sampled_and_the_same_whatever_its_files(tmp_path: Path) -> None:
    lines = records(rows(300, seed=5), MODEL)
    write_log(tmp_path / "one", lines)
    for process in range(3):
        write_log(tmp_path / "three", lines[process::3], process)
    one, three = read(tmp_path / "one", at_most=50), read(tmp_path / "three", at_most=50)
    assert (one.requests, len(one.rows)) == (300, 50)
    pd.testing.assert_frame_equal(one.rows, three.rows)
    assert not one.rows.equals(read(tmp_path / "one", seed=8, at_most=50).rows)


def test_a_folder_named_like_a_glob_is_not_taken_for_another(tmp_path: Path) -> None:
    write_log(tmp_path / "log[1]", [record("a", ROW, MODEL)])
    write_log(tmp_path / "log1", records(rows(5, seed=1), MODEL))
    assert read(tmp_path / "log[1]").requests == 1


def test_an_empty_log_is_read_as_no_requests(tmp_path: Path) -> None:
    (tmp_path / "predictions-1-1.jsonl").touch()
    window = read(tmp_path)
    assert (window.requests, window.first, len(window.rows)) == (0, "", 0)


def test_a_folder_without_a_log_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with refuses(UsageError, "no-request-log", "predictions-*.jsonl", "`make load-test`"):
        read(tmp_path)


def test_a_log_without_a_single_record_is_refused(tmp_path: Path) -> None:
    write_log(tmp_path, ["no", "records", "here"])
    with refuses(UsageError, "no-prediction-records", "3 lines"):
        read(tmp_path)


def test_a_value_whose_square_is_infinite_is_no_label(tmp_path: Path) -> None:
    made = [record(name, ROW | {"prediction": 1.0}, MODEL, "regression", at) for at, name in enumerate("ab")]
    write_log(tmp_path, made)
    labels = [f'{{"v":1,"id":"{name}","at_us":1,"actual":{actual}}}\n' for name, actual in (("a", 1e200), ("b", 2.5))]
    (tmp_path / "labels-1-1.jsonl").write_text("".join(labels))
    assert list(read_window(tmp_path, card("regression"), MODEL, seed=7).answers.actual) == [None, "2.5"]


@pytest.mark.parametrize(
    ("observed_us", "day"), [(NOON_US, NOON_US), (NOON_US - DAY_US, None), (NOON_US + 3 * DAY_US, NOON_US + 3 * DAY_US)]
)
def test_a_label_from_another_replica_is_of_no_time_before_its_prediction(
    tmp_path: Path, observed_us: int, day: int | None
) -> None:
    write_log(tmp_path, [record("a", ROW, MODEL)])
    label = LabelRecord(id="a", at_us=NOON_US, actual="true", for_keys=("*",), observed_us=observed_us)
    (tmp_path / "labels-1.jsonl").write_text(label.model_dump_json() + "\n")
    answers = read(tmp_path).answers
    assert list(answers.actual) == [None if day is None else "true"]
    assert list(answers.days) == [(NOON_US if day is None else day) // DAY_US]


@pytest.mark.parametrize(
    ("owner", "for_keys", "counts"),
    [
        ("web", ("web",), True), ("web", ("new-web", "web"), True), ("web", ("*",), True), (None, ("mobile",), True),
        ("web", ("mobile",), False), ("web", (), False),
    ],
)  # fmt: skip
def test_a_label_from_another_replica_counts_for_the_keys_it_names_alone(
    tmp_path: Path, owner: str | None, for_keys: tuple[str, ...], counts: bool
) -> None:
    write_log(tmp_path, [record("a", ROW, MODEL).model_copy(update={"key": owner})])
    first = LabelRecord(id="a", at_us=NOON_US, actual="true", for_keys=for_keys)
    second = LabelRecord(id="a", at_us=NOON_US + 1, actual="false")
    (tmp_path / "labels-1.jsonl").write_text(f"{first.model_dump_json()}\n{second.model_dump_json()}\n")
    assert list(read(tmp_path).answers.actual) == ["true" if counts else "false"]
