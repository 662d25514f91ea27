"""One engine and one pair of checkouts for all tests of a worker."""

import pytest

from tests.situations.commands import Checkouts
from tests.situations.run import Simulation
from tests.workflows.conftest import engine
from tests.workflows.engine import Engine

__all__ = ["checkouts", "engine", "simulation"]


@pytest.fixture(scope="session")
def checkouts(tmp_path_factory: pytest.TempPathFactory) -> Checkouts:
    return Checkouts(tmp_path_factory.mktemp("checkouts"))


@pytest.fixture(scope="session")
def simulation(engine: Engine, checkouts: Checkouts) -> Simulation:
    return Simulation(engine, checkouts)
