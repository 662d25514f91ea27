"""A real headless Chromium, and what it saw of one page: errors, dialogs, requests, widths, links, plots."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Error, Page, Request, sync_playwright

Scheme = Literal["light", "dark"]
WIDTHS = {"desktop": 1280, "phone": 390, "small phone": 360}
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
INSTALL = "Install one (Debian: apt install chromium), or name it in CHROMIUM."


@dataclass
class Seen:
    """What happened while a page was open."""

    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, driven by Playwright, which has its own browsers only where it is told to download them."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        raise RuntimeError(f"These tests open the pages in a Chromium, and there is none. {INSTALL}")
    with sync_playwright() as playwright:
        # No sandbox: root has none, and only files that these tests wrote are opened.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@contextmanager
def watched(
    browser: Browser,
    path: Path,
    width: int = 1280,
    scheme: Scheme = "light",
    *,
    bypass_csp: bool = False,
    is_unfolded: bool = True,
) -> Iterator[tuple[Page, Seen]]:
    """A page opened from its file, everything unfolded, and what happened meanwhile."""
    seen = Seen()
    page = _window(browser, bypass_csp)

    def complained(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            seen.complaints.append(message.text)

    def failed(error: Error) -> None:
        seen.complaints.append(str(error))

    def asked(dialog: Dialog) -> None:
        seen.dialogs.append(dialog.message)
        dialog.dismiss()

    def requested(request: Request) -> None:
        seen.requests.append(request.url)

    handlers: dict[Any, Any] = {"console": complained, "pageerror": failed, "dialog": asked, "request": requested}
    for event, handler in handlers.items():
        page.on(event, handler)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto(path.as_uri(), wait_until="load")
    if is_unfolded:
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    yield page, seen
    page.goto("about:blank")
    for event, handler in handlers.items():
        page.remove_listener(event, handler)


def _window(browser: Browser, bypass_csp: bool) -> Page:
    """One window for pages with their content policy, one for pages without: opening one anew costs 0.3 s each."""
    place = int(bypass_csp)
    while len(browser.contexts) <= place:
        browser.new_context(bypass_csp=bool(browser.contexts), accept_downloads=False).new_page()
    return browser.contexts[place].pages[0]


def overflowing(page: Page) -> list[str]:
    """What sticks out of the window at the right, unless it scrolls in a box of its own."""
    found: list[str] = page.evaluate(
        """() => {
          const scrolls = (node) => node && node !== document.body &&
            (["auto", "scroll"].includes(getComputedStyle(node).overflowX) || scrolls(node.parentElement));
          const wide = [...document.querySelectorAll("body *")].filter(
            (node) => node.getBoundingClientRect().right > innerWidth + 0.5 && !scrolls(node.parentElement));
          const page = document.documentElement.scrollWidth > innerWidth ? ["the page itself"] : [];
          return page.concat(wide.map((node) => node.outerHTML.slice(0, 120)));
        }"""
    )
    return found


def dead_links(page: Page, path: Path) -> list[str]:
    """Links and pictures that lead nowhere: no file here, and no plain https address."""
    addresses: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("[href], [src]")].map(
          (node) => node.getAttribute("href") ?? node.getAttribute("src"))"""
    )
    return [address for address in addresses if not _leads_somewhere(address, path)]


def _leads_somewhere(address: str, path: Path) -> bool:
    parts = urlsplit(address)
    if parts.scheme == "https":
        return bool(parts.netloc) and not set(address) & set("<>\"' ")
    if parts.scheme:
        return address == "data:,"
    return (path.parent / unquote(parts.path)).is_file()


def silent_plots(page: Page) -> list[str]:
    """Pictures without a text in their place. A plot (role img) has a title, and a description unless it is a bar."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("svg, img")].filter((node) => {
          if (node.tagName === "IMG") return !node.alt.trim();
          const text = (name) => (node.querySelector(":scope > " + name)?.textContent ?? "").trim();
          const described = node.classList.contains("bar") || text("desc");
          return node.getAttribute("role") !== "img" || !text("title") || !described;
        }).map((node) => node.outerHTML.slice(0, 120))"""
    )
    return found


def barriers(page: Page) -> list[str]:
    """What axe-core finds by all of its rules: each violation with the first place of it."""
    seen = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in seen]


def live_markup(page: Page) -> list[str]:
    """Everything in the page that could run: scripts, handlers, script addresses, frames."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((node) =>
          ["SCRIPT", "IFRAME", "OBJECT", "EMBED", "FORM", "BASE"].includes(node.tagName.toUpperCase()) ||
          [...node.attributes].some((one) => one.name.startsWith("on") || one.name === "srcdoc" ||
            /^\\s*(javascript|data:text|vbscript):/i.test(one.value))
        ).map((node) => node.outerHTML.slice(0, 120))"""
    )
    return found


def faint_texts(page: Page) -> list[str]:
    """Texts with a contrast below 4.5 to 1 (WCAG 2.2, 1.4.3) against the nearest opaque background."""
    found: list[str] = page.evaluate(
        """() => {
          const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
          const light = (colour) => parts(colour).slice(0, 3).map((one) => one / 255).map(
            (one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4
          ).reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
          const behind = (node) => {
            if (!node) return "rgb(255, 255, 255)";
            const colour = getComputedStyle(node).backgroundColor;
            return (parts(colour)[3] ?? 1) > 0.99 ? colour : behind(node.parentElement);
          };
          const faint = [];
          for (const node of document.querySelectorAll("body *")) {
            const own = [...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
            if (!own || !node.checkVisibility() || ["TITLE", "DESC"].includes(node.tagName.toUpperCase())) continue;
            const style = getComputedStyle(node);
            const [a, b] = [light(node.tagName === "text" ? style.fill : style.color), light(behind(node))];
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (ratio < 4.5) faint.push(ratio.toFixed(2) + " " + node.outerHTML.slice(0, 120));
          }
          return faint;
        }"""
    )
    return found
