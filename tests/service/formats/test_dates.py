"""A date that a client sends becomes its parts in every format; log, counts and model see the parts alone."""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.dates.inputs import DateInput, DateReader, WrongDatesError
from contracts.features import Feature, Value
from contracts.model_folder import Golden, GoldenRow, ModelFolderError
from service.formats.json_rows import RowReader
from service.http.problems import DOES_NOT_FIT, Problem
from service.prediction.served_model import load_served_model
from testbed.cards import card
from testbed.clients import InProcess
from testbed.served_folders import FEATURES, Row, output_of, write_folder
from tests.service.api.test_open_inference import INFER, binary, output
from tests.service.formats.test_arrow import read, send, stream_of

AT, DUE = "ordered at", "due"
DATED: tuple[Feature, ...] = (
    *FEATURES[2:5],
    Feature(name="ordered at_weekday", kind="numeric", minimum=0, maximum=6),
    Feature(name="ordered at_hour", kind="numeric", minimum=0, maximum=23),
    Feature(name="due_month", kind="numeric", minimum=1, maximum=12, missing_share=0.2),
)
DATES = (
    DateInput(name=AT, parts={"ordered at_weekday": "weekday", "ordered at_hour": "hour"}, example="2013-10-01 08:30"),
    DateInput(name=DUE, format="epoch_s", parts={"due_month": "month"}, missing_share=0.2, example=1380585600),
)
READER = RowReader(card(DATED, dates=DATES))
SENT: Row = {"plan/~ü": "plus", "town": "Ulm", "is_new": True, AT: "2013-10-01T08:30:00", DUE: 1380585600}
# What a client sends, and the weekday, hour and month that the model must see.
WRITTEN: list[tuple[Row, tuple[Value, ...]]] = [
    ({}, (1, 8, 10)),
    ({AT: "2013-10-01"}, (1, 0, 10)),
    ({AT: "2013-10-01T00:30:00+02:00"}, (0, 22, 10)),
    ({AT: "2013-09-30T23:30:00-02:00"}, (1, 1, 10)),
    ({AT: "2013-10-01 08:30:00Z"}, (1, 8, 10)),
    ({DUE: 0}, (1, 8, 1)),
    ({DUE: None}, (1, 8, None)),
]
ROWS: list[Row] = [SENT | changed for changed, _ in WRITTEN]
MADE: list[Row] = [
    {name: SENT[name] for name in ("plan/~ü", "town", "is_new")}
    | dict(zip(("ordered at_weekday", "ordered at_hour", "due_month"), parts, strict=True))
    for _, parts in WRITTEN
]
GOLDEN = Golden(
    tolerance=1e-5,
    rows=tuple(
        GoldenRow(inputs=sent, output=output_of("binary", made, features=DATED))
        for sent, made in zip(ROWS, MADE, strict=True)
    ),
)


def folder_in(root: Path, golden: Golden = GOLDEN, dates: Sequence[DateInput] = DATES, **changes: Any) -> Path:
    return write_folder(root / "dated", features=DATED, golden=golden, dates=tuple(dates), **changes)


@pytest.fixture
def dated(tmp_path: Path) -> InProcess:
    return InProcess(folder_in(tmp_path), tmp_path / "log")


def by_one(service: InProcess, rows: Sequence[Row]) -> list[float]:
    return [service.post("/predict", row).json()["probability"] for row in rows]


def by_batch(service: InProcess, rows: Sequence[Row]) -> list[float]:
    answer = service.post("/predict/batch", {"rows": list(rows)}).json()
    return [one["probability"] for one in answer["predictions"]]


def table_of(rows: Sequence[Row], at: Any = pa.string(), due: Any = pa.int64()) -> Any:  # noqa: B008 — types are values
    types = {AT: at, DUE: due, "is_new": pa.bool_()}
    return pa.table({name: pa.array([row[name] for row in rows], types.get(name, pa.string())) for name in SENT})


def by_arrow(service: InProcess, rows: Sequence[Row]) -> list[float]:
    found: list[float] = read(send(service, stream_of(table_of(rows))))["probability"].to_pylist()
    return found


