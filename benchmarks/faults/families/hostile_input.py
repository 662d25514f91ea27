"""Hostile input: the whole corpus of tests/service against one process, on every route that takes a body, three times.

Every answer must be documented for its route, small, without text of the request, and no 5xx but the documented 503;
memory must be freed afterwards.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from benchmarks.faults.figure import Figure, at_least, at_most, none_of, note
from benchmarks.faults.service_under_test import RunningService, running_service
from testbed.clients import JSON
from testbed.hostile import ACCEPTED, BATCHES, GOOD, MARK, REFUSED
from testbed.served_folders import write_folder
from testbed.transports import ANSWERED as TRANSPORTS

ROUNDS = 3
LARGEST_ANSWER_BYTES = 2000
LARGEST_GROWTH_MB = 20
OVERLOADED = 503
# The name that write_folder gives its model.
MODEL = "drawn"


class Answered(NamedTuple):
    """One answer. `status` 0: none came. `documented`: the statuses documented for the route."""

    status: int
    body: bytes
    documented: frozenset[int]


def run(folder: Path) -> list[Figure]:
    """Send everything and count."""
    model = write_folder(folder / "model")
    with running_service(model, folder / "log", HEADER_SECONDS="1", BODY_SECONDS="1") as service:
        with httpx.Client(trust_env=False, base_url=service.process.url, timeout=30) as client:
            paths: dict[str, Any] = client.get("/openapi.json").json()["paths"]
            for _ in range(200):
                client.post("/predict", content=GOOD, headers=JSON)
            before = largest = service.process.resident_bytes()
            answers: list[Answered] = []
            for _ in range(ROUNDS):
                for answer in everything(client, service, paths):
                    answers.append(answer)
                    largest = max(largest, service.process.resident_bytes())
            after = service.process.resident_bytes()
        is_alive = service.process.child.poll() is None
    return figures(answers, before, largest, after, is_alive)


def everything(client: httpx.Client, service: RunningService, paths: Mapping[str, Any]) -> Iterator[Answered]:
    """The corpus once: bodies to each route that takes one, then malformed requests."""
    for path, bodies in targets(paths).items():
        documented = frozenset(map(int, paths[path]["post"]["responses"]))
        for body in bodies.values():
            answer = client.post(re.sub(r"\{\w+\}", MODEL, path), content=body, headers=JSON)
            yield Answered(answer.status_code, answer.content, documented)
    # An undocumented method is answered 405, which OpenAPI cannot document.
    anywhere = {405} | {int(one) for path in paths.values() for verb in path.values() for one in verb["responses"]}
    for sent, _ in TRANSPORTS.values():
        text = service.process.exchange(sent)
        yield Answered(int(text[9:12] or 0), text.partition(b"\r\n\r\n")[2], frozenset(anywhere))


def targets(paths: Mapping[str, Any]) -> dict[str, dict[str, bytes]]:
    """Each route that takes a body, with its bodies."""
    alone = REFUSED | ACCEPTED
    return {path: BATCHES | alone if path == "/predict/batch" else alone for path in paths if "post" in paths[path]}


def figures(answers: list[Answered], before: int, largest: int, after: int, is_alive: bool) -> list[Figure]:
    """The answers' figures; memory in bytes."""
    sent = len(answers)
    statuses = Counter(one.status for one in answers)
    crashes = sum(count for status, count in statuses.items() if status >= 500 and status != OVERLOADED)
    refusals = [one for one in answers if one.status >= 400]
    return [
        at_least("different bodies", len(REFUSED) + len(ACCEPTED) + len(BATCHES), 80),
        at_least("different header and transport cases", len(TRANSPORTS), 20),
        none_of("5xx other than the documented 503", crashes, sent, "answers"),
        none_of("requests without an answer", statuses[0], sent, "requests"),
        none_of("undocumented statuses", sum(one.status not in one.documented for one in answers), sent, "answers"),
        none_of(
            "refusals that repeat what was sent", sum(MARK.encode() in one.body for one in refusals), sent, "answers"
        ),
        at_most("largest answer", max(len(one.body) for one in answers), LARGEST_ANSWER_BYTES, " bytes"),
        at_most("memory grown at its highest", (largest - before) / 1e6, LARGEST_GROWTH_MB, " MB"),
        note("memory grown at the end", f"{(after - before) / 1e6:.1f} MB of {before / 1e6:.0f} MB"),
        none_of("processes that ended", int(not is_alive), 1, "process"),
        note("statuses", ", ".join(f"{count:,} × {status}" for status, count in sorted(statuses.items()))),
    ]
