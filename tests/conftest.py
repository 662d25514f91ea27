"""The order in which files of tests begin, and what of the machine they run on shall not matter."""

import os

import pytest
from hypothesis import HealthCheck, settings

# No proxy that the machine has is for the tests' own servers.
os.environ |= dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost,::1")
# What a person's git does beside its work (sign, run hooks, change line ends) is not for the tests' own repositories.
os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

# Each takes a minute or so on its own. A file is one worker's: begun last, the others would wait for it.
LONGEST = (
    "test_runs.py", "test_texts_from_outside.py", "test_export.py", "test_check.py", "test_stage.py", "test_train.py",
)  # fmt: skip

# Hypothesis allows 200 ms for an example, and a busy machine lets any process wait for longer.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


# After pytest-randomly, whose order is kept otherwise.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
