"""One model folder and one running service for all tests that only look."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.clients import InProcess, Process, running
from tests.service.served_folders import write_folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A binary model."""
    return write_folder(tmp_path_factory.mktemp("served") / "model")


@pytest.fixture
def service(folder: Path, tmp_path: Path) -> InProcess:
    """The service's parts in this process, with a log of its own."""
    return InProcess(folder, tmp_path / "log")


@pytest.fixture(scope="session")
def process(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A real service, with deadlines short enough to be waited for."""
    log = tmp_path_factory.mktemp("log")
    with running(folder, log, HEADER_SECONDS="0.5", BODY_SECONDS="0.5", KEEP_ALIVE_SECONDS="5") as started:
        yield started
