"""Third-party programs that the tests of monitoring/ run, each as a process that is always ended."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

ROOT = Path(__file__).parents[1]
MONITORING = ROOT / "monitoring"
# Debian's packages, by the program that the tests call.
PACKAGES = {
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "amtool": "prometheus-alertmanager",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "haproxy": "haproxy",
    "nginx": "nginx-light",
}
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
POLL_SECONDS = 0.1

Seen = TypeVar("Seen")


def program(name: str) -> str:
    """The program's path. If it is not installed, skips the test and names the package."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SBIN}")
    if path is None:
        pytest.skip(f"{name} is not installed. On Debian and Ubuntu: apt install {PACKAGES[name]}")
    return path


def run(*command: str | Path, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run to the end, with the output as text. The test decides whether it failed."""
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """The process, always stopped at the end. Its output goes to `log`."""
    settings = os.environ | dict(environment or {})
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=output, stderr=subprocess.STDOUT, env=settings, cwd=ROOT
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def eventually(look: Callable[[], Seen], what: str, seconds: float = 120.0) -> Seen:
    """The first true answer of `look`. Fails after `seconds` with a message that says `what` was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}; last seen: {seen!r}"
        time.sleep(POLL_SECONDS)


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def fetch(url: str, body: object = None) -> Any:
    """GET, or POST where there is a body, JSON both ways. Raises urllib.error.URLError."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def text_of(url: str) -> str:
    """The body of the answer to a GET. Raises urllib.error.URLError."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def status_of(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> int:
    """The status of a GET, or of a POST where there is a body."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"} | dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def ask(prometheus: str, query: str) -> list[dict[str, Any]]:
    """The current samples of a query. Raises AssertionError with Prometheus' reason if it refuses."""
    url = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        answer = fetch(url)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{query}: {error.read().decode()}") from None
    samples: list[dict[str, Any]] = answer["data"]["result"]
    return samples
