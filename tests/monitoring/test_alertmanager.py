"""Who is told what: the routes, what inhibits what, and that a page really arrives."""

import json
import queue
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from testbed.programs import MONITORING, answers, eventually, fetch, free_port, program, run, running
from tests.monitoring.test_rules import ALERTS

CONFIG = MONITORING / "alertmanager.yml"
RECEIVER_OF = {"page": "page", "ticket": "ticket", "none": "watchdog"}


def test_the_configuration_is_valid() -> None:
    checked = run(program("amtool"), "check-config", CONFIG)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_an_alert_reaches_the_receiver_of_its_severity(rule: dict[str, Any]) -> None:
    labels = [f"alertname={rule['alert']}", *(f"{name}={value}" for name, value in rule["labels"].items())]
    receiver = RECEIVER_OF[rule["labels"]["severity"]]
    routed = run(
        program("amtool"),
        "config",
        "routes",
        "test",
        f"--config.file={CONFIG}",
        f"--verify.receivers={receiver}",
        *labels,
    )
    assert routed.returncode == 0, routed.stdout + routed.stderr


def test_an_alert_of_an_unknown_severity_is_a_ticket_and_not_lost() -> None:
    routed = run(
        program("amtool"), "config", "routes", "test", f"--config.file={CONFIG}", "alertname=New", "severity=loud"
    )
    assert routed.stdout.strip() == "ticket"


def test_no_address_stands_in_the_configuration() -> None:
    assert "://" not in CONFIG.read_text()


