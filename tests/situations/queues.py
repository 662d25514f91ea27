"""What GitHub does where runs share a `concurrency` group: one runs, one waits, a newer one takes its place.

Documented: "at most one running and one pending job in a concurrency group"; `cancel-in-progress` cancels the running
one; `queue: max` lets more than one wait.
"""

from dataclasses import dataclass, replace

from tests.situations.run import Simulation
from tests.situations.situation import Situation, pull_request

WAITS, REPLACES, CANCELS, APART = (
    "the newer one waits", "the newest takes the place of the one that waits", "the older one is cancelled", "both run",
)  # fmt: skip


@dataclass(frozen=True)
class Meeting:
    """Runs that meet, in the order in which they start, and what was decided."""

    name: str
    runs: tuple[Situation, ...]
    decided: str


def meetings(push: Situation, from_branch: Situation, rollback: Situation, schedule: Situation) -> list[Meeting]:
    payload = pull_request()
    payload["pull_request"]["number"] = 8
    other = replace(from_branch, name="another pull request", ref="refs/pull/8/merge", payload=payload)
    return [
        Meeting("two pushes to main at once", (push, push), WAITS),
        Meeting("a third, while the second waits", (push, push, push), REPLACES),
        Meeting("a push to a pull request whose run is not over", (from_branch, from_branch), CANCELS),
        Meeting("two pull requests", (from_branch, other), APART),
        Meeting("two rollbacks", (rollback, rollback), WAITS),
        Meeting("a schedule, and one by hand", (schedule, schedule), WAITS),
    ]


def outcome(simulation: Simulation, meeting: Meeting) -> str:
    """What follows from the groups as GitHub's engine evaluates them."""
    groups = [simulation.queue(one) for one in meeting.runs]
    if len({group["group"] for group in groups}) > 1:
        return APART
    if groups[-1].get("cancel-in-progress"):
        return CANCELS
    return REPLACES if len(groups) > 2 and groups[-1].get("queue", "single") == "single" else WAITS
