"""The private parts of uvicorn that service/http/ builds on. A release may change them: then look here, and there."""

import hashlib
import inspect
import re
import tomllib

import pytest
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from service.http.protocol import BoundedProtocol, _Refused
from testbed.clients import ROOT

# Methods that service/http/protocol.py overrides or calls, with their parameters.
METHODS = {
    "connection_made": ["transport"],
    "connection_lost": ["exc"],
    "on_url": ["url"],
    "on_headers_complete": [],
    "on_message_complete": [],
    "on_response_complete": [],
    "_unset_keepalive_if_required": [],
}
# What it reads or sets of a connection, and of the request on it.
CONNECTION = {"config", "cycle", "headers", "loop", "parser", "scope", "server_state", "tasks", "transport"}
CYCLE = {"keep_alive", "more_body", "response_complete", "response_started", "scope"}
# What uvicorn asks of the request on a connection; the first two also of one that was answered: by a stand-in of ours.
ASKED = {"response_complete", "message_event", "body", "disconnected", "keep_alive", "more_body"}
# service/http/server.py.
OF_THE_SERVER = {"startup": ["sockets"], "handle_exit": ["sig", "frame"], "on_tick": ["counter"]}


def parameters(owner: type, method: str) -> list[str]:
    return list(inspect.signature(getattr(owner, method)).parameters)[1:]


def attributes(owner: type) -> set[str]:
    """What its constructor sets."""
    source = inspect.getsource(owner.__init__)  # type: ignore[misc]  # of this very class
    return set(re.findall(r"self\.(\w+)(?:: [^=\n]+)? = ", source))


@pytest.mark.parametrize("method", METHODS)
def test_the_protocol_has_each_method_that_ours_builds_on(method: str) -> None:
    assert parameters(HttpToolsProtocol, method) == METHODS[method]


@pytest.mark.parametrize("method", OF_THE_SERVER)
def test_the_server_has_each_method_that_ours_builds_on(method: str) -> None:
    assert parameters(Server, method) == OF_THE_SERVER[method]


def test_a_connection_and_its_request_have_what_ours_reads() -> None:
    assert attributes(HttpToolsProtocol) >= CONNECTION
    assert attributes(RequestResponseCycle) >= CYCLE
    assert "url" in inspect.getsource(HttpToolsProtocol.on_message_begin)
    assert attributes(Server) >= {"config", "server_state", "should_exit"}
    assert attributes(ServerState) >= {"tasks", "connections"}
    assert STATUS_LINE[503] == b"HTTP/1.1 503 Service Unavailable\r\n"


def test_uvicorn_asks_no_more_of_a_request_than_the_stand_in_for_a_refused_one_answers() -> None:
    assert set(re.findall(r"self\.cycle\.(\w+)", inspect.getsource(HttpToolsProtocol))) == ASKED
    assert _Refused({}, closes=False).response_complete
    assert hasattr(_Refused, "message_event")


def test_the_method_that_ours_replaces_is_the_one_that_was_read() -> None:
    # BoundedProtocol.data_received does all that this does, but does not forget what follows a head with `Upgrade`.
    source = inspect.getsource(HttpToolsProtocol.data_received)
    assert hashlib.sha256(source.encode()).hexdigest()[:16] == "010a7ae59a5d3b1a"
    assert "super().data_received" not in inspect.getsource(BoundedProtocol)


def test_uvicorn_calls_what_it_is_given_for_each_connection_by_these_names() -> None:
    config = Config(lambda: None, http=BoundedProtocol, ws="none", lifespan="off", log_config=None)
    config.load()
    assert config.http_protocol_class is BoundedProtocol
    assert list(inspect.signature(HttpToolsProtocol).parameters) == ["config", "server_state", "app_state", "_loop"]


def test_a_release_of_uvicorn_that_was_not_looked_at_is_not_installed() -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (uvicorn,) = (one for one in dependencies if one.startswith("uvicorn"))
    assert re.search(r"<0\.\d+$", uvicorn)
