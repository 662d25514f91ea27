"""A small drawing as SVG: boxes with a title and a line under it, and arrows. 390 units wide, so that a phone shows it.

Colours follow the reader's light or dark mode, on a card of their own, because an <img> cannot see the page's colours.
"""

from dataclasses import dataclass, field
from xml.sax.saxutils import escape

WIDTH = 390
STYLE = """\
.card{fill:#fff;stroke:#dfe4ea}.box{fill:#f6f7f9;stroke:#5b6675}.lit{fill:#dcebfb;stroke:#0b62c4;stroke-width:2.5}
.line{stroke:#5b6675;fill:none;stroke-width:1.5}.back{stroke:#c2571a;stroke-dasharray:5 3}
.tip{fill:#5b6675}.tip-back{fill:#c2571a}
text{font:13px system-ui,-apple-system,sans-serif;fill:#1c2430}
.name{font-weight:600;font-size:14px}.soft{fill:#4a5461;font-size:12px}
.mark{fill:#a3450f;font-size:12px}
@media (prefers-color-scheme:dark){.card{fill:#1a212b;stroke:#303a47}.box{fill:#12171e;stroke:#9aa6b5}
.lit{fill:#16324f;stroke:#6cb0ff}.line{stroke:#9aa6b5}.back{stroke:#ff9d66}.tip{fill:#9aa6b5}.tip-back{fill:#ff9d66}
text{fill:#e6eaf0}.soft{fill:#b3bdc9}.mark{fill:#ffb488}}"""


@dataclass
class Canvas:
    """Collects shapes; `svg` gives the file."""

    title: str
    shapes: list[str] = field(default_factory=list)
    height: float = 0.0

    def box(self, x: float, y: float, width: float, name: str, under: str = "", *, lit: bool = False) -> float:
        """A box of one or two lines; returns the y of its lower end."""
        tall = 46.0 if under else 30.0
        kind = "lit" if lit else "box"
        self.shapes.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{tall}" rx="7"/>')
        self.text(x + 10, y + 20, name, "name")
        if under:
            self.text(x + 10, y + 37, under, "soft")
        self.height = max(self.height, y + tall)
        return y + tall

    def text(self, x: float, y: float, text: str, kind: str = "soft", anchor: str = "start") -> None:
        self.shapes.append(f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>')
        self.height = max(self.height, y + 4)

    def down(self, x: float, start: float, end: float) -> None:
        """An arrow downwards."""
        self.shapes.append(f'<path class="line" d="M{x} {start}V{end - 5}"/>')
        self.shapes.append(f'<path class="tip" d="M{x - 4} {end - 7}h8l-4 7z"/>')

    def right(self, start: float, end: float, y: float) -> None:
        """An arrow to the right."""
        self.shapes.append(f'<path class="line" d="M{start} {y}H{end - 5}"/>')
        self.shapes.append(f'<path class="tip" d="M{end - 7} {y - 4}v8l7 -4z"/>')

    def back(self, x: float, start: float, out: float, end: float) -> None:
        """The arrow back: out to the right, up, and in again."""
        self.shapes.append(f'<path class="line back" d="M{x} {start}H{out}V{end}H{x + 6}"/>')
        self.shapes.append(f'<path class="tip-back" d="M{x + 8} {end - 4}v8l-8 -4z"/>')

    def svg(self) -> str:
        """The whole file."""
        height = self.height + 14
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" '
            f'viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(self.title)}">'
        )
        card = f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="10"/>'
        parts = [head, f"<title>{escape(self.title)}</title>", f"<style>{STYLE}</style>", card, *self.shapes, "</svg>"]
        return "\n".join(parts) + "\n"
