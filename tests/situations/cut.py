"""A pytest plugin that keeps the first test of each folder: `-p tests.situations.cut`.

act runs every job of ci.yml with it, to show that each begins, runs its targets and ends, not what each test says.
"""

import pytest


@pytest.hookimpl(tryfirst=True)  # before the order is shuffled, so that every worker keeps the same
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    first = {item.path.parent: item for item in reversed(items)}
    kept = [item for item in items if first[item.path.parent] is item]
    config.hook.pytest_deselected(items=[item for item in items if first[item.path.parent] is not item])
    items[:] = kept
