"""The deploy state on the host, current and past releases: one JSON file in a volume, replaced whole."""

from pydantic import ValidationError

from contracts.exits import FindingError
from contracts.release import Entry, Release, State
from deploy.engine import EngineError, docker_bytes
from deploy.host.lock import FILES, Held
from deploy.host.machine import Host

VOLUME = "deploys"
PLACE = f"{FILES}/{VOLUME}"
KEPT_ENTRIES = 200
# A reader sees the old file or the new one, and the new one has reached the disk before it takes the name.
REPLACE = 'cat >"$0.new" && sync "$0.new" && mv "$0.new" "$0" && sync "$(dirname "$0")"'
READ = 'if [ -e "$0" ]; then cat "$0"; fi'


class StateError(FindingError):
    """This version cannot read the host's state.json."""


def read_state(held: Held) -> State:
    """The state; an empty one if nothing was deployed yet. Raises StateError and EngineError."""
    return parse(held.run("bash", "-c", READ, f"{PLACE}/state.json"))


def read_state_unlocked(host: Host, image: str) -> State:
    """The state, for `make releases`: through a container that can only read."""
    mount = f"--volume={host.volume(VOLUME)}:{PLACE}:ro"
    command = ("run", "--rm", "--network=none", mount, "--entrypoint=bash", image, "-c", READ, f"{PLACE}/state.json")
    return parse(docker_bytes(*command))


def parse(content: bytes) -> State:
    """Raises StateError."""
    if not content.strip():
        return State()
    try:
        return State.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise StateError(
            f"state.json on the host: {where}: {first['msg']}. It was written by another version, or by hand."
        ) from None


def write_file(held: Held, path: str, content: bytes) -> None:
    """Replace one file under /files. Raises EngineError."""
    held.run("bash", "-c", REPLACE, f"{FILES}/{path}", stdin=content)


def write_state(held: Held, state: State) -> None:
    """Write the state, and read it back, because every later step relies on it."""
    content = (state.model_dump_json(indent=2) + "\n").encode()
    write_file(held, f"{VOLUME}/state.json", content)
    if read_state(held) != state:
        raise EngineError("state.json on the host is not what was just written there.")


def after(state: State, new: Release, entry: Entry) -> State:
    """The state once `new` serves; the release that served before becomes the previous one."""
    return State(current=new, previous=state.current, entries=(*state.entries, entry)[-KEPT_ENTRIES:])
