"""report: one page and one summary of what every stage said, also after a failure.

It decides nothing and reads nothing but the stages' files; a stage that did not run is shown as such.

Reads   stage.json and the verdicts of every stage under build/; GITHUB_ACTIONS and GITHUB_EVENT_NAME
Writes  build/report/index.html (the page), build/report/summary.md (a job's page, a pull request's comment)
Exits   0 written
"""

import os
from collections.abc import Iterator
from functools import partial

from contracts.stage import CHAIN, Context, Outcome, StageName, run_stage
from reports.page.report_page import render_page
from reports.page.summary import render_summary
from reports.results import Results, read_results
from reports.words.verdict import Place, first_sentence, place_of, verdict_of

HEADLINE_WIDTH = 100


def work(context: Context) -> Outcome:
    """Read, render, write, and print the table of stages and how the chain ended."""
    results = read_results(context.build)
    place = place_of(os.environ)
    page = context.folder / "index.html"
    page.write_text(render_page(results, context.folder, place=place), encoding="utf-8")
    (context.folder / "summary.md").write_text(render_summary(results, place), encoding="utf-8")
    print("\n".join([stage_table(results), *ending(results, place)]))
    verdict = f"stopped at {results.failed.stage}" if results.failed else "complete"
    return Outcome(verdict, f"See {page} in a browser.")


def stage_table(results: Results) -> str:
    """Stage, verdict, seconds and figure, one line each, for the terminal."""
    lines = [f"{'stage':<10} {'verdict':<10} {'seconds':>8}  figure"]
    for stage in CHAIN:
        record = results.records.get(stage)
        if record is None:
            lines.append(f"{stage:<10} {'not run':<10}")
            continue
        headline = record.headline.splitlines()[0] if record.headline else ""
        if len(headline) > HEADLINE_WIDTH:
            headline = headline[: HEADLINE_WIDTH - 1] + "…"
        lines.append(f"{stage:<10} {record.verdict:<10} {record.seconds:>8.1f}  {headline}")
    lines.append(f"{'total':<10} {'':<10} {results.seconds:>8.1f}")
    return "\n".join(lines)


def ending(results: Results, place: Place) -> Iterator[str]:
    """The verdict in words, and for each group of stages what became of them and why, one line each."""
    verdict, failed = verdict_of(results, place), results.failed
    plain = [name for name, one in results.records.items() if not one.exit_code and name not in results.findings]
    yield _line("verdict", verdict.headline)
    if plain:
        yield _line("passed", ", ".join(plain))
    for name in results.findings:
        word = "skipped" if name in results.skipped else "found"
        yield _line(word, f"{name}: {_why(results, name)}")
    if failed:
        yield _line("stopped", f"{failed.stage}: {first_sentence(failed.headline)}")
    if results.missing:
        why = f", for the chain stopped at {failed.stage}" if failed else ""
        yield _line("not run", f"{', '.join(results.missing)}{why}")
    yield _line("next", verdict.next_step)


def _why(results: Results, stage: StageName) -> str:
    """What keeps the stage from being a plain pass: a drift verdict's own reason, else its headline."""
    if stage == "drift" and results.drift and results.drift.reasons:
        return results.drift.reasons[0]
    return first_sentence(results.records[stage].headline) if stage in results.records else results.findings[stage]


def _line(word: str, text: str) -> str:
    return f"{word:<10} {text}"


main = partial(run_stage, "report", __doc__, work)
