"""A text in another spelling is answered as the category itself, in every format, where the model card says so."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.features import MISSING, RARE, Value
from scoring.encoder import Encoder
from service.formats.encoding import RowEncoder
from testbed.clients import InProcess
from testbed.served_folders import FEATURES, ROW, Row, write_folder
from tests.service.api.test_open_inference import INFER, in_binary, inputs, output
from tests.service.formats.test_arrow import read, send, stream_of, table_of

READ_AS: dict[str, object] = {
    "categories": (MISSING, RARE, "łódź", "ulm"), "normalise": ("trim", "nfc", "case"), "rare": ("zug",)
}  # fmt: skip
SPELT = tuple(one.model_copy(update=READ_AS) if one.name == "town" else one for one in FEATURES)
WRITTEN = ["ulm", "Ulm", "ULM ", " ulm\t"]
ROWS: list[Row] = [{**ROW, "town": text} for text in WRITTEN]


@pytest.fixture
def spelt(tmp_path: Path) -> InProcess:
    return InProcess(write_folder(tmp_path / "spelt", features=SPELT, rows=[{**ROW, "town": "ulm"}]), tmp_path / "log")


def by_one(service: InProcess, rows: Sequence[Row]) -> list[float]:
    return [service.post("/predict", row).json()["probability"] for row in rows]


def by_batch(service: InProcess, rows: Sequence[Row]) -> list[float]:
    answer = service.post("/predict/batch", {"rows": rows}).json()
    return [one["probability"] for one in answer["predictions"]]


def by_arrow(service: InProcess, rows: Sequence[Row]) -> list[float]:
    found: list[float] = read(send(service, stream_of(table_of(rows))))["probability"].to_pylist()
    return found


def by_dictionary(service: InProcess, rows: Sequence[Row]) -> list[float]:
    table = table_of(rows)
    place = table.schema.get_field_index("town")
    coded = table.set_column(place, "town", table["town"].dictionary_encode())
    found: list[float] = read(send(service, stream_of(coded)))["probability"].to_pylist()
    return found


def by_tensors(service: InProcess, rows: Sequence[Row]) -> list[float]:
    found: list[float] = output(service.post(INFER, {"inputs": inputs(list(rows))}), "probabilities")["data"][1::2]
    return found


def by_binary(service: InProcess, rows: Sequence[Row]) -> list[float]:
    body, headers = in_binary(list(rows))
    found: list[float] = output(service.send(INFER, body, **headers), "probabilities")["data"][1::2]
    return found


Ask = Callable[[InProcess, Sequence[Row]], list[float]]
FORMATS = pytest.mark.parametrize("ask", [by_one, by_batch, by_arrow, by_dictionary, by_tensors, by_binary])


@FORMATS
def test_other_spellings_get_the_prediction_of_the_category(spelt: InProcess, ask: Ask) -> None:
    assert len(set(ask(spelt, ROWS))) == 1
    assert spelt.metric("unknown_categories_total", feature="town") == 0
    assert [one["features"]["town"] for one in spelt.records()] == WRITTEN


@FORMATS
def test_without_the_card_saying_so_they_are_unknown(service: InProcess, ask: Ask) -> None:
    known, *others = ask(service, [{**ROW, "town": text} for text in ("Ulm", "ULM", "Ulm ", "ulm")])
    assert known not in others
    assert service.metric("unknown_categories_total", feature="town") == 3


@FORMATS
def test_a_rare_text_is_answered_as_the_rare_category_and_another_is_unknown(spelt: InProcess, ask: Ask) -> None:
    rare, named, other = ask(spelt, [{**ROW, "town": text} for text in ("Zug ", RARE, "Genf")])
    assert rare == named != other
    assert spelt.metric("unknown_categories_total", feature="town") == 1


def test_clients_are_told_what_makes_no_difference(spelt: InProcess) -> None:
    document = json.dumps(spelt.get("/openapi.json").json())
    assert "spaces around it and its Unicode form and upper and lower case make no difference" in document


TOWNS: st.SearchStrategy[Value] = (
    st.none() | st.text(max_size=6) | st.sampled_from([*WRITTEN, "Łódź", "ZUG", RARE, MISSING])
)


@given(st.lists(TOWNS, min_size=1, max_size=8))
def test_the_service_reads_as_training_does(towns: list[Any]) -> None:
    rows = [{**ROW, "town": town} for town in towns]
    assert (RowEncoder(SPELT).many(rows) == Encoder(SPELT).rows(rows)).all()
    buffer = bytearray(4 * len(SPELT))
    for row, required in zip(rows, Encoder(SPELT).rows(rows), strict=True):
        RowEncoder(SPELT).one(row, buffer)
        assert bytes(buffer) == required.tobytes()
