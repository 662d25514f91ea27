"""docs/tables.md from results.json."""

from collections.abc import Callable
from pathlib import Path

from contracts.outside.handbook import write_between
from tests.tables.results import Result, Results, read_results
from tests.tables.rules import alarms, waiting

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"


def write_page() -> None:
    """Between the page's marks."""
    write_between(PAGE, BEGIN, END, page_text(read_results().runs))


def page_text(runs: tuple[Result, ...]) -> str:
    """A row for each table, with both runs in its cells."""
    lines = [
        "| table | rows × columns | task, split | metric | model | gate | plain script | decision | drift | seconds |",
        "| --- | ---: | --- | --- | --- | --- | --- | --- | --- | ---: |",
        *(_row(name, [run for run in runs if run.table == name]) for name in dict.fromkeys(run.table for run in runs)),
    ]
    called, judged = alarms(runs)
    lines += [
        "",
        f"Windows of a random split in which drift was called, though there is none: {called} of {judged} that had "
        "enough rows.",
    ]
    if names := waiting(Results(runs=runs)):
        lines += ["", f"Settings that `make tables` has not run twice yet: {', '.join(names)}."]
    return "\n".join(lines)


def _row(name: str, runs: list[Result]) -> str:
    first = runs[0]
    settings = f"[{name}](../tests/tables/settings/{name}.toml)"
    decision = _both(runs, lambda run: f"{run.decision}d")
    cells = (
        settings, f"{first.rows:,} × {first.columns}", f"{first.task}, {first.split}", f"`{first.metric}`",
        _both(runs, lambda run: run.model), _both(runs, _figure), _both(runs, lambda run: _number(run.plain)),
        decision, _both(runs, lambda run: run.drift or "not reached"), _both(runs, lambda run: f"{run.seconds:.0f}"),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _both(runs: list[Result], say: Callable[[Result], str]) -> str:
    """What each run says, once where they say the same."""
    return "<br>".join(dict.fromkeys(map(say, runs)))


def _figure(run: Result) -> str:
    return f"{_number(run.value)} [{_number(run.low)}, {_number(run.high)}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
