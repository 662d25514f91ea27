"""Sends requests to a learner's HTTP server, with a deadline and a size limit for the whole answer."""

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from exercises.graders.program import Program, ProgramError, running

ANSWER_SECONDS = 5.0
START_SECONDS = 30.0
MOST_ANSWER_BYTES = 2_000_000
PIECE = 65_536
CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """One answer. `shown`: its beginning, for a message."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        """The body, parsed; None if it is no JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    @property
    def shown(self) -> str:
        text = " ".join(self.text.split())
        return f"{self.status} {text[:160]}{'…' if len(text) > 160 else ''}"


@dataclass(frozen=True)
class Server:
    """A server on 127.0.0.1 or elsewhere; `program` if the grader started it."""

    host: str
    port: int
    program: Program | None = None

    def ask(self, method: str, path: str, body: object = None, *, raw: bytes | None = None) -> Answer:
        """Send one request on a new connection. Raises ProgramError if no complete answer comes."""
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        deadline = time.monotonic() + ANSWER_SECONDS
        connection = HTTPConnection(self.host, self.port, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, path, content, {"content-type": "application/json"} if content else {})
            response = connection.getresponse()
            pieces = b""
            while piece := response.read1(PIECE):
                pieces += piece
                if len(pieces) > MOST_ANSWER_BYTES:
                    raise ProgramError(f"{method} {path} sent more than {MOST_ANSWER_BYTES // 1_000_000} MB.")
                if time.monotonic() > deadline:
                    raise TimeoutError
            return Answer(response.status, pieces.decode(errors="replace"))
        except (OSError, HTTPException) as error:
            raise ProgramError(f"{method} {path}: {self._why(error)}") from None
        finally:
            connection.close()

    def _why(self, error: Exception) -> str:
        if self.program and self.program.process.poll() is not None:
            return self.program.how_it_ended()
        if isinstance(error, TimeoutError):
            return f"no whole answer within {ANSWER_SECONDS:.0f} s."
        return f"no answer ({type(error).__name__}: {error})."


@contextlib.contextmanager
def served(app: str, folder: Path, python: str, variables: dict[str, str]) -> Iterator[Server]:
    """`app` (module:name) under uvicorn, on a socket that the grader bound. Raises ProgramError."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
        descriptor = listening.fileno()
        command = [python, "-m", "uvicorn", app, "--fd", str(descriptor), "--log-level", "warning", "--no-access-log"]
        with running(command, folder, folder.parent / "output", variables, [descriptor]) as program:
            server = Server("127.0.0.1", port, program)
            wait_until_it_answers(server)
            yield server


@contextlib.contextmanager
def served_module(module: str, folder: Path, python: str, variables: dict[str, str]) -> Iterator[Server]:
    """`python -m module`, which reads HOST and PORT; our own service starts like this."""
    work = folder / "work"
    work.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    given = {
        **variables,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PYTHONPATH": str(CHECKOUT),
    }
    with running([python, "-m", module], work, folder / "output", given) as program:
        server = Server("127.0.0.1", port, program)
        wait_until_it_answers(server)
        yield server


def wait_until_it_answers(server: Server, ended: Callable[[], str] = lambda: "") -> None:
    """Wait for any HTTP answer. Raises ProgramError if `ended` says how it ended, or after START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    seen = ""
    while time.monotonic() < deadline:
        if server.program and server.program.process.poll() is not None:
            raise ProgramError(server.program.how_it_ended())
        if how := ended():
            raise ProgramError(how)
        try:
            server.ask("GET", "/openapi.json")
        except ProgramError as error:
            seen = str(error)
            time.sleep(0.1)
        else:
            return
    raise ProgramError(f"The server did not answer within {START_SECONDS:.0f} s. {seen}")
