"""The shadow model scores the same rows, is logged apart, and never touches an answer."""

import asyncio
from pathlib import Path

import pytest

from contracts.exits import UsageError
from contracts.model_folder import model_digest
from contracts.request_log import ShadowRecord
from service.prediction.shadow import MAX_WAITING_ROWS, Shadow
from testbed.clients import InProcess
from testbed.served_folders import FEATURES, ROW, probability, write_folder
from tests.refusals import refuses

UNSURE = {**ROW, "class": -3.0, "is_new": False}


@pytest.fixture
def service(folder: Path, tmp_path: Path) -> InProcess:
    shadow = write_folder(tmp_path / "shadow", bias=2.0)
    return InProcess(folder, tmp_path / "log", SHADOW_MODEL_DIR=str(shadow))


def shadow_of(service: InProcess) -> Shadow:
    assert service.service.shadow is not None
    return service.service.shadow


def work_off(service: InProcess) -> None:
    """Let the shadow finish what it was offered."""

    rows = len(service.records())
    outcomes = service.service.metrics.shadow.values

    async def run() -> None:
        worker = asyncio.create_task(shadow_of(service).run())
        while sum(outcomes.values()) < rows:
            await asyncio.sleep(0)
        worker.cancel()

    asyncio.run(run())


def test_both_answers_are_logged_and_the_first_is_returned(service: InProcess, tmp_path: Path) -> None:
    answer = service.post("/predict", UNSURE).json()
    batch = service.post("/predict/batch", {"rows": [ROW, UNSURE]}).json()["predictions"]
    work_off(service)
    records = [ShadowRecord.model_validate(record) for record in service.records("shadow")]
    assert [record.id for record in records] == [answer["id"], *(one["id"] for one in batch)]
    assert {record.model for record in records} == {model_digest(tmp_path / "shadow")}
    assert answer["probability"] == pytest.approx(probability(UNSURE), abs=1e-6)
    assert records[0].probabilities == pytest.approx((1 - probability(UNSURE, 2.0), probability(UNSURE, 2.0)), abs=1e-6)


def test_disagreements_are_counted(service: InProcess) -> None:
    assert service.post("/predict", UNSURE).json()["prediction"] == "no"
    service.post("/predict", ROW)
    work_off(service)
    assert service.metric("shadow_rows_total", outcome="scored") == 2
    assert service.metric("shadow_disagreements_total") == 1


def test_a_shadow_that_fails_is_counted_and_touches_no_answer(service: InProcess) -> None:
    def fails(_: object) -> None:
        raise RuntimeError("a shadow that breaks")

    shadow_of(service).model.score = fails  # type: ignore[assignment]  # a model that fails
    assert service.post("/predict", ROW).status_code == 200
    work_off(service)
    assert service.metric("shadow_rows_total", outcome="failed") == 1
    assert service.records("shadow") == []
    assert len(service.records()) == 1


def test_a_shadow_that_cannot_keep_up_loses_rows_and_counts_them(service: InProcess) -> None:
    batches = MAX_WAITING_ROWS // 50 + 2
    for _ in range(batches):
        assert service.post("/predict/batch", {"rows": [ROW] * 50}).status_code == 200
    work_off(service)
    assert service.metric("shadow_rows_total", outcome="scored") == MAX_WAITING_ROWS
    assert service.metric("shadow_rows_total", outcome="dropped") == 100


@pytest.mark.parametrize("change", [{"name": "other"}, {"kind": "categorical"}])
def test_a_shadow_that_reads_something_else_is_refused(folder: Path, tmp_path: Path, change: dict[str, str]) -> None:
    other = FEATURES[0].model_copy(update=change)
    rows = [{**ROW, other.name: 0 if other.kind == "numeric" else "x"}]
    shadow = write_folder(tmp_path / "shadow", features=(other, *FEATURES[1:]), rows=rows)
    with refuses(UsageError, "other-features", "SHADOW_MODEL_DIR"):
        InProcess(folder, tmp_path / "log", SHADOW_MODEL_DIR=str(shadow))