def by_arrow_in_pieces(service: InProcess, rows: Sequence[Row]) -> list[float]:
    stream = stream_of(table_of(rows, at=pa.string_view(), due=pa.float64()), rows_a_batch=2)
    found: list[float] = read(send(service, stream))["probability"].to_pylist()
    return found


def tensors_of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    types = {DUE: "FP64", "is_new": "BOOL"}
    return [
        {"name": name, "shape": [len(rows)], "datatype": types.get(name, "BYTES"), "data": [row[name] for row in rows]}
        for name in SENT
    ]


def by_tensors(service: InProcess, rows: Sequence[Row]) -> list[float]:
    found: list[float] = output(service.post(INFER, {"inputs": tensors_of(rows)}), "probabilities")["data"][1::2]
    return found


def by_binary(service: InProcess, rows: Sequence[Row]) -> list[float]:
    described, content = tensors_of(rows), b""
    for one in described:
        datatype = "FP32" if one["name"] == DUE else one["datatype"]
        raw = binary(one.pop("data"), datatype)
        content += raw
        one |= {"datatype": datatype, "parameters": {"binary_data_size": len(raw)}}
    text = json.dumps({"inputs": described}).encode()
    answer = service.send(INFER, text + content, inference_header_content_length=str(len(text)))
    found: list[float] = output(answer, "probabilities")["data"][1::2]
    return found


Ask = Callable[[InProcess, Sequence[Row]], list[float]]
FORMATS = pytest.mark.parametrize("ask", [by_one, by_batch, by_arrow, by_arrow_in_pieces, by_tensors, by_binary])


@FORMATS
def test_a_date_is_answered_and_logged_by_its_parts(dated: InProcess, ask: Ask) -> None:
    required = [output_of("binary", made, features=DATED)[1] for made in MADE]
    assert ask(dated, ROWS) == pytest.approx(required, abs=1e-6)
    assert [one["features"] for one in dated.records()] == MADE
    assert dated.metric("missing_values_total", feature="due_month") == 1
    with pytest.raises(KeyError):
        dated.metric("missing_values_total", feature=DUE)


@pytest.mark.parametrize(
    ("at", "required"),
    [
        (pa.array([dt.date(2013, 10, 1)], pa.date32()), (1, 0)),
        (pa.array([dt.date(2013, 10, 1)], pa.date64()), (1, 0)),
        *[
            (pa.array([dt.datetime(2013, 10, 1, 8, 30)], pa.timestamp(unit)), (1, 8))
            for unit in ("s", "ms", "us", "ns")
        ],
        (pa.array([dt.datetime(1960, 1, 1, 23, 59, 59)], pa.timestamp("ms")), (4, 23)),
        (pa.array(["2013-09-30T23:30:00-02:00"]).cast(pa.timestamp("us", "Europe/Zurich")), (1, 1)),
        (pa.array(["2013-10-01 08:30"]).dictionary_encode(), (1, 8)),
        (pa.array(["2013-10-01 08:30"], pa.large_string()), (1, 8)),
    ],
)
def test_arrows_own_dates_and_timestamps_are_read_as_their_text(
    dated: InProcess, at: Any, required: tuple[int, int]
) -> None:
    table = table_of([SENT]).set_column(3, AT, at)
    assert send(dated, stream_of(table)).status_code == 200
    (record,) = dated.records()
    assert (record["features"]["ordered at_weekday"], record["features"]["ordered at_hour"]) == required


def test_a_timestamp_is_no_number_of_a_feature(dated: InProcess, service: InProcess) -> None:
    due = pa.array([dt.datetime(2013, 10, 1)], pa.timestamp("s"))
    assert send(dated, stream_of(table_of([SENT]).set_column(4, DUE, due))).status_code == 200
    ages = pa.array([1], pa.timestamp("s"))
    answer = send(service, stream_of(pa.table({"age in years": ages})))
    assert {"pointer": "#/age in years", "required": "a finite number within float32"} in answer.json()["errors"]


