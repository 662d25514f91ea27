"""report: one page and one summary of what every stage said, also after a failure.

It decides nothing and reads nothing but the stages' files; a stage that did not run is shown as such.

Reads   stage.json and the verdicts of every stage under build/; GITHUB_ACTIONS and GITHUB_EVENT_NAME
Writes  build/report/index.html (the page), build/report/summary.md (a job's page, a pull request's comment)
Exits   0 written
"""

import os
from functools import partial

from contracts.stage import CHAIN, Context, Outcome, run_stage
from reports.page.report_page import render_page
from reports.page.summary import render_summary
from reports.results import Results, read_results
from reports.words.verdict import place_of

HEADLINE_WIDTH = 100


def work(context: Context) -> Outcome:
    """Read, render, write, and print the table of stages."""
    results = read_results(context.build)
    place = place_of(os.environ)
    page = context.folder / "index.html"
    page.write_text(render_page(results, context.folder, place=place), encoding="utf-8")
    (context.folder / "summary.md").write_text(render_summary(results, place), encoding="utf-8")
    print(stage_table(results))
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


main = partial(run_stage, "report", __doc__, work)
