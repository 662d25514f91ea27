"""Rolls back to an earlier digest, fast: without registry, canary and watch, because it has served before.

The previous release's stopped containers are started, checked for readiness and switched to. For any other digest that
served here, containers are created from its image, if the host still has it.
"""

from contracts.exits import FindingError
from contracts.release import Release, Side, State
from deploy.host.machine import OTHER
from deploy.host.state import after
from deploy.rollout.sequence import Target, entry_of, restore

STEPS = ("lock", "find", "start", "enter", "switch", "commit", "retire", "tag")


class NoSuchReleaseError(FindingError):
    """There is no release to roll back to, or its image is no longer on the host."""


def rollback(target: Target, asked: str) -> Release:
    """Roll back to `asked`, or to the previous release. Raises what refused it, after everything was restored."""
    journal = target.journal
    state = target.read_state()
    new = find(state, asked)
    if new not in (state.current, state.previous) and not target.has_image(new.image):
        raise NoSuchReleaseError(f"{asked} is no longer on the host: `make deploy IMAGE={asked}` pulls it again.")
    if state.current is not None and new.image == state.current.image:
        journal.note(f"{new.image} serves already; {target.settle(state)}.")
        return new
    with journal.step("find") as step:
        step.said = f"{new.image}, on {new.side}"
        if not target.is_out(new.side):  # a deploy was killed here
            step.said += f"; {target.settle(state)}"
    try:
        with journal.step("start") as step:
            step.said = target.start_again(new)
        with journal.step("enter") as step:
            step.said = target.enter(new.side)
        with journal.step("switch") as step:
            step.said = target.switch(new.side)
        with journal.step("commit") as step:
            committed = after(state, new, entry_of("rollback", new, state, journal))
            target.write_state(committed)
            step.said = "state.json: it is current"
    except BaseException as error:
        restore(target, error)
        raise
    with journal.step("retire") as step:
        step.said = target.settle(committed)
    return new


def find(state: State, asked: str) -> Release:
    """The release to roll back to. Raises NoSuchReleaseError."""
    if state.current is None:
        raise NoSuchReleaseError("Nothing was deployed here: there is no earlier release.", code="nothing-deployed")
    if not asked:
        if state.previous is None:
            raise NoSuchReleaseError(
                f"{state.current.image} is the first release here: there is none before it.", code="first-release"
            )
        return state.previous
    for release in (state.current, state.previous):
        if release is not None and release.image == asked:
            return release
    return _earlier(state, asked, OTHER[state.current.side])


def _earlier(state: State, asked: str, side: Side) -> Release:
    """An older release, to be started on `side`. Raises NoSuchReleaseError."""
    served = next((entry for entry in reversed(state.entries) if entry.image == asked), None)
    if served is None:
        raise NoSuchReleaseError(
            f"{asked} never served here; `make releases` lists what did. Use `make deploy` for another image.",
            code="never-served",
        )
    return Release(image=asked, model=served.model, revision=served.revision, decision=served.decision, side=side)
