"""The edge proxy of compose.yaml, run for real: what it lets through, what it bounds, what it replays."""

import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from contracts.exits import Exit
from testbed.programs import ROOT, eventually, fetch, free_port, program, run, running, status_of
from testbed.serving import EDGE_CONFIG, ROW, Serving, serving
from testbed.tiny_build import FEATURES, write_model

BODY = json.dumps(ROW).encode()


@pytest.fixture(scope="module")
def edge(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("edge"), model) as started:
        yield started


def answer_to(url: str, raw: bytes) -> bytes:
    """The first line that a raw request is answered with."""
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=10) as client:
        client.sendall(raw)
        return client.makefile("rb").readline()


def test_a_prediction_comes_through(edge: Serving) -> None:
    assert status_of(f"{edge.url}/predict", BODY) == 200


@pytest.mark.parametrize("path", ["/metrics", "/requests", "/requests?since=2026-01-01T00:00:00Z"])
def test_what_is_for_the_inside_stays_inside(edge: Serving, path: str) -> None:
    assert status_of(edge.url + path) == 404


def test_the_export_is_let_out_where_that_is_asked_for(model: Path, tmp_path: Path) -> None:
    with serving(tmp_path, model, EDGE_EXPORT="on") as started:
        assert status_of(f"{started.url}/requests?since=2026-01-01T00:00:00Z") == 200
        assert status_of(f"{started.url}/metrics") == 404


def test_large_headers_are_refused(edge: Serving) -> None:
    assert status_of(f"{edge.url}/livez", headers={"X-Large": "x" * 15_000}) == 200
    assert status_of(f"{edge.url}/livez", headers={"X-Large": "x" * 16_500}) == 431


def test_a_full_batch_that_the_service_takes_comes_through_the_edge(tmp_path: Path) -> None:
    carriers = tuple(f"{number}" + "x" * 1_750 for number in range(2))
    carrier = FEATURES[2].model_copy(update={"categories": (*FEATURES[2].categories, *carriers)})
    write_model(tmp_path / "model", features=(*FEATURES[:2], carrier), max_batch_rows=1000)
    body = json.dumps({"rows": [ROW | {"carrier": carriers[row % 2]} for row in range(1000)]}).encode()
    assert len(body) > 1_800_000
    with serving(tmp_path, tmp_path / "model") as started:
        assert len(fetch(f"{started.url}/predict/batch", json.loads(body))["predictions"]) == 1000


def test_replicas_that_refuse_their_model_keep_the_edge_from_being_ready(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "damaged")
    with (tmp_path / "damaged" / "model.onnx").open("ab") as file:
        file.write(b"x")
    settings = {"MODEL_DIR": str(tmp_path / "damaged"), "REQUEST_LOG_DIR": str(tmp_path / "requests")}
    port, inside, replica = free_port(), free_port(), free_port()
    refused = run(sys.executable, "-m", "service", env=os.environ | settings | {"PORT": str(replica)}, cwd=ROOT)
    assert refused.returncode == Exit.FINDING
    edge_settings = {"EDGE_BIND": f"127.0.0.1:{port}", "EDGE_INSIDE_BIND": f"127.0.0.1:{inside}"}
    edge_settings |= {f"REPLICA_{number}": f"127.0.0.1:{replica}" for number in (1, 2)}
    with running((program("haproxy"), "-W", "-db", "-f", EDGE_CONFIG), tmp_path / "edge.log", edge_settings):
        eventually(lambda: status_of_or_none(f"http://127.0.0.1:{inside}/readyz") == 503, "the edge is not ready")
        assert status_of(f"http://127.0.0.1:{port}/predict", BODY) == 503


def status_of_or_none(url: str) -> int | None:
    """None where nobody listens yet."""
    try:
        return status_of(url)
    except OSError:
        return None


