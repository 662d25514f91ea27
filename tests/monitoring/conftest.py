"""One tiny model for all tests of monitoring/."""

from pathlib import Path

import pytest

from testbed.tiny_build import write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "model"
    write_model(folder)
    return folder
