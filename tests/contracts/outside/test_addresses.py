"""No proxy sees what is sent to this machine, or a key in clear text: the project's clients beside a real proxy."""

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from contracts.outside.addresses import is_local, may_use_proxy
from testbed.clients import ROOT

LOCAL = ("localhost", "LOCALHOST", "localhost.", "api.localhost", "127.0.0.1", "127.8.9.1", "::1")
ELSEWHERE = (
    None,
    "",
    "example.org",
    "localhost.example.org",
    "notlocalhost",
    "10.0.0.1",
    "127.1",
    "0.0.0.0",
    "2001:db8::1",
)


@pytest.mark.parametrize("host", LOCAL)
def test_this_machine_is_known_by_each_of_its_names(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_no_other_machine_is_taken_for_this_one(host: str | None) -> None:
    assert not is_local(host)


@pytest.mark.parametrize(
    ("url", "has_key", "may"),
    [
        ("http://example.org/log", False, True),
        ("http://example.org/log", True, False),
        ("http://me:secret@example.org/log", False, False),
        ("http://example.org/log?signature=secret", False, False),
        ("https://example.org/log", True, True),
        ("https://localhost/log", True, False),
        ("http://127.0.0.1:8000/requests", False, False),
    ],
)
def test_a_proxy_is_for_other_machines_and_for_nothing_secret(url: str, has_key: bool, may: bool) -> None:
    assert may_use_proxy(url, has_key) is may


class Asked(BaseHTTPRequestHandler):
    """Answers everything, as a proxy and as a server, and remembers what it was asked."""

    server: "Answering"

    def do_GET(self) -> None:
        """Answer."""
        self._answer()

    def do_POST(self) -> None:
        """Answer."""
        self._answer()

    def do_CONNECT(self) -> None:
        """Answer as if there were no tunnel: the client says no more."""
        self._answer()

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append(f"{self.path} {self.headers.get('authorization', '')}")
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Answering(ThreadingHTTPServer):
    """A server on a free port."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Asked)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


def answering() -> Iterator[Answering]:
    with Answering() as made:
        Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


proxy, server = pytest.fixture(answering, name="proxy"), pytest.fixture(answering, name="server")

# Each asks URL in its own way, with a key where it can have one.
CLIENTS = {
    "make requests": """
        from reports.scheduled.fetch import fetch_log
        fetch_log(URL + "/requests", KEY, Path(FOLDER))""",
    "data.source": """
        from training.dataset.sources import _files
        with _files(URL.replace("://", "://me:secret@" if KEY else "://") + "/table.csv") as files: list(files)""",
    "publishing": """
        from publishing.api import RetryPolicy, repository, run_of
        job = {"GITHUB_API_URL": URL, "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "1", "GITHUB_TOKEN": KEY}
        with repository(run_of(job), job, "Asking", RetryPolicy(1, 0.01)) as repo: list(repo.get_pulls())""",
    "traces": """
        import os
        os.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": URL, "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer " + KEY}
        from service.http.tracing import provider_of
        provider = provider_of("model", "sha256:0")
        provider.get_tracer("test").start_span("one").end()
        provider.force_flush(5000)""",
}


def ask(client: str, url: str, key: str, proxy: Answering, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run one client with that proxy for everything."""
    text = "\n".join(line.removeprefix(" " * 8) for line in CLIENTS[client].splitlines())
    program = f"from pathlib import Path\nURL, KEY, FOLDER = {url!r}, {key!r}, {str(folder)!r}\n{text}"
    names = ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY")
    environment = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment | dict.fromkeys(names, proxy.url),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
def test_a_local_address_is_asked_past_the_proxy(
    client: str, proxy: Answering, server: Answering, tmp_path: Path
) -> None:
    done = ask(client, server.url, "secret", proxy, tmp_path)
    assert proxy.asked == []
    assert len(server.asked) >= 1, done.stderr


@pytest.mark.parametrize("client", CLIENTS)
def test_a_key_goes_to_no_proxy_in_clear_text(client: str, proxy: Answering, tmp_path: Path) -> None:
    ask(client, "http://elsewhere.invalid", "secret", proxy, tmp_path)
    assert proxy.asked == []


def test_what_has_no_key_goes_to_the_proxy(proxy: Answering, tmp_path: Path) -> None:
    for client in ("make requests", "data.source"):
        ask(client, "http://elsewhere.invalid", "", proxy, tmp_path)
    assert [one.strip() for one in proxy.asked] == [
        "http://elsewhere.invalid/requests",
        "http://elsewhere.invalid/table.csv",
    ]


def test_a_password_from_netrc_goes_to_no_proxy_in_clear_text(
    proxy: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine elsewhere.invalid login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    ask("data.source", "http://elsewhere.invalid", "", proxy, tmp_path)
    assert proxy.asked == []


def test_over_tls_a_proxy_is_asked_for_a_tunnel_without_the_key(proxy: Answering, tmp_path: Path) -> None:
    ask("make requests", "https://elsewhere.invalid", "secret", proxy, tmp_path)
    assert [one.strip() for one in proxy.asked] == ["elsewhere.invalid:443"]
