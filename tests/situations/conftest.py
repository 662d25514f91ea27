"""One engine and one pair of checkouts for all tests of a worker."""

from collections.abc import Iterator

import pytest

from tests.situations.commands import Checkouts
from tests.situations.engine import Engine
from tests.situations.run import Simulation


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with Engine() as made:
        yield made


@pytest.fixture(scope="session")
def checkouts(tmp_path_factory: pytest.TempPathFactory) -> Checkouts:
    return Checkouts(tmp_path_factory.mktemp("checkouts"))


@pytest.fixture(scope="session")
def simulation(engine: Engine, checkouts: Checkouts) -> Simulation:
    return Simulation(engine, checkouts)
