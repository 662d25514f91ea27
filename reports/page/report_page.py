"""The report page: one HTML file, no script, readable on a phone, in light and dark. Jinja2 escapes every value."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from contracts.stage import CHAIN
from reports.page.pictures import difference_picture, share_bar
from reports.page.results import Results

TEMPLATES = Path(__file__).with_name("templates")
MARKS = {0: "pass", 3: "finding", 2: "usage", 1: "crash"}


def render_page(results: Results, plots: list[Path], folder: Path, home: str = "") -> str:
    """The page as HTML. `plots`: SVG files of the gate; `folder`: where the page will stand, for its links; `home`: the
    link to the site that it is a part of."""
    picture = difference_picture(results.decision.comparisons) if results.decision else ""
    return (
        environment()
        .get_template("index.html")
        .render(
            home=home,
            results=results,
            chain=CHAIN,
            marks=MARKS,
            picture=Markup(picture),  # built in pictures.py from escaped values
            bar=lambda value, limit: Markup(share_bar(value, limit)),
            ranked=sorted(results.drift.columns, key=lambda one: one.distance / one.threshold, reverse=True)
            if results.drift
            else [],
            plots=[(plot.stem.replace("_", " "), _relative(plot, folder)) for plot in plots],
            links=[(label, _relative(path, folder)) for label, path in _links(folder) if path.exists()],
        )
    )


@cache
def environment() -> Environment:
    """The templates of every page: one layout, one style; an unknown name is an error, not an empty place."""
    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    made.filters["short"] = _short
    return made


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


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
