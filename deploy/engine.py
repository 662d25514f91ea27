"""Calls the container engine's command line, with errors that say what to do."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from contracts.exits import OutsideError, UsageError

# How the service's containers run: no capabilities, no new privileges, nothing writable but the request log's folder.
NO_RIGHTS = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
HARDENED = (*NO_RIGHTS, "--tmpfs=/requests")
NO_DOCKER = "There is no `docker` on the PATH. Install Docker, or run the chain without it."
# The last lines of docker's usage errors; the reason is above them.
HINTS = ("See 'docker ", "Run 'docker ", "Usage:")
NO_ENGINE = ("cannot connect to the docker daemon", "is the docker daemon running", "permission denied while trying")


class EngineError(OutsideError):
    """The engine, or a registry behind it, failed: the text has its last line. Ends in exit 1."""


class NoEngineError(UsageError):
    """No container engine answers here."""


class NoBuilderError(UsageError):
    """An engine answers, but it cannot build."""


def docker(*arguments: str) -> str:
    """Run `docker …` and return its standard output, stripped. Raises NoEngineError and EngineError."""
    return _run(arguments, capture=True).strip()


def docker_bytes(
    *arguments: str,
    stdin: bytes = b"",
    seconds: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """Run `docker …` with this standard input. Raises NoEngineError, and EngineError on failure or after `seconds`."""
    try:
        # With a time limit it is a group of its own: a plugin such as buildx is docker's child, and would live on.
        process = subprocess.Popen(
            ["docker", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment, start_new_session=seconds is not None,
        )  # fmt: skip
    except FileNotFoundError:
        raise NoEngineError(NO_DOCKER) from None
    with process:
        try:
            out, said = process.communicate(stdin, timeout=seconds)
        except BaseException as error:
            _kill(process, is_group=seconds is not None)
            if isinstance(error, subprocess.TimeoutExpired):
                raise EngineError(f"`docker {' '.join(arguments[:2])}` did not end within {seconds:g} s.") from None
            raise
    if process.returncode != 0:
        raise _failure(arguments, process.returncode, said.decode(errors="replace").strip())
    return out


def _kill(process: "subprocess.Popen[bytes]", *, is_group: bool) -> None:
    if is_group:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def container_logs(name: str, lines: int) -> str:
    """The last lines of a container's output and errors; empty if it does not exist."""
    command = ["docker", "logs", "--tail", str(lines), name]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def docker_shown(*arguments: str) -> None:
    """Run `docker …` with its progress on the terminal. Raises NoEngineError and EngineError."""
    _run(arguments, capture=False)


def check_engine() -> None:
    """Raises NoEngineError if none answers, NoBuilderError if it cannot build."""
    docker("version", "--format", "{{.Server.Version}}")
    try:
        docker("buildx", "version")
    except EngineError:
        raise NoBuilderError("docker has no buildx. Install the docker-buildx plugin.") from None


def engine_platform() -> str:
    """The platform of this engine, or of the one that DOCKER_HOST names, such as linux/amd64."""
    return docker("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}")


@contextmanager
def container(image: str, *options: str, command: Sequence[str] = ()) -> Iterator[str]:
    """The id of a container that runs in the background, removed at the end whatever happens."""
    name = docker("run", "--detach", *options, image, *command)
    try:
        yield name
    finally:
        docker("rm", "--force", "--volumes", name)


def _run(arguments: Sequence[str], *, capture: bool) -> str:
    try:
        done = subprocess.run(["docker", *arguments], capture_output=capture, errors="replace", check=False)
    except FileNotFoundError:
        raise NoEngineError(NO_DOCKER) from None
    if done.returncode != 0:
        raise _failure(arguments, done.returncode, (done.stderr or "").strip())
    return done.stdout or ""


def _failure(arguments: Sequence[str], code: int, said: str) -> NoEngineError | EngineError:
    if any(words in said.lower() for words in NO_ENGINE):
        return NoEngineError(f"No container engine answers ({said.splitlines()[0]}). Start Docker and try again.")
    lines = [line for line in said.splitlines() if line and not line.startswith(HINTS)]
    last = lines[-1] if lines else "see above"
    step = _failed_step(said)
    why = f" The step said: {step}" if step else ""
    return EngineError(f"`docker {' '.join(arguments[:2])}` ended with code {code}: {last}{why}")


def _failed_step(said: str) -> str:
    """The last two lines of the failed build step, which BuildKit repeats between dashed lines, with timestamps."""
    found = re.search(r"^------\n > .*?\n(.*?)^------$", said, re.M | re.S)
    lines = [re.sub(r"^[\d.]+ ", "", line).strip() for line in found[1].splitlines()] if found else []
    return " ".join([line for line in lines if line][-2:])[:300]