def errors_of(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 422
    return {one["pointer"]: one["required"] for one in answer.json()["errors"]}


WRONG = [
    ("2013-02-30", "the calendar or the clock has no such time"),
    ("soon", "it is not written as in ISO 8601"),
    ("2013-10-01T08:30+25:00", "its offset from UTC is a day or more"),
    ("2013T08:30", "it has a time and no day"),
    ("9999-12-31T23:30-02:00", "in UTC it is not in the years 1 to 9999"),
]


@pytest.mark.parametrize(("text", "why"), WRONG)
def test_a_wrong_date_is_refused_with_what_is_required_and_why_it_is_none(
    dated: InProcess, text: str, why: str
) -> None:
    row = SENT | {AT: text}
    said = errors_of(dated.post("/predict", row))["#/ordered at"]
    assert said.startswith("a date as in ISO 8601, such as 2013-10-01 08:30; with an offset")
    assert said.endswith(f"This is none: {why}")
    assert text not in said
    for answer in (
        dated.post("/predict/batch", {"rows": [SENT, row]}),
        send(dated, stream_of(table_of([SENT, row]))),
        dated.post(INFER, {"inputs": tensors_of([SENT, row])}),
    ):
        assert errors_of(answer) == {"#/rows/1/ordered at": said}
    assert dated.records() == []


@pytest.mark.parametrize("value", [20131001, True, None, ["2013-10-01"], "2" * 65, {"date": "2013-10-01"}])
def test_what_is_no_text_of_a_date_is_refused(dated: InProcess, value: Any) -> None:
    for answer in (
        dated.post("/predict", SENT | {AT: value}),
        dated.post("/predict/batch", {"rows": [SENT | {AT: value}]}),
    ):
        ((pointer, required),) = errors_of(answer).items()
        assert pointer.endswith("/ordered at")
        assert required.startswith("a date as in ISO 8601")


@pytest.mark.parametrize("value", ["1380585600", "2013-10-01", 1e15, -1e15, True])
def test_what_is_no_number_of_seconds_is_refused(dated: InProcess, value: Any) -> None:
    said = errors_of(dated.post("/predict", SENT | {DUE: value}))
    assert said["#/due"] == "a number of seconds since 1970, or null"


def test_numbers_beyond_any_date_are_refused_in_arrow(dated: InProcess) -> None:
    for value in (1e15, float("inf"), float("nan")):
        stream = stream_of(table_of([SENT, SENT | {DUE: value}], due=pa.float64()))
        assert list(errors_of(send(dated, stream))) == ["#/rows/1/due"]


def test_a_date_may_be_left_out_where_it_may_be_missing_and_only_there(dated: InProcess) -> None:
    assert dated.post("/predict", {name: value for name, value in SENT.items() if name != DUE}).status_code == 200
    assert dated.records()[0]["features"]["due_month"] is None
    without = {name: value for name, value in SENT.items() if name != AT}
    assert errors_of(dated.post("/predict", without))["#/ordered at"].startswith("present: a date as in ISO 8601")
    table = table_of([SENT])
    assert send(dated, stream_of(table.drop_columns([DUE]))).status_code == 200
    assert list(errors_of(send(dated, stream_of(table.drop_columns([AT]))))) == ["#/ordered at"]


def test_parts_are_refused_with_the_name_of_the_date(dated: InProcess) -> None:
    required = "left out: the service makes it of 'ordered at', which is sent in its place"
    row = SENT | {"ordered at_hour": 8}
    assert errors_of(dated.post("/predict", row)) == {"#/ordered at_hour": required}
    assert errors_of(dated.post("/predict/batch", {"rows": [row]})) == {"#/rows/0/ordered at_hour": required}
    stream = stream_of(table_of([SENT]).append_column("ordered at_hour", pa.array([8.0])))
    assert errors_of(send(dated, stream)) == {"#/ordered at_hour": required}
    tensor = {"name": "ordered at_hour", "shape": [1], "datatype": "FP32", "data": [8.0]}
    assert errors_of(dated.post(INFER, {"inputs": [*tensors_of([SENT]), tensor]})) == {"#/inputs/5": required}


def test_all_parts_in_place_of_the_date_are_refused_with_what_to_send(dated: InProcess) -> None:
    said = errors_of(dated.post("/predict", MADE[0]))
    assert {"#/ordered at", "#/ordered at_weekday", "#/ordered at_hour", "#/due_month"} == set(said)


@given(st.text(max_size=70) | st.from_regex(r"[0-9T:+./ Z-]{0,30}", fullmatch=True))
def test_any_text_is_a_date_or_refused_and_never_a_fault(text: str) -> None:
    row = SENT | {AT: text}
    try:
        required = DateReader(DATES)(row)
    except WrongDatesError:
        with pytest.raises(Problem, match=DOES_NOT_FIT.slug):
            READER.one(json.dumps(row).encode())
    else:
        assert READER.one(json.dumps(row).encode()) == required


def test_a_date_twice_in_a_row_is_refused(dated: InProcess) -> None:
    body = json.dumps(SENT)[:-1] + ', "ordered at": "2013-10-02"}'
    assert dated.send("/predict", body.encode()).json()["type"].endswith("duplicate-key")
    assert dated.send("/predict/batch", b'{"rows": [%b]}' % body.encode()).status_code == 400


def test_only_the_parts_that_are_allowed_reach_the_log(tmp_path: Path) -> None:
    service = InProcess(folder_in(tmp_path, logged_features=("due_month", "town")), tmp_path / "log")
    by_one(service, ROWS[:1])
    by_arrow(service, ROWS[:1])
    assert [one["features"] for one in service.records()] == [{"town": "Ulm", "due_month": 10}] * 2


def test_clients_are_told_of_the_date_and_not_of_its_parts(dated: InProcess) -> None:
    document = dated.get("/openapi.json").json()
    row = document["components"]["schemas"]["Row"]
    assert list(row["properties"]) == list(SENT)
    assert row["properties"][AT]["description"].startswith("a date as in ISO 8601, such as 2013-10-01 08:30")
    assert "the service makes due_month of it" in row["properties"][DUE]["description"]
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    (example,) = content.get("examples") or content["schema"]["examples"]
    assert (example[AT], example[DUE]) == ("2013-10-01 08:30", 1380585600)
    assert dated.post("/predict", example).status_code == 200
    arrow = document["paths"]["/predict/batch"]["post"]["requestBody"]["content"]
    assert list(arrow["application/vnd.apache.arrow.stream"]["examples"]["columns"]["value"]) == list(SENT)
    assert dated.get("/model").json()["dates"][0]["parts"] == DATES[0].parts
    inputs = dated.get("/v2/models/drawn").json()["inputs"]
    assert {one["name"]: one["datatype"] for one in inputs} == dict.fromkeys(SENT, "BYTES") | {
        "is_new": "BOOL", DUE: "FP64"
    }  # fmt: skip


def test_a_card_without_dates_is_served_as_before(service: InProcess) -> None:
    assert "dates" not in service.get("/model").json()
    assert service.post("/predict", {"ordered at": "2013-10-01"}).status_code == 422


@pytest.mark.parametrize(
    "dates",
    [
        (DATES[0].model_copy(update={"format": "%d/%m/%Y"}), DATES[1]),
        (
            DATES[0].model_copy(update={"parts": {"ordered at_weekday": "weekday", "ordered at_hour": "minute"}}),
            DATES[1],
        ),
        (DATES[0], DATES[1].model_copy(update={"format": "epoch_ms"})),
        (),
    ],
    ids=["another format", "another part", "another unit", "no dates"],
)
def test_a_card_that_reads_dates_otherwise_than_its_golden_rows_is_not_served(
    tmp_path: Path, dates: Sequence[DateInput]
) -> None:
    with pytest.raises(ModelFolderError, match="golden row"):
        load_served_model(folder_in(tmp_path, dates=dates))


def test_a_shadow_gets_the_parts_whatever_the_format(tmp_path: Path) -> None:
    model = load_served_model(folder_in(tmp_path))
    assert model.arrow.read(stream_of(table_of(ROWS))).rows() == MADE
    assert model.rows.many(json.dumps({"rows": ROWS}).encode()) == MADE
