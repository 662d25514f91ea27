"""What a deploy reads from others: golden answers, HAProxy, Prometheus, and a client's own count."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import pytest

from contracts.model_folder import ModelCard
from deploy.host.edge import EdgeError, parse_servers
from deploy.rollout import steady_client
from deploy.rollout.golden import WrongAnswerError, difference, read_answers
from deploy.rollout.steady_client import SteadyClient, summary
from deploy.rollout.version_metrics import PrometheusError, parse_values
from testbed.tiny_build import card

MODEL = "sha256:" + "c" * 64
OUTPUT = (0.7, 0.3)
RIGHT: dict[str, Any] = {"id": "x", "model": MODEL, "prediction": "false", "probability": 0.3}
SHOWN = (
    "# pxname,svname,scur,stot,status,weight,check_status,addr,\n"
    "service,replica-1,3,99,UP,90,L7OK,172.18.0.2:8000,\n"
    "service,replica-3,0,0,UP,0,* L7OK,172.18.0.3:8000,\n"
    "service,backup-1,0,0,MAINT,1,,,\n\n"
)


def answer_of(said: dict[str, Any], status: int = 200, *, model: ModelCard | None = None) -> str:
    return difference(model or card(), OUTPUT, 1e-5, MODEL, status, json.dumps(said).encode())


def test_the_right_answer_is_right() -> None:
    assert answer_of(RIGHT) == ""
    assert answer_of(RIGHT | {"probability": 0.300005}) == ""


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"probability": 0.3001}, "probability is 0.3001"),
        ({"prediction": "true"}, "prediction is 'true'"),
        ({"model": "sha256:other"}, "answered by model"),
        ({"probability": None}, "cannot be read"),
        ({"probability": "NaN"}, "probability is nan"),
    ],
)
def test_a_wrong_answer_with_status_200_is_found(changed: dict[str, Any], reason: str) -> None:
    assert reason in answer_of(RIGHT | changed)


def test_another_status_is_no_answer() -> None:
    assert "answered 503" in answer_of(RIGHT, 503)


def test_an_answer_that_is_no_json_is_found() -> None:
    assert "cannot be read" in difference(card(), OUTPUT, 1e-5, MODEL, 200, b"<html>")


def test_at_the_threshold_both_labels_are_right() -> None:
    at = {"probability": 0.4}
    for label in ("true", "false"):
        said = json.dumps(RIGHT | at | {"prediction": label}).encode()
        assert difference(card(), (0.6, 0.4), 1e-5, MODEL, 200, said) == ""


def test_multiclass_and_regression_are_compared_whole() -> None:
    many = card(task="multiclass", classes=("a", "b"), positive="", threshold=None)
    assert answer_of({"model": MODEL, "probabilities": {"a": 0.7, "b": 0.3}}, model=many) == ""
    assert "b is 0.4" in answer_of({"model": MODEL, "probabilities": {"a": 0.7, "b": 0.4}}, model=many)
    value = card(task="regression", classes=(), positive="", threshold=None)
    assert difference(value, (2.5,), 1e-5, MODEL, 200, json.dumps({"model": MODEL, "prediction": 2.5}).encode()) == ""
    assert "prediction is 2.6" in difference(
        value, (2.5,), 1e-5, MODEL, 200, b'{"model": "%b", "prediction": 2.6}' % MODEL.encode()
    )


def http(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def test_answers_on_one_connection_are_told_apart() -> None:
    assert read_answers(http(200, b"one") + http(422, b""), 2) == [(200, b"one"), (422, b"")]


@pytest.mark.parametrize("raw", [b"", http(200, b"one"), b"HTTP/1.1 200 OK\r\n\r\n", b"garbage"])
def test_a_missing_answer_is_found(raw: bytes) -> None:
    with pytest.raises(WrongAnswerError, match="has no answer"):
        read_answers(raw, 2)


def test_servers_are_read_from_the_proxys_own_figures() -> None:
    servers = parse_servers(SHOWN)
    assert [(one.name, one.is_up, one.weight, one.sessions) for one in servers.values()] == [
        ("replica-1", True, 90, 3), ("replica-3", True, 0, 0), ("backup-1", False, 1, 0),
    ]  # fmt: skip


def test_a_server_that_was_never_checked_is_not_up() -> None:
    assert not parse_servers(SHOWN.replace("L7OK", "INI"))["replica-1"].is_up


@pytest.mark.parametrize("answer", ["", "Unknown command", "\n\n"])
def test_an_edge_that_shows_no_servers_is_refused(answer: str) -> None:
    with pytest.raises(EdgeError, match="no servers"):
        parse_servers(answer)


def prometheus(*samples: str) -> bytes:
    result = [{"metric": {}, "value": [0, one]} for one in samples]
    return http(200, json.dumps({"status": "success", "data": {"result": result}}).encode())


def one_value(raw: bytes, query: str) -> float | None:
    (value,) = parse_values(raw, [query])
    return value


def test_several_answers_on_one_connection_are_told_apart() -> None:
    assert parse_values(prometheus("1") + prometheus() + prometheus("3"), "abc") == [1.0, None, 3.0]
    with pytest.raises(PrometheusError, match="`b`"):
        parse_values(prometheus("1"), "ab")


def test_an_empty_answer_or_nan_is_not_known_and_not_zero() -> None:
    assert one_value(prometheus("0.25"), "q") == 0.25
    assert one_value(prometheus("0"), "q") == 0.0
    assert one_value(prometheus(), "q") is None
    assert one_value(prometheus("NaN"), "q") is None
    assert one_value(prometheus("+Inf"), "q") is None


@pytest.mark.parametrize("raw", [b"", http(503, b"starting"), http(200, b"{}"), prometheus("1", "2")])
def test_an_answer_that_is_none_is_an_error(raw: bytes) -> None:
    with pytest.raises(PrometheusError):
        one_value(raw, "q")


@contextmanager
def serving(answers: list[bytes]) -> Iterator[str]:
    """Gives each of these once, then the last for ever; an empty one is a connection that breaks."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = 0
            while line := self.rfile.readline():
                if line.startswith(b"content-length: "):
                    length = int(line.split()[1])
                if line != b"\r\n":
                    continue
                self.rfile.read(length)
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if not answer:
                    break
                self.wfile.write(answer)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def seen_by(answers: list[bytes], requests: int) -> SteadyClient:
    with serving(answers) as url:
        # Few a second: an open loop that is faster than a busy machine answers only counts its own queue.
        client = SteadyClient(url, [{"a": 1}], rate=20.0)
        client.run(lambda: len(client.seen) >= requests)
        return client


