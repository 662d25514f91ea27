"""`decisions.xml`, an Atom feed (RFC 4287): decisions, deploys, rollbacks and drift findings."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from contracts.history import HistoryEntry, WorkflowRun
from contracts.outside.markup import showable
from reports.words.past import how_it_ended

NAMESPACE = "http://www.w3.org/2005/Atom"
MOST_ENTRIES = 50


def is_news(entry: HistoryEntry) -> bool:
    """Whether the feed shows an entry: all but drift checks without a finding."""
    return entry.event != "drift" or entry.drift is None or entry.drift.state != "stable"


def render_feed(name: str, entries: Sequence[HistoryEntry], reports: dict[str, str], run: WorkflowRun | None) -> str:
    """The feed, newest first. `reports`: links to the reports that the site holds, by the entry's id."""
    news = [entry for entry in reversed(entries) if is_news(entry)][:MOST_ENTRIES]
    ElementTree.register_namespace("", NAMESPACE)
    feed = ElementTree.Element(f"{{{NAMESPACE}}}feed")
    _text(feed, "title", f"{name}: decisions")
    _text(feed, "id", f"tag:gatehouse,2026:{run.repository if run else name}")
    _text(feed, "updated", news[0].at if news else "1970-01-01T00:00:00Z")
    _text(ElementTree.SubElement(feed, f"{{{NAMESPACE}}}author"), "name", name)
    for entry in news:
        _entry(feed, entry, reports.get(entry.id) or (entry.workflow.url if entry.workflow else "index.html"))
    return ElementTree.tostring(feed, encoding="unicode", xml_declaration=True) + "\n"


def _entry(feed: ElementTree.Element, entry: HistoryEntry, link: str) -> None:
    one = ElementTree.SubElement(feed, f"{{{NAMESPACE}}}entry")
    _text(one, "title", how_it_ended(entry))
    _text(one, "id", f"tag:gatehouse,2026:{entry.id}")
    _text(one, "updated", entry.at)
    ElementTree.SubElement(one, f"{{{NAMESPACE}}}link", {"rel": "alternate", "href": link})
    _text(one, "summary", _summary(entry))


def _summary(entry: HistoryEntry) -> str:
    if entry.decision:
        return entry.decision.reason
    if entry.drift:
        return " ".join(entry.drift.reasons)
    return entry.deployed.reason if entry.deployed else ""


def _text(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, f"{{{NAMESPACE}}}{tag}").text = showable(text)
