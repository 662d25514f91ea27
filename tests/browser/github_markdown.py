"""Markdown as GitHub shows it: its own renderer (cmark-gfm with its filters), then what its sanitizer keeps.

The allowlist is the one of GitHub's html-pipeline (SanitizationFilter): no style, no class, no svg, no script.
"""

import nh3
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options

KEPT = (
    "h1 h2 h3 h4 h5 h6 br b i strong em a pre code img tt div ins del sup sub p picture ol ul table thead tbody tfoot "
    "blockquote dl dt dd kbd q samp var hr ruby rt rp li tr td th s strike summary details caption figure figcaption "
    "abbr bdo cite dfn mark small source span time wbr"
)
TAGS = set(KEPT.split())
ATTRIBUTES = {
    "a": {"href"},
    "img": {"src", "longdesc", "loading", "alt"},
    "*": {"align", "alt", "colspan", "dir", "headers", "height", "hreflang", "id", "label", "lang", "open", "rowspan",
          "scope", "span", "start", "summary", "title", "valign", "width"},
}  # fmt: skip
SCHEMES = {"http", "https", "mailto"}
STYLE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Comment</title><style>
:root { color-scheme: light dark; --ink: #1f2328; --line: #d1d9e0; --back: #fff; --code: #eff1f3; --soft: #59636e; }
@media (prefers-color-scheme: dark) { :root { --ink: #f0f6fc; --line: #3d444d; --back: #0d1117; --code: #212830;
  --soft: #9198a1; } }
body { font: 14px/1.5 -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; color: var(--ink);
  background: var(--back); margin: 0; }
main { border: 1px solid var(--line); border-radius: 6px; margin: 16px; padding: 16px; overflow-wrap: break-word; }
table { display: block; width: max-content; max-width: 100%; overflow: auto; border-collapse: collapse;
  margin: 0 0 16px; } th, td { border: 1px solid var(--line); padding: 6px 13px; }
code { background: var(--code); border-radius: 6px; padding: 0.2em 0.4em; font-size: 85%; }
pre { background: var(--code); border-radius: 6px; padding: 16px; overflow: auto; } pre code { padding: 0; }
h1, h2 { border-bottom: 1px solid var(--line); padding-bottom: .3em; }
blockquote { margin: 0 0 16px; padding: 0 1em; border-left: .25em solid var(--line); color: var(--soft); }
details { margin-bottom: 16px; }
</style></head><body><main>"""


def unsanitized(markdown: str) -> str:
    """What the renderer makes of it, before the sanitizer."""
    return str(github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE))


def shown(markdown: str) -> str:
    """The HTML that is left for a reader."""
    return nh3.clean(unsanitized(markdown), tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel=None)


def as_page(markdown: str) -> str:
    """A page with about the look of a comment."""
    return f"{STYLE}{shown(markdown)}</main></body></html>"
