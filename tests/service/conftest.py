"""One model folder and one running service for all tests that only look."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.clients import InProcess, Process, running
from testbed.served_folders import write_folder


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
    """A real service, whose deadlines nothing meets."""
    with running(folder, tmp_path_factory.mktemp("log")) as started:
        yield started


@pytest.fixture(scope="session")
def hurried(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A real service, with deadlines short enough to be waited for."""
    with running(folder, tmp_path_factory.mktemp("log"), HEADER_SECONDS="1", BODY_SECONDS="1") as started:
        yield started