class Inbox(ThreadingHTTPServer):
    """A webhook that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), InboxHandler)
        self.messages: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class InboxHandler(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")
        self.server.messages.put((self.path, json.loads(body)))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def inbox() -> Iterator[Inbox]:
    with Inbox() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def mail() -> Iterator[Inbox]:
    with inbox() as server:
        yield server


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory, mail: Inbox) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("alertmanager")
    text = CONFIG.read_text().replace("group_wait: 5s", "group_wait: 500ms")
    for receiver in ("page", "ticket"):
        (folder / receiver).write_text(f"{mail.url}/{receiver}")
        text = text.replace(f"/run/secrets/{receiver}_url", str(folder / receiver))
    (folder / "alertmanager.yml").write_text(text)
    url = f"http://127.0.0.1:{free_port()}"
    command = (
        program("prometheus-alertmanager"),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    )
    with running(command, folder / "log"):
        eventually(lambda: answers(f"{url}/-/ready"), "Alertmanager is ready")
        yield url


def fire(alertmanager: str, **labels: str) -> None:
    ends = datetime.now(UTC) + timedelta(minutes=5)
    alert = {"labels": labels, "annotations": {"summary": f"{labels['alertname']} it is"}, "endsAt": ends.isoformat()}
    fetch(f"{alertmanager}/api/v2/alerts", [alert])


def state_of(alertmanager: str, **labels: str) -> str:
    found = [one for one in fetch(f"{alertmanager}/api/v2/alerts") if labels.items() <= one["labels"].items()]
    return str(found[0]["status"]["state"]) if len(found) == 1 else f"{len(found)} alerts"


INHIBITED = [
    (
        {"alertname": "AvailabilityBurnsFast", "severity": "page", "slo": "availability", "job": "edge"},
        {"alertname": "AvailabilityBurnsSlowly", "severity": "ticket", "slo": "availability", "job": "edge"},
    ),
    (
        {"alertname": "NoModelReady", "severity": "page", "job": "service"},
        {"alertname": "TargetDown", "severity": "ticket", "job": "service", "instance": "replica-1:8000"},
    ),
    (
        {"alertname": "NoModelReady", "severity": "page", "job": "service"},
        {"alertname": "AvailabilityBurnsFast", "severity": "page", "slo": "availability", "job": "edge"},
    ),
]
NOT_INHIBITED = [
    # Another objective; another job; a page for the edge; something that has nothing to do with it.
    {"alertname": "LatencyBurnsSlowly", "severity": "ticket", "slo": "latency", "job": "service"},
    {"alertname": "TargetDown", "severity": "ticket", "job": "alertmanager", "instance": "alertmanager:9093"},
    {"alertname": "TargetDown", "severity": "page", "job": "edge", "instance": "edge:8405"},
    {"alertname": "LogRecordsDropped", "severity": "page", "job": "service", "log": "predictions"},
    {"alertname": "ChampionStale", "severity": "ticket", "job": "service"},
]


@pytest.mark.parametrize(("cause", "effect"), INHIBITED, ids=lambda one: one["alertname"])
def test_a_larger_alert_inhibits_a_smaller(alertmanager: str, cause: dict[str, str], effect: dict[str, str]) -> None:
    fire(alertmanager, **cause)
    fire(alertmanager, **effect)
    eventually(lambda: state_of(alertmanager, **effect) == "suppressed", f"{effect['alertname']} is suppressed")


@pytest.mark.parametrize("other", NOT_INHIBITED, ids=lambda one: f"{one['alertname']}-{one['job']}")
def test_an_alert_with_another_cause_is_not_inhibited(alertmanager: str, other: dict[str, str]) -> None:
    for cause, _ in INHIBITED:
        fire(alertmanager, **cause)
    fire(alertmanager, **other)
    eventually(lambda: state_of(alertmanager, **other) == "active", f"{other['alertname']} is active")


def test_a_page_is_delivered_with_its_summary(alertmanager: str, mail: Inbox) -> None:
    fire(alertmanager, alertname="Canary", severity="page", job="test")
    while True:
        path, message = mail.messages.get(timeout=20)
        if "Canary" in message["attachments"][0]["title"]:
            break
    assert path == "/page"
    assert message["attachments"][0]["title"] == "FIRING · page · Canary"
    assert "Canary it is" in message["attachments"][0]["text"]


# A model's card names its features, and a page or a ticket names one of them. Each is markup in a chat.
IN_A_CHAT = (
    "<!channel> <!here> <@U024BE7LH> <#C024BE7LR>",
    "<https://evil.example|Runbook: click here>",
    "@everyone @channel @all @here",
    "[Runbook](https://evil.example) [x](javascript:alert(1)) ![p](https://evil.example/p.png)",
    "see https://evil.example or www.evil.example",
    "&lt;!channel&gt; &amp;lt;!channel&amp;gt;",
    '{{ .ExternalURL }}{{ template "slack.default.text" . }} {{ define "shown" }}{{ end }} $labels.feature ${1}',
    "carrier\n*FIRING* NoModelReady\r\nEvery replica is down\u2028now\x85",
    "\u202egnp.exe\u2066 a\u200bb",
    "\\ \\n \\u003c!channel> \"quoted\" 'quoted' `code`",
    "x" * 10_000,
)
MOST_OF_DISCORD = 4096
SHOWN, RUNBOOK = 5, "https://handbook.example/runbook.md#hostile"


def fire_all(alertmanager: str, name: str, summaries: list[str]) -> None:
    """One group of alerts, so that all of them are in one message."""
    ends = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    texts = {"description": "A model knows less of them & of others.", "runbook_url": RUNBOOK}
    alerts = [
        {"labels": {"alertname": name, "severity": "page", "number": f"{number:03}"},
         "annotations": texts | {"summary": summary}, "endsAt": ends}
        for number, summary in enumerate(summaries)
    ]  # fmt: skip
    fetch(f"{alertmanager}/api/v2/alerts", alerts)


def message_about(mail: Inbox, name: str) -> str:
    while True:
        _, message = mail.messages.get(timeout=20)
        if message["attachments"][0]["title"].endswith(f" {name}"):
            return str(message["attachments"][0]["text"])


@pytest.mark.parametrize("name", IN_A_CHAT, ids=range(len(IN_A_CHAT)))
def test_a_name_in_a_message_is_text_and_runs_nothing(alertmanager: str, mail: Inbox, name: str) -> None:
    alert = f"Hostile{IN_A_CHAT.index(name)}"
    fire_all(alertmanager, alert, [f"{name} is missing in more rows than yesterday"])
    text = message_about(mail, alert)
    assert text.endswith(f". A model knows less of them &amp; of others. ({RUNBOOK})\n")
    said = text.removesuffix(f"({RUNBOOK})\n")
    assert len(said.splitlines()) == 1
    assert not re.search(r"[<>]|@\w|\]\(|://|www\.|&(?!(amp|lt|gt);)", said)
    assert all(sign.isprintable() or sign == "\u200b" for sign in said)
    assert len(said) < 1_000


def test_a_message_says_what_the_alert_says(alertmanager: str, mail: Inbox) -> None:
    fire_all(alertmanager, "Usual", ["dep_delay is missing in 5 % of rows [1h], and taxi-out (min) as well"])
    first, *_ = message_about(mail, "Usual").replace("\u200b", "").partition(" A model")
    assert first == "dep_delay is missing in 5 % of rows [1h], and taxi-out (min) as well."


@pytest.mark.parametrize("count", [SHOWN, SHOWN + 1, 300])
def test_many_alerts_at_once_are_one_message_that_every_chat_takes(alertmanager: str, mail: Inbox, count: int) -> None:
    name = f"Flood{count}"
    fire_all(alertmanager, name, [f"{number} " + "x" * 90 + " is missing in more rows" for number in range(count)])
    text = message_about(mail, name)
    assert len(text) < MOST_OF_DISCORD
    assert text.count(RUNBOOK) == SHOWN
    assert ("And " in text) == (count > SHOWN)
    assert count == SHOWN or text.endswith(f"And {count - SHOWN} more.\n")