def test_the_client_counts_what_was_answered_over_both_kinds_of_connection() -> None:
    client = seen_by([http(200, b'{"model": "m"}')], 40)
    figures = summary(client.seen)
    assert figures.failed == 0
    assert figures.by_model == {"m": figures.requests}
    assert {one.kind for one in client.seen} == {"kept", "new"}


def test_an_edge_that_deals_in_turn_asks_each_version_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixed order gave every tenth request, the new version's, the same four rows of twenty."""
    sent: list[bytes] = []

    class Recording:
        waiting = 0

        def __init__(self, *_: object) -> None: ...
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...
        def give_up(self, _: float) -> None: ...
        def poll(self, _: float) -> list[object]:
            return []

        def send(self, request: bytes, *_: object, **__: object) -> bool:
            sent.append(request)
            return True

    monkeypatch.setattr(steady_client, "LoadClient", Recording)
    SteadyClient("http://127.0.0.1:1", [{"a": number} for number in range(20)], rate=1e6).run(lambda: len(sent) >= 2000)
    assert len(set(sent[:20])) == 20
    for period in (2, 4, 5, 8, 10, 20, 40):
        for first in range(period):
            assert len(set(sent[first::period])) > 12


@pytest.mark.parametrize("bad", [b"", http(503, b"{}"), http(200, b'{"model": ""}'), http(200, b"not json")])
def test_the_client_counts_every_failure_and_tries_nothing_twice(bad: bytes) -> None:
    good = http(200, b'{"model": "m"}')
    figures = summary(seen_by([good, bad, good, bad, good], 20).seen)
    assert figures.failed == 2
    assert figures.errors


def test_no_request_has_no_figures() -> None:
    figures = summary([])
    assert (figures.requests, figures.failed) == (0, 0)
    assert figures.p99_ms != figures.p99_ms
