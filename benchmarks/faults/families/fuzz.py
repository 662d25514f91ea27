"""Schemathesis, from the service's own OpenAPI document: all its checks, a pinned seed, 2,000 examples an operation.

A route without input has one case, a route with few possible inputs has those; a route with a body has all 2,000.
"""

from pathlib import Path

from benchmarks.faults.figure import Figure, at_least, note
from benchmarks.faults.service_under_test import running_service
from testbed.fuzzing import SEED, fuzz
from testbed.served_folders import write_folder

EXAMPLES = 2000
# Seven routes take input; five of them have 2,000 different cases.
LEAST_CASES = 5 * EXAMPLES


def run(folder: Path) -> list[Figure]:
    """Fuzz one process."""
    with running_service(write_folder(folder / "model"), folder / "log") as service:
        fuzzed = fuzz(service.process.url, EXAMPLES)
    if not fuzzed.passed:
        print(fuzzed.report)
    return [
        Figure("all checks of Schemathesis", "hold" if fuzzed.passed else "fail", "hold", fuzzed.passed),
        at_least("cases", fuzzed.cases, LEAST_CASES),
        note("operations, examples asked for each, seed", f"{fuzzed.operations}, {EXAMPLES:,}, {SEED}"),
    ]
