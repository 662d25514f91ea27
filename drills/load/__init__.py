"""Faults of the service under load: the real one is started, and one thing about it is wrong (`planted/`)."""

from pathlib import Path

from drills.commands import CHECKOUT

PLANTED = Path(__file__).parent / "planted"


def serves_with(fault: str) -> dict[str, str]:
    """What `make load-test` is told, so that the challenger's service has this fault. A champion's has none."""
    # Safe: Python would else look into the working directory, the checkout, before all of these.
    search = ":".join(map(str, (PLANTED, CHECKOUT, CHECKOUT / "load-tests")))
    return {"PYTHONPATH": search, "PYTHONSAFEPATH": "1", "DRILL_FAULT": fault}
