"""One engine for all tests of a worker."""

from collections.abc import Iterator

import pytest

from tests.workflows.engine import Engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with Engine() as made:
        yield made
