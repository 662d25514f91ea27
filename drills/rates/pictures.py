"""Draws the gate's error rates as SVG: the same bytes for the same rates."""

import io

import matplotlib as mpl
import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drills.rates.gate_rates import Rates
from drills.rates.proportion import Proportion

# Can be told apart without colour.
STYLES = {
    "gate": ("#1f6f8b", "-", "o"),
    "rows independent": ("#b5651d", "--", "s"),
    "new >= old": ("#8a8a8a", ":", "^"),
}


def power_curves(rates: Rates) -> str:
    """SVG: the share promoted over the true difference, a panel for each pair of models, a line for each rule."""
    pairs = list(dict.fromkeys(cell.pair for cell in rates.cells))
    with mpl.rc_context(
        {"svg.hashsalt": "gatehouse", "font.family": "sans-serif", "font.size": 9, "svg.fonttype": "none"}
    ):
        figure = Figure(figsize=(9.6, 3.4), layout="constrained")
        panels = figure.subplots(1, len(pairs), sharey=True, squeeze=False)[0]
        for panel, pair in zip(panels, pairs, strict=True):
            _draw(panel, rates, pair)
        panels[0].set_ylabel("share promoted")
        panels[-1].legend(frameon=False, loc="upper right")
        figure.supxlabel(
            f"how much worse the challenger really is, in margins of {rates.margin:g} {rates.metric}", fontsize=9
        )
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Title": "Share promoted by true difference"})
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _draw(panel: Axes, rates: Rates, pair: str) -> None:
    cells = [cell for cell in rates.cells if cell.pair == pair]
    worse = [cell.margins_worse for cell in cells]
    for rule, (colour, line, mark) in STYLES.items():
        shares = [Proportion(cell.promoted[rule], cell.draws) for cell in cells]
        middle = [one.share for one in shares]
        reach = [[one.share - one.ends[0] for one in shares], [one.ends[1] - one.share for one in shares]]
        panel.errorbar(
            worse, middle, yerr=reach, color=colour, linestyle=line, marker=mark, markersize=4, capsize=2, label=rule
        )
    panel.set_title(pair, fontsize=9)
    panel.set_xticks(worse, [f"{one:g}" for one in worse])
    panel.set_ylim(-0.03, 1.03)
    panel.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0))
    panel.grid(axis="y", alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
