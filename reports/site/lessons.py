"""docs/learn and the exercises' tasks as pages of the site, rendered by markdown-it-py from the files seen on GitHub.

A page keeps its path and only changes its extension, so links between lessons stay valid. A link to any other file
leads to the repository that publishes the site; without one it becomes plain text.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from contracts.history import WorkflowRun
from contracts.outside.markdown import anchor_of
from reports.page.report_page import environment

LESSONS = ("docs/learn/*/*.md", "exercises/*/README*.md")
PICTURES = "docs/learn/pictures"
FIRST = "docs/learn/en/README.md"
OUTSIDE = re.compile(r"[a-z]+:|#|$")


def write_lessons(checkout: Path, site: Path, run: WorkflowRun | None) -> str:
    """Write every page; returns the first page's link to the map, or "" if there are no lessons."""
    found = [path.relative_to(checkout) for pattern in LESSONS for path in sorted(checkout.glob(pattern))]
    if not (checkout / FIRST).is_file():
        return ""
    for path in found:
        page = site / path.with_suffix(".html")
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(render_lesson(checkout, path, found, run), encoding="utf-8")
    shutil.copytree(checkout / PICTURES, site / PICTURES, dirs_exist_ok=True)
    return PurePosixPath(FIRST).with_suffix(".html").as_posix()


def render_lesson(checkout: Path, path: Path, lessons: Sequence[Path], run: WorkflowRun | None) -> str:
    """One page as HTML."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = markdown.parse((checkout / path).read_text(encoding="utf-8"))
    title = ""
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            text = tokens[at + 1].content
            title = title or text
            token.attrSet("id", anchor_of(text))
        for child in token.children or ():
            _rewrite_link(child, path, lessons, run)
    body = markdown.renderer.render(tokens, markdown.options, {})
    body = body.replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")
    language, other = languages_of(path)
    return (
        environment()
        .get_template("lesson.html")
        .render(
            title=title,
            body=Markup(body),  # our own files, which hold HTML for answers that fold away
            language=language,
            home="../" * (len(path.parts) - 1) + "index.html",
            map=_relative(Path(FIRST.replace("/en/", f"/{language}/")), path),
            other=_relative(other, path) if other in lessons else "",
        )
    )


def languages_of(path: Path) -> tuple[str, Path]:
    """The page's language, and the path of the same page in the other one."""
    name = path.as_posix()
    if name.startswith("exercises/"):
        is_spanish = name.endswith(".es.md")
        return ("es", path.with_name("README.md")) if is_spanish else ("en", path.with_name("README.es.md"))
    is_spanish = "/es/" in name
    swapped = name.replace("/es/", "/en/") if is_spanish else name.replace("/en/", "/es/")
    return "es" if is_spanish else "en", Path(swapped)


def _rewrite_link(token: Token, path: Path, lessons: Sequence[Path], run: WorkflowRun | None) -> None:
    """Rewrite a lesson's link to its target's place on the site."""
    href = token.attrGet("href")
    if token.type != "link_open" or not isinstance(href, str) or OUTSIDE.match(href):
        return
    target, _, anchor = href.partition("#")
    place = Path(_normalized(path.parent / target))
    if place in lessons:
        token.attrSet("href", re.sub(r"\.md$", ".html", target) + (f"#{anchor}" if anchor else ""))
    elif run is not None:
        token.attrSet("href", f"{run.repository_url}/blob/HEAD/{place.as_posix()}" + (f"#{anchor}" if anchor else ""))
    else:
        del token.attrs["href"]


def _normalized(path: Path) -> str:
    """The path without `..`, from its text alone: the file system is not read."""
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _relative(target: Path, page: Path) -> str:
    return "../" * (len(page.parts) - 1) + target.with_suffix(".html").as_posix()
