"""Labels by key: a key labels its own predictions and those it was given; no other label counts or is in the way."""

from pathlib import Path

import pytest

from testbed.clients import InProcess
from testbed.served_folders import ROW
from tests.service.api.test_feedback import outcomes
from tests.service.http.test_api_keys import entry, keys_of

BOTH = ("predict", "feedback")


@pytest.fixture
def shared(folder: Path, tmp_path: Path) -> InProcess:
    """Web and mobile do both; new-web has replaced web; the labelling job labels all, and another only its own."""
    keys = keys_of(
        tmp_path,
        entry("web", *BOTH),
        entry("mobile", *BOTH),
        entry("new-web", *BOTH, labels_for=["web"]),
        entry("job", "feedback", labels_for=["*"]),
        entry("other-job", "feedback"),
    )
    return InProcess(folder, tmp_path / "log", keys)


def predicted(service: InProcess, key: str, **headers: str) -> str:
    return str(service.post("/predict", ROW, authorization=f"Bearer {key}", **headers).json()["id"])


def labelled(service: InProcess, key: str, identity: str, actual: str = "no") -> list[str]:
    return outcomes(service, {"id": identity, "actual": actual}, authorization=f"Bearer {key}")


@pytest.mark.parametrize("key", ["web", "new-web", "job"])
def test_a_key_labels_its_own_predictions_and_those_it_was_given(shared: InProcess, key: str) -> None:
    assert labelled(shared, key, predicted(shared, "web")) == ["recorded"]
    assert [record["key"] for record in shared.records("labels")] == [key]


@pytest.mark.parametrize(("key", "owner"), [("mobile", "web"), ("web", "new-web"), ("other-job", "web")])
def test_a_label_for_anothers_prediction_is_not_kept_and_keeps_no_other_out(
    shared: InProcess, key: str, owner: str
) -> None:
    identity = predicted(shared, owner)
    assert labelled(shared, key, identity, "yes") == ["unknown"]
    assert shared.records("labels") == []
    assert labelled(shared, owner, identity) == ["recorded"]


def test_a_batchs_rows_belong_to_its_key(shared: InProcess) -> None:
    answer = shared.post("/predict/batch", {"rows": [ROW] * 3}, authorization="Bearer web").json()
    identities = [one["id"] for one in answer["predictions"]]
    assert [labelled(shared, "mobile", one) for one in identities] == [["unknown"]] * 3
    assert [labelled(shared, "web", one) for one in identities] == [["recorded"]] * 3


def test_predictions_of_before_keys_were_asked_for_are_labelled_by_any(folder: Path, tmp_path: Path) -> None:
    before = InProcess(folder, tmp_path / "log")
    identity = str(before.post("/predict", ROW).json()["id"])
    after = InProcess(folder, tmp_path / "log", keys_of(tmp_path, entry("web", *BOTH)))
    assert labelled(after, "web", identity) == ["recorded"]


def test_without_keys_any_prediction_can_be_labelled(shared: InProcess, folder: Path, tmp_path: Path) -> None:
    identity = predicted(shared, "web")
    assert outcomes(InProcess(folder, tmp_path / "log"), {"id": identity, "actual": "no"}) == ["recorded"]


def test_the_owner_is_known_on_another_replica(shared: InProcess, folder: Path, tmp_path: Path) -> None:
    keys = keys_of(tmp_path, entry("web", *BOTH), entry("mobile", *BOTH))
    other, identity = InProcess(folder, tmp_path / "log", keys), predicted(shared, "web")
    assert labelled(other, "mobile", identity) == ["unknown"]
    assert labelled(other, "web", identity) == ["recorded"]


@pytest.mark.parametrize("kept", [slice(18, None), slice(0, 18)], ids=["the last 64 bits", "the first 64 bits"])
def test_an_id_that_shares_half_of_its_bits_is_another(service: InProcess, kept: slice) -> None:
    identity = str(service.post("/predict", ROW).json()["id"])
    forged = "".join(
        digit if digit == "-" or place in range(*kept.indices(36)) else f"{int(digit, 16) ^ 1:x}"
        for place, digit in enumerate(identity)
    )
    assert forged != identity
    assert outcomes(service, {"id": forged, "actual": "yes"}) == ["unknown"]
    assert outcomes(service, {"id": identity, "actual": "no"}) == ["recorded"]
    assert [(one["id"], one["actual"]) for one in service.records("labels")] == [(identity, "no")]


def test_where_the_prediction_is_not_here_a_label_says_whose_it_may_be_and_keeps_no_other_out(
    folder: Path, tmp_path: Path
) -> None:
    keys = keys_of(tmp_path, entry("web", *BOTH), entry("new-web", *BOTH, labels_for=["web"]), entry("mobile", *BOTH))
    bucket = {"REQUEST_LOG_BUCKET": "s3://bucket/log", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}
    here, elsewhere = (InProcess(folder, tmp_path / name, keys, **bucket) for name in ("here", "elsewhere"))
    identity = predicted(elsewhere, "web")
    assert labelled(here, "mobile", identity, "yes") == ["recorded"]
    assert labelled(here, "new-web", identity) == ["recorded"]
    assert [record["for_keys"] for record in here.records("labels")] == [["mobile"], ["new-web", "web"]]
    assert labelled(elsewhere, "mobile", identity) == ["unknown"]
