"""A request that offers another protocol (`Upgrade`) is answered in this one: its body is its own, not a new request.

The heads are those that real clients send by default, recorded from them: Java's HttpClient offers h2c with every
request that is not encrypted, `curl --http2` too.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from testbed.clients import Process
from testbed.hostile import GOOD

JSON = b"Content-Type: application/json\r\n"
OFFERS = {
    "Java's HttpClient": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\n",
    "curl --http2": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
    "websocket": b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    "TLS/1.2": b"Upgrade: TLS/1.2\r\nConnection: Upgrade\r\n",
    "several": b"Upgrade: IRC/6.9, h2c\r\nUPGRADE: websocket\r\nconnection: keep-alive\r\nConnection: uPgRaDe\r\n",
}
SMUGGLED = b"GET /requests HTTP/1.1\r\nHost: x\r\n\r\n"
END = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def post(path: bytes, offer: bytes, body: bytes) -> bytes:
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + offer + JSON + length + body


def statuses(answers: bytes) -> list[int]:
    return [int(one[:3]) for one in answers.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("offer", OFFERS)
def test_a_body_is_read_whatever_protocol_is_offered(process: Process, offer: str) -> None:
    one, many = (
        post(b"/predict", OFFERS[offer], GOOD),
        post(b"/predict/batch", OFFERS[offer], b'{"rows":[' + GOOD + b"]}"),
    )
    assert statuses(process.exchange(one + many + one + END)) == [200, 200, 200, 200]
    assert statuses(process.exchange(one, many, one, END)) == [200, 200, 200, 200]


@pytest.mark.parametrize("offer", OFFERS)
def test_a_body_in_chunks_is_read_whatever_protocol_is_offered(process: Process, offer: str) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\n" + OFFERS[offer] + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
    chunks = head + b"%x\r\n" % len(GOOD) + GOOD + b"\r\n0\r\n\r\n"
    assert statuses(process.exchange(chunks + chunks + END)) == [200, 200, 200]


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("path", [b"/predict", b"/feedback", b"/livez", b"/nowhere", b"/v2/models/drawn/infer"])
def test_a_body_never_becomes_a_request(process: Process, offer: str, path: bytes) -> None:
    # A parser skips empty lines before a request, so wherever a read ends in them the next begins with the request.
    for padding in (0, 4_000, 70_000, 300_000):
        answers = process.exchange(post(path, OFFERS[offer], b"\r\n" * (padding // 2) + SMUGGLED) + END)
        # A body that is too large ends the connection.
        assert len(statuses(answers)) in (1, 2)
        assert b"ndjson" not in answers


@pytest.mark.parametrize("offer", OFFERS)
def test_an_offer_without_a_body_is_answered_and_the_next_request_too(process: Process, offer: str) -> None:
    get = b"GET /livez HTTP/1.1\r\nHost: x\r\n" + OFFERS[offer] + b"\r\n"
    assert statuses(process.exchange(get + get + END)) == [200, 200, 200]


def test_an_offer_that_also_closes_is_answered_and_closed(process: Process) -> None:
    offer = b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n"
    assert statuses(process.exchange(post(b"/predict", offer, GOOD) + END)) == [200]
    assert statuses(process.exchange(b"GET /livez HTTP/1.0\r\n" + offer + b"\r\n" + END)) == [200]


def test_an_offer_that_arrives_byte_by_byte_is_read(process: Process) -> None:
    sent = post(b"/predict", OFFERS["Java's HttpClient"], GOOD) + END
    assert statuses(process.exchange(*(bytes([byte]) for byte in sent))) == [200, 200]


@pytest.mark.parametrize("address", [b"x:443", b"/predict", b"http://x/predict", b"*"])
def test_a_tunnel_is_refused_and_nothing_in_it_is_read(process: Process, address: bytes) -> None:
    answers = process.exchange(b"CONNECT " + address + b" HTTP/1.1\r\nHost: x\r\n\r\n" + SMUGGLED + END)
    assert statuses(answers) == [400]


def test_curl_that_offers_http_2_is_answered(process: Process) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed. On Debian and Ubuntu: apt install curl")
    command = [curl, "--silent", "--http2", "--header", "content-type: application/json", "--data-binary", "@-"]
    done = subprocess.run([*command, f"{process.url}/predict"], input=GOOD, capture_output=True, check=True)
    assert b'"prediction"' in done.stdout


POST_JAVA = """
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;

public class Post {
    public static void main(String[] given) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        HttpRequest request = HttpRequest.newBuilder(URI.create(given[0])).header("content-type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofFile(Path.of(given[1]))).build();
        for (int number = 0; number < 3; number++)
            System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
    }
}
"""


def test_javas_client_as_it_comes_is_answered(process: Process, tmp_path: Path) -> None:
    java = shutil.which("java")
    if java is None:
        pytest.skip("java is not installed. On Debian and Ubuntu: apt install default-jdk-headless")
    (tmp_path / "Post.java").write_text(POST_JAVA)
    (tmp_path / "row.json").write_bytes(GOOD)
    command = [java, str(tmp_path / "Post.java"), f"{process.url}/predict", str(tmp_path / "row.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["200", "200", "200"]
