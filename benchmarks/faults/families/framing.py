"""Request smuggling: right and wrong ways to say where a body ends, to the service alone, behind HAProxy and nginx.

Each body holds what looks like a request for the request log. A reader that finds the body's end elsewhere than its
sender did answers that request: to another client, if connections are shared. HAProxy runs with the compose stack's own
configuration, nginx with the widely copied lines for WebSocket and with pooled connections to the service.
"""

import os
import shutil
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.faults.figure import Figure, all_of, none_of, note
from benchmarks.faults.service_under_test import running_service
from contracts.exits import UsageError
from testbed.framings import Framing, at_random, cut_anywhere, each
from testbed.nginx import POOLED, WEBSOCKET, nginx
from testbed.programs import SBIN, text_of
from testbed.sent_framings import Seen, read_as_requests, tried
from testbed.served_folders import write_folder
from testbed.serving import serving

AT_RANDOM = 20_000
SEED = 7
SHORT = {"HEADER_SECONDS": "1", "BODY_SECONDS": "1", "KEEP_ALIVE_SECONDS": "2"}


def run(folder: Path) -> list[Figure]:
    """Send all framings to each of the three. Raises UsageError if a proxy is not installed."""
    require("haproxy", "nginx")
    model = write_folder(folder / "model", max_batch_rows=1000)
    with running_service(model, folder / "log", **SHORT) as service:
        seen = tried(service.address, framings())
        figures = figures_of("the service alone", seen, service.process.url)
    with serving(folder, model) as edge:
        seen = tried(address_of(edge.url), framings())
        figures += figures_of("behind HAProxy", seen, *edge.replica_urls)
        upstream = POOLED.format(address=urlsplit(edge.replica_urls[0]).netloc)
        with nginx(folder / "nginx", WEBSOCKET, upstream) as url:
            seen = tried(address_of(url), framings())
            figures += figures_of("behind nginx", seen, *edge.replica_urls)
    return figures


def require(*proxies: str) -> None:
    """Raises UsageError if a program is not installed."""
    for name in proxies:
        if shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SBIN}") is None:
            package = {"nginx": "nginx-light"}.get(name, name)
            raise UsageError(f"This family needs {name}, which is not installed. On Debian: apt install {package}")


def framings() -> Iterator[Framing]:
    """All listed framings, then as many random ones."""
    return chain(each(), cut_anywhere(), islice(at_random(SEED), AT_RANDOM))


def address_of(url: str) -> tuple[str, int]:
    """Host and port."""
    return urlsplit(url).hostname or "", urlsplit(url).port or 0


def figures_of(where: str, seen: Seen, *services: str) -> list[Figure]:
    """`services`: their own counts show which bodies they read as requests."""
    hidden = int(sum(read_as_requests(text_of(f"{url}/metrics")) for url in services))
    return [
        note(f"{where}: cases, requests in them, answers", f"{seen.tried:,}, {seen.requests:,}, {seen.answers:,}"),
        none_of(f"{where}: answered more often than they hold requests", len(seen.extra), seen.tried, "cases"),
        none_of(f"{where}: bodies taken for a request", hidden, seen.tried, "cases"),
        none_of(f"{where}: others who got another answer", seen.others_without_theirs, seen.others, "requests"),
        all_of(f"{where}: right ones answered in full", seen.right - len(seen.unanswered), seen.right, "cases"),
    ]