def test_a_body_of_unknown_length_comes_through(edge: Serving) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = [b"%x;extension=yes\r\n%b\r\n" % (len(one), one) for one in (BODY[:7], BODY[7:])]
    assert b" 200 " in answer_to(edge.url, head + b"".join(pieces) + b"0\r\nX-Trailer: yes\r\n\r\n")


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 90\r\n\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"Content-Length: 300000\r\n\r\n" + b" " * 250_000,
    ],
    ids=["a stated length", "chunks", "passed on as it comes"],
)
def test_a_client_that_never_ends_its_body_is_sent_away(edge: Serving, body: bytes) -> None:
    head = b"POST /feedback HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    assert problem_in(whole_answer(edge.url, head + body)) == (408, "too-slow")


def test_so_is_one_that_never_ends_its_headers(edge: Serving) -> None:
    assert b" 408 " in answer_to(edge.url, b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ")


@pytest.mark.parametrize("size", [100, 300_000], ids=["read whole by the edge", "passed on as it comes"])
def test_a_slow_client_within_the_time_is_answered(edge: Serving, size: int) -> None:
    body = json.dumps({"labels": [{"id": "none", "actual": "yes"}]}).encode().ljust(size)
    head = b"POST /feedback HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection((urlsplit(edge.url).hostname, urlsplit(edge.url).port), timeout=10) as client:
        client.sendall(head % len(body))
        for part in range(10):
            time.sleep(0.2)
            client.sendall(body[part * len(body) // 10 : (part + 1) * len(body) // 10])
        assert b" 202 " in client.makefile("rb").readline()


@pytest.mark.parametrize("raw", [b"no HTTP at all\r\n\r\n", b"GET /livez HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n"])
def test_what_is_no_http_is_refused_in_haproxys_own_words(edge: Serving, raw: bytes) -> None:
    assert whole_answer(edge.url, raw).startswith(b"HTTP/1.1 400 Bad request")


@pytest.mark.parametrize(("said", "status"), [(b"no HTTP\r\n\r\n", 502), (b"", 504)], ids=["garbage", "nothing"])
def test_so_it_is_where_a_replica_does_not_answer(tmp_path: Path, said: bytes, status: int) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), saying(said)) as replica:
        threading.Thread(target=replica.serve_forever, daemon=True).start()
        port, inside = free_port(), free_port()
        address = f"127.0.0.1:{replica.server_address[1]}"
        settings = {"EDGE_BIND": f"127.0.0.1:{port}", "EDGE_INSIDE_BIND": f"127.0.0.1:{inside}"}
        settings |= {"REPLICA_1": address, "REPLICA_2": address, "EDGE_SERVER_SECONDS": "1"}
        with running((program("haproxy"), "-W", "-db", "-f", EDGE_CONFIG), tmp_path / "edge.log", settings):
            eventually(lambda: status_of_or_none(f"http://127.0.0.1:{inside}/readyz") == 200, "the edge is ready")
            raw = b"POST /model HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            assert problem_in(whole_answer(f"http://127.0.0.1:{port}", raw)) == (status, "no-answer")
        replica.shutdown()


def saying(said: bytes) -> type[socketserver.StreamRequestHandler]:
    """A replica that is ready, and answers every other request with these bytes; with none, it never answers."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if b"/readyz" in self.rfile.readline():
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            elif said:
                self.wfile.write(said)
            else:
                self.connection.settimeout(10)
                with suppress(OSError):
                    while self.connection.recv(1000):
                        pass

    return Handler


def whole_answer(url: str, raw: bytes) -> bytes:
    """All that a raw request is answered with. Where its body is not whole, the edge closes the connection later."""
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=10) as client:
        client.sendall(raw)
        lines = client.makefile("rb")
        head = b""
        while (line := lines.readline()).strip():
            head += line
        length = re.search(rb"(?i)^content-length: (\d+)", head, re.MULTILINE)
        assert length, head
        return head + b"\r\n" + lines.read(int(length[1]))


def problem_in(answer: bytes) -> tuple[int, str]:
    """Status and slug of an answer that is a problem detail with the same status."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower(), answer
    problem = json.loads(body)
    assert int(head[9:12]) == problem["status"]
    return problem["status"], problem["type"].rpartition(":")[2]


def test_a_refusal_is_a_problem_document(edge: Serving) -> None:
    connection = http.client.HTTPConnection(urlsplit(edge.url).netloc, timeout=10)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "application/problem+json"
    assert json.loads(answer.read())["type"] == "urn:gatehouse:problem:not-found"
    connection.close()


def test_every_request_has_a_name_of_the_edges_own(edge: Serving) -> None:
    names, ids = set(), set()
    for _ in range(3):
        connection = http.client.HTTPConnection(urlsplit(edge.url).netloc, timeout=10)
        connection.request("POST", "/predict", BODY, {"Content-Type": "application/json", "X-Request-ID": "mine"})
        answer = connection.getresponse()
        names.add(answer.getheader("X-Request-ID"))
        ids.add(json.loads(answer.read())["id"])
        connection.close()
    assert len(names) == len(ids) == 3
    assert "mine" not in names


def test_the_clients_own_name_is_kept_so_that_its_replay_is_one_prediction(edge: Serving) -> None:
    ids = set()
    for _ in range(3):
        connection = http.client.HTTPConnection(urlsplit(edge.url).netloc, timeout=10)
        connection.request("POST", "/predict", BODY, {"Content-Type": "application/json", "Idempotency-Key": "mine"})
        ids.add(json.loads(connection.getresponse().read())["id"])
        connection.close()
    assert len(ids) == 1


def test_a_killed_replica_costs_no_request_and_the_last_one_costs_a_503(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    became: Counter[str] = Counter()
    end = threading.Event()

    def client(url: str) -> None:
        while not end.is_set():
            try:
                made = fetch(f"{url}/predict", ROW)
                label = {"id": made["id"], "actual": made["prediction"]}
                became[fetch(f"{url}/feedback", {"labels": [label]})["outcomes"][0]] += 1
            except OSError as error:
                became[repr(error)] += 1

    with serving(tmp_path, model) as started:
        threads = [threading.Thread(target=client, args=(started.url,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: became.total() > 100, "100 labelled predictions")
        started.replicas[0].send_signal(signal.SIGKILL)
        started.replicas[0].wait()
        before = became.total()
        eventually(lambda: became.total() > before + 250, "250 more without the replica")
        end.set()
        for thread in threads:
            thread.join()
        assert set(became) == {"recorded"}
        started.replicas[1].send_signal(signal.SIGKILL)
        started.replicas[1].wait()
        # Until the edge has seen that the last one is gone, a request may go down a connection that just died with it.
        eventually(lambda: status_of(f"{started.inside}/readyz") == 503, "the edge says that it is not ready")
        assert status_of(f"{started.url}/predict", BODY) == 503
    with capsys.disabled():
        print(f"\nkill -9 of one of two replicas: {2 * became.total()} requests answered, 0 lost")


def certificate(folder: Path, domain: str) -> None:
    made = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
               "-days", "1", "-subj", f"/CN={domain}", "-addext", f"subjectAltName=DNS:{domain}",
               "-keyout", folder / "key.pem", "-out", folder / "cert.pem")  # fmt: skip
    assert made.returncode == 0, made.stderr
    (folder / f"{domain}.pem").write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())


def test_with_a_domain_the_edge_speaks_tls_and_sends_everybody_there(model: Path, tmp_path: Path) -> None:
    certificate(tmp_path, "api.example.org")
    port = free_port()
    settings = {"DOMAIN": "api.example.org", "EDGE_CERTIFICATES": str(tmp_path), "EDGE_TLS_BIND": f"127.0.0.1:{port}"}
    with serving(tmp_path, model, **settings) as started:
        trusted = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            trusted.wrap_socket(plain, server_hostname="api.example.org") as client,
        ):
            client.sendall(b"GET /readyz HTTP/1.1\r\nHost: api.example.org\r\nConnection: close\r\n\r\n")
            answer = client.makefile("rb").read()
        connection = http.client.HTTPConnection(urlsplit(started.url).netloc, timeout=10)
        connection.request("GET", "/readyz", headers={"Host": "api.example.org"})
        sent_on = connection.getresponse()
        connection.close()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"strict-transport-security" in answer.lower()
    assert (sent_on.status, sent_on.getheader("Location")) == (308, "https://api.example.org/readyz")


def test_with_a_domain_and_no_certificate_the_edge_does_not_start(tmp_path: Path) -> None:
    settings = {"DOMAIN": "api.example.org", "EDGE_CERTIFICATES": str(tmp_path)}
    checked = subprocess.run(
        [program("haproxy"), "-c", "-f", str(EDGE_CONFIG)], env=settings, capture_output=True, text=True, check=False
    )
    assert checked.returncode != 0
    assert "api.example.org.pem" in checked.stderr


@pytest.mark.parametrize("live", ["blue", "green", "none"])
def test_the_edge_of_a_deploy_starts_whichever_side_is_live_and_while_none_is(live: str, tmp_path: Path) -> None:
    file = tmp_path / "live.cfg"
    file.write_text(f"global\n    setenv LIVE {live}\n")
    command = [program("haproxy"), "-c", "-f", str(file), "-f", str(EDGE_CONFIG)]
    checked = subprocess.run(command, env={"EDGE_ADMIN": "127.0.0.1:9999"}, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_a_label_reaches_the_log_whichever_replica_made_the_prediction(edge: Serving) -> None:
    outcomes = []
    for _ in range(6):
        made = fetch(f"{edge.url}/predict", ROW)
        answer = fetch(f"{edge.url}/feedback", {"labels": [{"id": made["id"], "actual": made["prediction"]}]})
        outcomes += answer["outcomes"]
    assert outcomes == ["recorded"] * 6


def test_the_edge_refuses_what_waits_too_long_and_says_when_to_come_back(model: Path, tmp_path: Path) -> None:
    with serving(tmp_path, model, EDGE_QUEUE="0") as started:
        connection = http.client.HTTPConnection(urlsplit(started.url).netloc, timeout=10)
        moments = set()
        for _ in range(50):
            connection.request("POST", "/predict", BODY, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == 503
            assert json.loads(answer.read())["type"] == "urn:gatehouse:problem:overloaded"
            moments.add(answer.getheader("Retry-After"))
        connection.close()
        assert moments == {"1", "2", "3"}
        assert {status_of(f"{started.url}{path}") for path in ("/livez", "/readyz", "/v2/health/ready")} == {200}


@pytest.mark.parametrize(
    ("length", "body"),
    [
        (b"Content-Length: 1000000", b" " * 200_000),
        (b"Transfer-Encoding: chunked", b"30d40\r\n" + b" " * 200_000 + b"\r\n"),
        (b"Transfer-Encoding: chunked\r\nX-Large: " + b"x" * 15_000, b"1\r\n \r\n" * 200_000),
    ],
    ids=["of a length", "in one chunk", "in small chunks, after large headers"],
)
def test_large_bodies_that_are_still_arriving_leave_half_of_the_places_to_others(
    model: Path, tmp_path: Path, length: bytes, body: bytes
) -> None:
    head = b"POST /predict/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + length + b"\r\n\r\n"
    with serving(tmp_path, model, EDGE_IN_FLIGHT="2", BODY_SECONDS="60") as started, ExitStack() as opened:
        refused = 0
        for _ in range(6):
            client = opened.enter_context(
                socket.create_connection((urlsplit(started.url).hostname, urlsplit(started.url).port), timeout=10)
            )
            with suppress(ConnectionError):  # refused while it sends
                client.sendall(head + body)
            # What is refused is answered at once; what streams is not answered before it is whole.
            readable, _, _ = select.select([client], [], [], 0.5)
            refused += bool(readable) and client.recv(100).startswith(b"HTTP/1.1 503 ")
        assert refused == 4
        assert status_of(f"{started.url}/predict", BODY) == 200
