"""What the edge hides, asked for in every spelling there is, through HAProxy and through an nginx of somebody's own."""

import json
import re
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from testbed.clients import metric_in, read_until_closed
from testbed.nginx import nginx
from testbed.programs import text_of
from testbed.serving import ROW, Serving, serving
from testbed.spellings import Spelling, spellings

HIDDEN = ("/metrics", "/requests")
BATCH = json.dumps({"rows": [ROW]}).encode()
SHOWN = {
    "/predict": ("POST", json.dumps(ROW).encode()),
    "/predict/batch": ("POST", BATCH),
    "/feedback": ("POST", b'{"labels":[1]}'),
    "/v2/models/tiny": ("GET", b""),
    "/model": ("GET", b""),
}


@pytest.fixture(scope="module")
def edge(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("edge"), model) as started:
        yield started


@pytest.fixture(scope="module")
def exporting_edge(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("edge"), model, EDGE_EXPORT="on") as started:
        yield started


def status_of(url: str, spelling: Spelling, method: str = "GET", body: bytes = b"") -> int:
    """The only answer's."""
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=10) as client:
        client.sendall(spelling.request(method, body, "Content-Type: application/json"))
        answer = read_until_closed(client)
    assert answer.count(b"HTTP/1.1 ") == 1
    return int(answer.split(b" ", 2)[1])


def reached(edge: Serving) -> float:
    """How many requests the replicas were asked that are no route of theirs."""
    pages = [text_of(f"{url}/metrics") for url in edge.replica_urls]
    kinds = [("(none)", "4xx"), ("(malformed)", "4xx"), ("/requests", "2xx")]
    return sum(
        metric_in(page, "requests_total", route=route, status=status) for page in pages for route, status in kinds
    )


@pytest.mark.parametrize("path", HIDDEN)
def test_no_spelling_of_a_hidden_route_comes_through_the_edge(
    edge: Serving, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = reached(edge)
    became = Counter(status_of(edge.url, spelling) for _, spelling in spellings(path))
    assert set(became) <= {404, 400}
    assert reached(edge) == before
    with capsys.disabled():
        print(f"\n{path} through HAProxy: {became.total()} spellings, answers {dict(became)}")


@pytest.mark.parametrize("path", SHOWN)
def test_the_edge_lets_in_the_plain_spelling_of_a_shown_route_and_no_other(edge: Serving, path: str) -> None:
    before = reached(edge)
    for name, spelling in spellings(path):
        status = status_of(edge.url, spelling, *SHOWN[path])
        assert (status < 300) == (spelling.is_plain and status != 400), name
        assert status < 300 or status in (404, 400), name
    assert reached(edge) == before


def test_an_export_that_is_let_out_is_let_out_by_its_own_name_alone(exporting_edge: Serving) -> None:
    for name, spelling in spellings("/requests"):
        status = status_of(exporting_edge.url, spelling)
        assert (status < 300) == (spelling.is_plain and status != 400), name
    assert {status_of(exporting_edge.url, spelling) for _, spelling in spellings("/metrics")} <= {404, 400}


LOCATIONS = {
    "by its name": "location = {path} {{ return 404; }} location / {{ proxy_pass {url}; }}",
    "by its beginning": "location {path} {{ return 404; }} location / {{ proxy_pass {url}/; }}",
    "by its letters": "if ($request_uri ~ ^{path}) {{ return 404; }} location / {{ proxy_pass {url}; }}",
}


@pytest.mark.parametrize("path", HIDDEN)
@pytest.mark.parametrize("way", LOCATIONS)
def test_what_an_nginx_hides_stays_hidden(edge: Serving, tmp_path: Path, way: str, path: str) -> None:
    with nginx(tmp_path / "nginx", LOCATIONS[way].format(path=path, url=edge.replica_urls[0])) as url:
        opened = [name for name, one in spellings(path) if status_of(url, one) < 300]
    # What is compared as it was sent does not see the absolute form: nothing behind it can help that.
    assert all(name.startswith("absolute") for name in opened)
    assert not opened or way == "by its letters"


def test_every_documented_route_but_the_hidden_ones_comes_through_the_edge(edge: Serving) -> None:
    documented = json.loads(text_of(f"{edge.url}/openapi.json"))["paths"]
    (version,) = json.loads(text_of(f"{edge.url}/v2/models/tiny"))["versions"]
    names = {"{model_name}": "tiny", "{model_version}": version}
    paths = {re.sub(r"{\w+}", lambda one: names[one[0]], path) for path in documented}
    assert len(paths) > 10
    paths |= {"/docs", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"}
    assert {path for path in paths if status_of(edge.url, Spelling(path)) == 404} == set(HIDDEN)


def test_a_prefix_does_not_uncover_what_is_hidden(model: Path, tmp_path: Path) -> None:
    with serving(tmp_path, model, ROOT_PATH="/models/late") as started:
        for prefix in ("", "/models/late"):
            assert status_of(started.url, Spelling(f"{prefix}/predict"), *SHOWN["/predict"]) == 200
            for path in HIDDEN:
                assert {status_of(started.url, one) for _, one in spellings(prefix + path)} <= {404, 400}
        twice = Spelling("/models/late/models/late/requests")
        assert status_of(started.url, twice) == 404
