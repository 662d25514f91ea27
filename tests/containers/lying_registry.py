"""A registry that lies: over real HTTP on loopback it answers each tag with another kind of lie."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = "sha256:" + hashlib.sha256(b"{}").hexdigest()
HONEST = {
    "schemaVersion": 2, "mediaType": MANIFEST,
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": EMPTY, "size": 2}, "layers": [],
}  # fmt: skip


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass
class Answer:
    """What one path is answered with. `claimed`: the digest in its header, whatever the body's is."""

    body: bytes = b""
    status: int = 200
    kind: str = MANIFEST
    claimed: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    is_endless: bool = False
    is_silent: bool = False


class LyingRegistry(ThreadingHTTPServer):
    """`answers`: by tag, digest, or path. `asked`: every path, with the key that was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str]] = []
        self.over = threading.Event()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """A client that hung up is nothing to say."""

    def tag(self, name: str, document: object, kind: str = MANIFEST, **more: Any) -> str:
        """Answer a tag and its digest with a document, and return the digest. Clients resolve the one to the other."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        answer = Answer(body, kind=kind, **more)
        self.answers[name] = self.answers[answer.claimed or digest_of(body)] = answer
        return digest_of(body)


class _Handler(BaseHTTPRequestHandler):
    server: LyingRegistry
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization", "")))
        if self.path.rstrip("/") == "/v2":
            return self._say(Answer(b"{}", kind="application/json"))
        answer = self.server.answers.get(self.path.rpartition("/")[2]) or self.server.answers.get(self.path)
        if answer is None:
            return self._say(Answer(b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}', 404))
        if answer.is_silent:
            self.server.over.wait()
            return None
        return self._endless(answer) if answer.is_endless else self._say(answer)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _say(self, answer: Answer) -> None:
        self._head(answer, len(answer.body))
        if self.command == "GET":
            self.wfile.write(answer.body)

    def _endless(self, answer: Answer) -> None:
        self._head(answer, None)
        with suppress(OSError):
            while self.command == "GET" and not self.server.over.is_set():
                self.wfile.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
                time.sleep(0.005)
        self.close_connection = True

    def _head(self, answer: Answer, length: int | None) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        if answer.status == 200:
            self.send_header("Docker-Content-Digest", answer.claimed or digest_of(answer.body))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def lying_registry() -> Iterator[LyingRegistry]:
    with LyingRegistry() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
