"""The order in which files of tests begin; and no proxy that the machine has for the tests' own servers."""

import os

import pytest

os.environ |= dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost,::1")

# Each takes a minute or so on its own. A file is one worker's: begun last, the others would wait for it.
LONGEST = (
    "test_runs.py", "test_texts_from_outside.py", "test_export.py", "test_check.py", "test_stage.py", "test_train.py",
)  # fmt: skip


# After pytest-randomly, whose order is kept otherwise.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
