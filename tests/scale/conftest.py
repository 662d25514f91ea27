"""One S3 server for all tests, whose key the environment has; a model, and a prefix of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.served_folders import write_folder
from tests.scale.replicas import BATCH, new_address
from tests.scale.s3_server import FaultyLine, S3Server, faulty_line


@pytest.fixture(scope="session")
def server() -> Iterator[S3Server]:
    one = S3Server()
    one.up()
    try:
        with pytest.MonkeyPatch.context() as patched:
            for name, value in one.environment.items():
                patched.setenv(name, value)
            yield one
    finally:
        one.down(keep=False)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("served") / "model", max_batch_rows=BATCH)


@pytest.fixture
def address() -> str:
    """Where a test's log goes."""
    return new_address()


@pytest.fixture
def line(server: S3Server) -> Iterator[FaultyLine]:
    with faulty_line(server.port) as one:
        yield one
