"""What is read as a label: each spelling with one meaning, and none with two."""

from pathlib import Path
from typing import Any

import pytest

from contracts.model_folder import ModelCard, read_card
from service.api.label_reader import Label, read_label
from testbed.clients import InProcess
from testbed.served_folders import ROW, write_folder

ID = "01a20810-28ff-7abe-9eb0-0fe602519762"
NOON_US = 1_795_000_000_000_000


@pytest.fixture(scope="module")
def card(folder: Path) -> ModelCard:
    return read_card(folder)


def read(card: ModelCard, classes: tuple[str, ...], **label: Any) -> Label | None:
    return read_label({"id": ID, "actual": classes[0]} | label, card.model_copy(update={"classes": classes}))


@pytest.mark.parametrize(("classes", "actual", "meant"), [
    (("false", "true"), "true", "true"), (("false", "true"), True, "true"), (("false", "true"), False, "false"),
    (("false", "true"), "True", "true"), (("False", "True"), "TRUE", "True"), (("False", "True"), True, "True"),
    (("no", "yes"), "Yes", "yes"), (("no", "yes"), " yes\n", "yes"), (("Ulm", "Łódź"), "Ło\u0301dz\u0301", "Łódź"),
    (("0", "1"), 1, "1"), (("0", "1"), 1.0, "1"), (("0", "1"), "1", "1"), (("0.0", "1.0"), 1, "1.0"),
    (("-1", "1e3"), 1000, "1e3"), (("straße", "weg"), "STRASSE", "straße"),
    (("yes", "Yes"), "Yes", "Yes"), (("1", "1.0"), "1.0", "1.0"),
])  # fmt: skip
def test_a_class_is_known_by_each_spelling_that_means_it_alone(
    card: ModelCard, classes: tuple[str, ...], actual: Any, meant: str
) -> None:
    label = read(card, classes, actual=actual)
    assert label is not None
    assert label.actual == meant


@pytest.mark.parametrize(("classes", "actual"), [
    (("yes", "Yes"), "YES"), (("1", "1.0"), 1), (("true", "True"), True),
    (("false", "true"), 1), (("false", "true"), "1"), (("0", "1"), True), (("0", "1"), "true"), (("no", "yes"), "y"),
    (("no", "yes"), True), (("no", "yes"), ""), (("no", "yes"), ["yes"]), (("no", "yes"), {"yes": 1}),
    (("0", "1"), 1.5), (("0", "1"), 10**400), (("0", "1"), float("nan")),
])  # fmt: skip
def test_what_could_mean_two_classes_or_none_is_no_label(
    card: ModelCard, classes: tuple[str, ...], actual: Any
) -> None:
    assert read(card, classes, actual=actual) is None


@pytest.mark.parametrize("text", [
    ID.upper(), ID.title(), f" {ID} ", f"urn:uuid:{ID}", f"{{{ID.upper()}}}", ID.replace("-", ""),
])  # fmt: skip
def test_an_id_is_known_by_each_way_to_write_it(card: ModelCard, text: str) -> None:
    label = read(card, ("no", "yes"), id=text)
    assert label is not None
    assert label.id == ID


@pytest.mark.parametrize(
    "text", [ID[:-1], ID + "0", ID.replace("0", "g", 1), ID.replace("-", "_"), ID[:8] + "\u0660" + ID[9:], 7, None]
)
def test_another_text_is_no_id(card: ModelCard, text: Any) -> None:
    assert read(card, ("no", "yes"), id=text) is None


@pytest.mark.parametrize("moment", [
    NOON_US, float(NOON_US), str(NOON_US), "2026-11-18T11:06:40Z", "2026-11-18t11:06:40z", "2026-11-18T11:06:40.000Z",
    "2026-11-18 11:06:40+00:00", "2026-11-18T12:06:40+01:00", "2026-11-18T11:06:40.000000000Z",
])  # fmt: skip
def test_a_time_is_known_by_each_way_to_write_it(card: ModelCard, moment: Any) -> None:
    label = read(card, ("no", "yes"), observed_us=moment)
    assert label is not None
    assert label.observed_us == NOON_US


@pytest.mark.parametrize("moment", [
    "2026-11-18T11:06:40", "2026-11-18", "18.11.2026", "2026-11-18T11:06:60Z", "2026-13-18T11:06:40Z", True, 1.5, -1,
    10**30, "9" * 5000, "1.8e15", "1970-01-01T00:00:00+01:00", [NOON_US], float("inf"),
])  # fmt: skip
def test_a_time_without_an_offset_or_none_at_all_is_no_time(card: ModelCard, moment: Any) -> None:
    assert read(card, ("no", "yes"), observed_us=moment) is None


def test_the_log_has_the_models_own_spelling(tmp_path: Path) -> None:
    service = InProcess(write_folder(tmp_path / "model"), tmp_path / "log", LABEL_CLOCK_SKEW_SECONDS="1000000000")
    made = service.post("/predict", ROW).json()["id"]
    label = {"id": made.upper(), "actual": "YES", "observed_us": "2026-11-18T11:06:40Z"}
    assert service.post("/feedback", {"labels": [label, label | {"id": made}]}).json()["outcomes"] == [
        "recorded",
        "repeated",
    ]
    (record,) = service.records("labels")
    assert (record["id"], record["actual"], record["observed_us"]) == (made, "yes", NOON_US)


@pytest.mark.parametrize(
    ("actual", "value"),
    [
        (1.5, 1.5),
        ("1.5", 1.5),
        (" -2e3 ", -2000.0),
        ("1_0", None),
        ("nan", None),
        (-3e38, -3e38),
        (1e39, None),
        (10**400, None),
        ("1e200", None),
    ],
)
def test_the_value_of_a_regression_may_be_a_numbers_text(tmp_path: Path, actual: Any, value: float | None) -> None:
    label = read_label({"id": ID, "actual": actual}, read_card(write_folder(tmp_path / "model", "regression")))
    assert (label.actual if label else None) == value
