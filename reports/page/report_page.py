"""The report page: one HTML file, no script, readable on a phone, in light and dark. Jinja2 escapes every value."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from contracts.decision import Interval, Plot
from contracts.outside.markup import showable
from contracts.stage import CHAIN
from reports.page.curves import calibration_in_words, curve_picture, curve_rows
from reports.page.intervals import KINDS
from reports.page.pictures import difference_bar, interval_picture, loss_bar, share_bar
from reports.results import Results
from reports.words.numerals import form_of, spoken
from reports.words.results_in_words import in_words, warnings
from reports.words.skill import found_and_missed, purpose, question_of, speed
from reports.words.verdict import Place, verdict_of

TEMPLATES = Path(__file__).with_name("templates")
MARKS = {0: "pass", 3: "finding", 2: "usage", 1: "crash"}
_COMMAND = re.compile(r"`(make [a-z-]+(?: [A-Z]+=[\w-]+)*|[a-z]+\.[a-z_]+)`")


@dataclass(frozen=True)
class DrawnPlot:
    """One plot of the gate: its picture, its description, and the rows of its table."""

    title: str
    x: str
    y: str
    names: tuple[str, ...]
    picture: Markup
    said: str
    rows: list[list[str]]


def render_page(results: Results, folder: Path, home: str = "", place: Place = "laptop") -> str:
    """The page as HTML. `folder`: where the page will be written, for relative links; `home`: a link to the site."""
    card, deciding = results.card, results.deciding
    return (
        environment()
        .get_template("index.html")
        .render(
            home=home,
            name=card.name if card else "Gatehouse",
            purpose=purpose(question_of(card)) if card else "",
            done=_done(results),
            positives=question_of(card).positives if card else "",
            verdict=verdict_of(results, place),
            in_words=in_words(results),
            warnings=warnings(results),
            results=results,
            chain=CHAIN,
            marks=MARKS,
            kinds=KINDS,
            speed=speed(results.load.p50_ms, results.load.p95_ms) if results.load else "",
            # Pictures are built from escaped values.
            picture=Markup(interval_picture(deciding)) if deciding else "",
            difference_bar=lambda one: Markup(difference_bar(one)),
            loss_bar=lambda one, others: Markup(loss_bar(one, others)),
            title_of={one.metric: one.title for one in results.decision.comparisons} if results.decision else {},
            confusion_said=found_and_missed(question_of(card), results.figures) if card and results.figures else "",
            bar=lambda value, limit: Markup(share_bar(value, limit)),
            plots=[_draw(name, plot) for name, plot in results.plots.plots.items()] if results.plots else [],
            ranked=sorted(results.drift.columns, key=lambda one: one.distance / one.threshold, reverse=True)
            if results.drift
            else [],
            links=[(label, _relative(path, folder)) for label, path in _links(folder) if path.exists()],
        )
    )


def _done(results: Results) -> str:
    """What this run did with the model: `trained it, compared it with the one in production and put it under load`."""
    done = ["trained it"]
    if results.decision and "evaluate" not in results.stale:
        done.append("compared it with the one in production" if results.decision.champion else "judged it")
    if results.load and "load-test" not in results.stale:
        done.append("put it under load")
    return done[0] if len(done) == 1 else f"{', '.join(done[:-1])} and {done[-1]}"


@cache
def environment() -> Environment:
    """The templates of every page: one layout, one style; an undefined name is an error."""
    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, finalize=_shown)
    made.filters["short"] = _short
    made.filters["spoken"] = _without_breaks
    made.filters["like"] = _in_the_form_of
    made.filters["commands"] = commands
    return made


def _shown(value: Any) -> Any:
    """What an expression of a template writes. Text stays what it was: escaped already, or not."""
    if not isinstance(value, str) or (shown := showable(value)) == value:
        return value
    return type(value)(shown)


def commands(text: str) -> Iterator[tuple[str, bool]]:
    """The parts of a sentence, and whether each is a command or a key that stood in backticks."""
    for number, part in enumerate(_COMMAND.split(text)):
        if part:
            yield part, number % 2 == 1


def _draw(name: str, plot: Plot) -> DrawnPlot:
    challenger = next((curve for curve in plot.curves if curve.name == "challenger"), None)
    said = calibration_in_words(challenger) if name == "calibration" and challenger else ""
    names = tuple(curve.name for curve in plot.curves)
    return DrawnPlot(plot.title, plot.x, plot.y, names, Markup(curve_picture(plot)), said, curve_rows(plot))


def _links(folder: Path) -> list[tuple[str, Path]]:
    build = folder.parent
    return [
        ("Locust's own report", build / "load-test" / "locust.html"),
        ("Evidently's own report", build / "drift" / "evidently.html"),
        ("The gate's decision, as a diff", build / "evaluate" / "diff.md"),
        ("decision.json", build / "evaluate" / "decision.json"),
        ("model.json", build / "train" / "model" / "model.json"),
        ("data.json", build / "data" / "data.json"),
    ]


def _relative(path: Path, folder: Path) -> str:
    return "../" + path.relative_to(folder.parent).as_posix()


def _in_the_form_of(value: float, seen: Interval) -> str:
    return form_of(seen)(value)


def _without_breaks(seen: Interval, *, with_sign: bool = False) -> str:
    """A figure and its interval, neither of which breaks across lines."""
    return spoken(seen, with_sign=with_sign).replace(" to ", "\u00a0to\u00a0")


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
