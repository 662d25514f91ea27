"""Fixtures: a drawn build folder that the gate can judge, and its tables."""

from pathlib import Path

import pytest

from contracts.stage import Build
from testbed.model_folders import Frames, draw_tables
from tests.training.evaluating import fresh_build


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return fresh_build(tmp_path)


@pytest.fixture
def frames() -> Frames:
    return draw_tables()
