"""A student's app in a container: not root, only /tmp writable, no capabilities, few processes, little memory.

The image is the last one of `make build`, with another command: it has FastAPI, ONNX Runtime and numpy, and nothing of
training.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from contracts.exits import OutsideError, UsageError
from contracts.image import Image
from contracts.schema import read_json
from contracts.stage import Build
from deploy.digests import on_engine
from deploy.engine import NO_RIGHTS, check_engine, container, container_logs, docker
from exercises.graders.asking import Server, wait_until_it_answers
from exercises.graders.program import ProgramError

BOUNDS = (
    "--memory=512m",
    "--memory-swap=512m",
    "--pids-limit=64",
    "--cpus=1",
    "--tmpfs=/tmp:size=16m",
    "--log-opt=max-size=16m",
)
UVICORN = ("-m", "uvicorn", "app:app", "--host=0.0.0.0", "--port=8000", "--http=httptools", "--log-level=warning")


def can_contain(build: Path) -> str:
    """The image to run a student's app in, or "" if there is no engine or no image."""
    try:
        check_engine()
        return on_engine(read_json(Build(build).stage("build") / "image.json", Image, "make build")) or ""
    except (UsageError, OutsideError):
        return ""


@contextlib.contextmanager
def served_in_container(work: Path, model: Path, build: Path) -> Iterator[Server]:
    """`app:app` of the folder under uvicorn, on a port of the loopback interface. Raises ProgramError."""
    image = can_contain(build)
    for path in (work, model):
        path.chmod(0o755)
    work.parent.chmod(0o755)
    # Resolved: on macOS the engine's virtual machine has /private/var, but not the link /var.
    bound = (f"--volume={work.resolve()}:/work:ro", f"--volume={model.resolve()}:/model:ro")
    mounts = (*bound, "--workdir=/work", "--entrypoint=python")
    with container(image, *NO_RIGHTS, *BOUNDS, *mounts, "--publish=127.0.0.1::8000", command=UVICORN) as name:

        def ended() -> str:
            if docker("inspect", "--format", "{{.State.Running}}", name) == "true":
                return ""
            said = " | ".join(container_logs(name, 3).splitlines())[-600:]
            return f"The program ended in its container; it said: {said or 'nothing'}"

        try:
            host, _, port = docker("port", name, "8000/tcp").splitlines()[0].rpartition(":")
        except (OutsideError, IndexError):
            raise ProgramError(ended() or "The container has no port.") from None
        server = Server(host, int(port))
        wait_until_it_answers(server, ended)
        yield server
