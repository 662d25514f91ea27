"""Texts from outside in Markdown: rendered by GitHub's own renderer they show as they were typed, and do nothing."""

import re
from html.parser import HTMLParser

import pytest
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options
from hypothesis import given
from hypothesis import strategies as st

from contracts.outside.markdown import LONGEST_VALUE, escape
from tests.payloads import PAYLOADS


class Rendered(HTMLParser):
    """The tags that GitHub's renderer makes, and the text between them."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE))

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(text: str) -> str:
    """What a reader should see: one line, no control characters, no space of no width."""
    return " ".join(text.replace("\u200b", "").split())


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("a|b", "a&#124;b"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("`code`", "&#96;code&#96;"),
        ("**bold**", "&#42;&#42;bold&#42;&#42;"),
        ("_it_ and roc_auc", "&#95;it&#95; and roc_auc"),
        ("one\ntwo\r\n# three", "one two  # three"),
        ("@octocat", "@\u200boctocat"),
        ("fixes #12", "fixes #\u200b12"),
        ("https://evil.example", "https:\u200b//evil.example"),
        ("www.evil.example", "www\u200b.evil.example"),
        ("a [click](x)", "a [click&#93;(x)"),
        ("![pixel](x)", "&#33;[pixel&#93;(x)"),
        ("a&lt;b", "a&amp;lt;b"),
        ("right\u202eleft", "right left"),
        ("back\\slash", "back&#92;slash"),
        ("$math$", "&#36;math&#36;"),
        ("see GH-7", "see GH\u200b-7"),
        (":tada:", ":\u200btada:"),
        ("05:16:00", "05:16:00"),
        ("# big", "&#35; big"),
        ("- item", "&#45; item"),
        ("1. item", "1&#46; item"),
        ("[ ] task", "&#91; ] task"),
        ("see [a]: x", "see [a&#93;: x"),
    ],
)
def test_markup_links_mentions_and_references_are_made_harmless(hostile: str, harmless: str) -> None:
    assert escape(hostile) == harmless


def test_a_very_long_value_is_cut() -> None:
    assert len(escape("x" * 10_000)) == LONGEST_VALUE


@given(st.text())
def test_whatever_the_text_it_stays_in_one_cell_without_markup(text: str) -> None:
    safe = escape(text)
    assert len(safe.splitlines()) <= 1
    assert not set("|<>`*~\\$") & set(safe)
    assert re.search(r"@\w|#\d(?!\d*;)|://|\]\(", safe) is None


PLACES = {
    "a cell": "| a |\n| --- |\n| {} |\n",
    "a list": "- {}\n",
    "a paragraph": "{}\n",
    "bold": "**{}** said\n",
    "a quotation": "> {}\n",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_github_renders_a_text_from_outside_as_the_text_that_it_is(payload: str, place: str) -> None:
    harmless = Rendered(PLACES[place].format("word"))
    seen = Rendered(PLACES[place].format(escape(payload)))
    assert seen.tags == harmless.tags
    plain = "".join(sign if sign.isprintable() else " " for sign in payload)
    assert shown(plain) in shown(seen.text)


@pytest.mark.parametrize("payload", ["<b>x</b>", "**x**", "[x](y)", "https://x.example", "# x", "1. x", "~~x~~", "`x`"])
def test_the_renderer_would_have_rendered_it(payload: str) -> None:
    assert Rendered(payload + "\n").tags != ["p"]


@given(st.text(alphabet=st.sampled_from(list("ab1_*`~[]()<>!#@:/.-+=|&\\$^ wh")), max_size=30))
def test_no_text_at_all_becomes_markup_on_github(text: str) -> None:
    seen = Rendered(f"| a |\n| --- |\n| x{escape(text)} |\n")
    assert seen.tags == ["table", "thead", "tr", "th", "tbody", "tr", "td"]
    assert Rendered(f"- {escape(text)}\n").tags in (["ul", "li"], ["ul", "li", "p"])
