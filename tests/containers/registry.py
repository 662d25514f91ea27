"""A registry of our own on loopback, that can be stopped and started, and a way to it that breaks down in mid-pull."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.containers.conftest import free_port, wait_until_it_listens

STOP_SECONDS = 10.0
CHUNK = 65_536
# An htpasswd file: the name that logs in, and its password, by bcrypt.
USER, TOKEN = "user", "a-token"
ACCOUNTS = f"{USER}:$2b$04$zbr0EyYARQ1cTytHbj8nTeT6340QA5sp2xcUZLhW8qPpdo3BcKmJC\n"


class Registry:
    """Debian's docker-registry, or the one from the releases of its makers.

    `accounts` is the text of an htpasswd file: then nobody reads or writes without logging in.
    """

    def __init__(self, folder: Path, accounts: str = "") -> None:
        program = shutil.which("docker-registry") or shutil.which("registry")
        if program is None:
            raise RuntimeError("neither docker-registry nor registry is on the PATH")
        self.port = free_port()
        self._config = folder / "config.yml"
        self._config.write_text(
            f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}\n"
            f"http: {{addr: '127.0.0.1:{self.port}'}}\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
        )
        if accounts:
            (folder / "accounts").write_text(accounts)
            with self._config.open("a") as config:
                config.write(f"auth: {{htpasswd: {{realm: here, path: {folder / 'accounts'}}}}}\n")
        self._program, self._log = program, folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([self._program, "serve", str(self._config)], stdout=log, stderr=log)
        wait_until_it_listens(self._process, self.port)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
            self._process = None


@contextmanager
def private_registry(folder: Path) -> Iterator[Registry]:
    """A registry that nobody reads or writes without logging in, until the block ends."""
    registry = Registry(folder, ACCOUNTS)
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


@contextmanager
def breaking_way(port: int, budget_bytes: int) -> Iterator[int]:
    """A port that leads to another, until so many bytes have come back; from then on nobody listens there."""
    server = socket.create_server(("127.0.0.1", 0))
    broken = threading.Event()
    left = [budget_bytes]

    def pump(source: socket.socket, target: socket.socket, *, counted: bool) -> None:
        with suppress(OSError):
            while not broken.is_set() and (content := source.recv(CHUNK)):
                if counted:
                    left[0] -= len(content)
                    if left[0] < 0:
                        broken.set()
                        server.close()
                        break
                target.sendall(content)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                upstream = socket.create_connection(("127.0.0.1", port))
                for source, target, counted in ((client, upstream, False), (upstream, client, True)):
                    threading.Thread(
                        target=pump, args=(source, target), kwargs={"counted": counted}, daemon=True
                    ).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(server.getsockname()[1])
    finally:
        broken.set()
        server.close()
