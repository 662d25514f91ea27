"""Another model while serving: proved first, then swapped between two requests; a bad folder changes nothing."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from service.prediction.reload import signature_of
from testbed.clients import InProcess
from testbed.served_folders import FEATURES, ROW, graph, probability, write_folder
from tests.scoring.test_prove_in_subprocess import with_work


@pytest.fixture
def service(tmp_path: Path) -> InProcess:
    return InProcess(write_folder(tmp_path / "model"), tmp_path / "log")


def reload(service: InProcess) -> None:
    asyncio.run(service.service.reloader.reload())


def test_a_new_model_answers_from_the_next_request_on(service: InProcess) -> None:
    before = service.post("/predict", ROW).json()
    write_folder(service.settings.model_dir, bias=-3.0)
    reload(service)
    after = service.post("/predict", ROW).json()
    assert after["probability"] == pytest.approx(probability(ROW, -3.0), abs=1e-6)
    assert [record["model"] for record in service.records()] == [before["model"], after["model"]]
    assert before["model"] != after["model"]
    assert service.metric("model_info", name="drawn", digest=after["model"]) == 1
    assert service.metric("model_reloads_total", outcome="swapped") == 1
    with pytest.raises(KeyError):
        service.metric("model_info", name="drawn", digest=before["model"])


def test_a_new_models_schema_and_documentation_come_with_it(service: InProcess) -> None:
    service.get("/openapi.json")
    renamed = FEATURES[0].model_copy(update={"name": "age"})
    row = {"age": 41.5} | {name: value for name, value in ROW.items() if name != "age in years"}
    write_folder(service.settings.model_dir, features=(renamed, *FEATURES[1:]), rows=[row], max_batch_rows=2)
    reload(service)
    assert service.post("/predict", ROW).status_code == 422
    assert service.post("/predict", row).json()["probability"] == pytest.approx(probability(ROW), abs=1e-6)
    assert service.post("/predict/batch", {"rows": [row] * 3}).status_code == 422
    schemas = service.get("/openapi.json").json()["components"]["schemas"]
    assert next(iter(schemas["Row"]["properties"])) == "age"
    assert schemas["Rows"]["properties"]["rows"]["maxItems"] == 2
    assert service.metric("missing_values_total", feature="age") == 0


def test_a_model_that_does_not_end_is_refused_and_the_next_is_taken(tmp_path: Path) -> None:
    service = InProcess(write_folder(tmp_path / "model"), tmp_path / "log", MODEL_LOAD_SECONDS="3")
    before = service.service.predictor.model
    write_folder(service.settings.model_dir, model=with_work(2**27, fold=False))
    reload(service)
    assert service.service.predictor.model is before
    assert service.metric("model_reloads_total", outcome="refused") == 1
    write_folder(service.settings.model_dir, bias=-3.0)
    reload(service)
    assert service.metric("model_reloads_total", outcome="swapped") == 1


def test_the_same_model_again_is_no_swap(service: InProcess) -> None:
    model = service.service.predictor.model
    reload(service)
    assert service.service.predictor.model is model
    assert service.metric("model_reloads_total", outcome="unchanged") == 1


def spoil_truncate(folder: Path) -> None:
    path = folder / "model.onnx"
    path.write_bytes(path.read_bytes()[:-20])


def spoil_bit(folder: Path) -> None:
    path = folder / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def spoil_golden(folder: Path) -> None:
    path = folder / "golden.json"
    path.write_text(path.read_text().replace("41.5", "14.5"))


def spoil_card(folder: Path) -> None:
    path = folder / "model.json"
    card = json.loads(path.read_text())
    path.write_text(json.dumps(card | {"pickle": "cos\nsystem\n"}))


def spoil_missing(folder: Path) -> None:
    (folder / "golden.json").unlink()


def spoil_everything(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_truncate, "has sha256"),
        (spoil_bit, "has sha256"),
        (spoil_golden, "has sha256"),
        (spoil_card, "is not a model card of format 1"),
        (spoil_missing, "cannot be read"),
        (spoil_everything, "cannot be read"),
    ],
)
def test_a_bad_folder_changes_nothing_and_says_why(
    service: InProcess, spoil: object, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = service.post("/predict", ROW).json()
    assert callable(spoil)
    spoil(service.settings.model_dir)
    reload(service)
    after = service.post("/predict", ROW).json()
    assert (after["model"], after["probability"]) == (before["model"], before["probability"])
    assert service.metric("model_reloads_total", outcome="refused") == 1
    (line,) = [json.loads(line) for line in capfd.readouterr().out.splitlines() if "model-refused" in line]
    assert reason in line["reason"]
    assert line["still"] == before["model"]


def test_a_model_that_is_whole_but_wrong_is_refused(service: InProcess, capfd: pytest.CaptureFixture[str]) -> None:
    before = service.service.predictor.model
    write_folder(service.settings.model_dir, bias=0.0, model=graph(bias=1.0))
    reload(service)
    assert service.service.predictor.model is before
    assert "golden row 0" in capfd.readouterr().out


def test_a_change_of_any_file_or_of_the_link_to_the_folder_is_seen(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "one")
    link = tmp_path / "model"
    link.symlink_to(folder)
    before = signature_of(link)
    assert signature_of(link) == before
    write_folder(tmp_path / "two", bias=1.0)
    link.unlink()
    link.symlink_to(tmp_path / "two")
    changed = signature_of(link)
    assert changed != before
    (tmp_path / "two" / "golden.json").write_text("{}")
    assert signature_of(link) != changed
