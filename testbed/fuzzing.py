"""Schemathesis against a running service: everything that its OpenAPI document allows, and much that it does not.

All checks are on; schemathesis.toml lists what is expected beyond the document. The seed is pinned, so failures are
reproducible. `python -m testbed.fuzzing 2000` fuzzes a service of its own, with that many examples for each operation
that takes input.
"""

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from testbed.clients import ROOT, running
from testbed.served_folders import write_folder

CONFIG = Path(__file__).with_name("schemathesis.toml")
SEED = 7
_CASES = re.compile(r"([\d,]+) generated")
_OPERATIONS = re.compile(r"Tested: (\d+)")


@dataclass(frozen=True)
class Fuzzed:
    """The result: how much was tried, and Schemathesis' output on failures."""

    passed: bool
    operations: int
    cases: int
    report: str


def fuzz(address: str, examples: int) -> Fuzzed:
    """Send `examples` requests or more to each operation of the service at `address` (scheme, host and port)."""
    command = [
        Path(sys.executable).with_name("schemathesis"),
        "--config-file",
        CONFIG,
        "run",
        f"{address}/openapi.json",
    ]
    options = ["--checks", "all", "--seed", SEED, "--max-examples", examples, "--no-color"]
    done = subprocess.run([str(one) for one in (*command, *options)], cwd=ROOT, capture_output=True, text=True)
    report = "\n".join(line[:500] for line in (done.stdout + done.stderr).splitlines())
    return Fuzzed(done.returncode == 0, _number(_OPERATIONS, report), _number(_CASES, report), report)


def _number(pattern: re.Pattern[str], report: str) -> int:
    found = pattern.search(report)
    return int(found[1].replace(",", "")) if found else 0


def main(examples: int) -> int:
    """Fuzz a binary model's service; returns the exit code."""
    with tempfile.TemporaryDirectory() as name, running(write_folder(Path(name) / "model"), Path(name)) as up:
        result = fuzz(up.url, examples)
    print(f"{result.cases:,} cases for {result.operations} operations, passed: {result.passed}")
    if not result.passed:
        print(result.report)
    return 0 if result.passed else 3


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
