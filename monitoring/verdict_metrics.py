"""Turns the last drift verdict into a page that Prometheus scrapes, so that alerts can use its age and findings.

    python -m monitoring.verdict_metrics build/drift/verdict.json monitoring/drift/drift.txt

The verdict's age is that of its file. compose.yaml serves the second file's folder internally; any web server will do.

Reads   a verdict.json as `make drift` writes it.
Writes  one file in Prometheus' text format, atomically: a scrape sees the old one or the new one.
Exits   0; 2 if there is no verdict.
"""

import argparse
import sys
from pathlib import Path
from typing import get_args

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from contracts.exits import Exit, UsageError
from contracts.schema import read_json
from contracts.verdict import DriftState, DriftVerdict

PREFIX = "gatehouse_drift_"


def registry_of(verdict: DriftVerdict, at_seconds: float) -> CollectorRegistry:
    """The verdict as gauges. `at_seconds`: when it was made, since 1970."""
    registry = CollectorRegistry()

    def gauge(name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(PREFIX + name, meaning, labels, registry=registry)

    gauge("verdict_timestamp_seconds", "When the drift verdict was made").set(at_seconds)
    gauge("model_info", "1 for the model that the verdict is about", "digest").labels(verdict.model).set(1)
    states = gauge("state", "1 for the state that the question has", "question", "state")
    answers = {"overall": verdict.state, "inputs": verdict.inputs, "predictions": verdict.predictions}
    for question, answer in answers.items():
        for state in get_args(DriftState):
            states.labels(question, state).set(answer == state)
    rows = gauge("rows", "Rows that were compared", "window")
    rows.labels("reference").set(verdict.reference_rows)
    rows.labels("current").set(verdict.current_rows)
    distances = gauge("distance", "How far a column has moved", "column", "kind")
    thresholds = gauge("threshold", "From where on a column has drifted", "column", "kind")
    for column in verdict.columns:
        distances.labels(column.column, column.kind).set(column.distance)
        thresholds.labels(column.column, column.kind).set(column.threshold)
    performance = gauge("performance", "The primary metric, where labels came in", "metric", "window")
    if verdict.performance:
        performance.labels(verdict.performance.metric, "reference").set(verdict.performance.reference)
        performance.labels(verdict.performance.metric, "current").set(verdict.performance.current)
    return registry


def write_page(verdict_file: Path, page: Path) -> None:
    """Write the page. Raises UsageError if there is no readable verdict."""
    verdict = read_json(verdict_file, DriftVerdict, "make drift")
    page.parent.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(page), registry_of(verdict, verdict_file.stat().st_mtime))


def main() -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.verdict_metrics", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("verdict", type=Path, help="the verdict to read")
    parser.add_argument("page", type=Path, help="the file to write")
    asked = parser.parse_args()
    try:
        write_page(asked.verdict, asked.page)
    except UsageError as error:
        print(error, file=sys.stderr)
        return Exit.USAGE
    return Exit.PASS


if __name__ == "__main__":
    sys.exit(main())
