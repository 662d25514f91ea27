"""One production on a cluster for all tests, with a release that serves and one before it."""

from collections.abc import Iterator

import pytest

from contracts.exits import UsageError
from deploy.engine import check_engine
from tests.containers.conftest import Built, built
from tests.rollouts import scenarios
from tests.rollouts.run import table
from tests.rollouts.scenarios import Row
from tests.scale.kubernetes.arena import ClusterArena, cluster_arena
from tests.scale.s3_server import skip

__all__ = ["built"]  # a fixture


@pytest.fixture(scope="session")
def stage(request: pytest.FixtureRequest) -> Iterator[ClusterArena]:
    try:
        check_engine()
    except UsageError as error:
        skip(f"no container engine: {error}")
    image: Built = request.getfixturevalue("built")
    with cluster_arena(image.image.reference) as made:
        scenarios.two_releases(made)
        yield made


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Iterator[list[Row]]:
    """Rows for the table of docs/scale.md, printed where nothing failed."""
    rows: list[Row] = []
    yield rows
    with capsys.disabled():
        print("\n" + "\n".join(table(rows).splitlines()[2:]))
