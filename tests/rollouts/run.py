"""`make deploy-test`: plays every scenario on the local engine and prints the table that docs/deploys.md shows.

    make deploy-test                   everything, some ten minutes; writes the table into docs/deploys.md
    make deploy-test PARTS="good"      a part: good, refusals, early-kills, late-kills, lock, rollback, outage

Reads   build/image/image.json, whose image the engine must have: `make build` first
Writes  build/deploy/test/<part>.json, and docs/deploys.md between its marks: every part that was played and passed
Exits   0 all as promised · 3 something was not, and the text says what was seen · 2 no image, no engine or registry
"""

import argparse
import json
import os
import platform
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from contracts.exits import Exit, UsageError
from contracts.image import Image
from contracts.pipeline_toml.keys import Deploy
from contracts.schema import read_json
from contracts.stage import Build
from deploy.digests import on_engine
from deploy.engine import EngineError, check_engine, docker
from deploy.rollout.sequence import steps_of
from tests.rollouts import scenarios
from tests.rollouts.arena import FAST, ROOT, Arena, arena
from tests.rollouts.scenarios import Row

PAGE = ROOT / "docs" / "deploys.md"
BEGIN, END = "<!-- begin: make deploy-test -->", "<!-- end: make deploy-test -->"
LONGEST_OUTCOME = 260
FIRST_LATE = 7

Scenario = Callable[[Arena], list[Row]]


def parts() -> dict[str, list[Scenario]]:
    """Every scenario, by the part that it belongs to; a kill for each step of a deploy with one canary step."""
    steps = steps_of(Deploy(canary_percent=tuple(FAST["canary_percent"])))
    return {
        "good": [scenarios.good_deploy],
        "another project": [scenarios.another_project],
        "refusals": list(scenarios.REFUSALS.values()),
        "early-kills": [_killed_at(step) for step in steps[:FIRST_LATE]],
        "late-kills": [_killed_at(step) for step in steps[FIRST_LATE:]],
        "lock": [scenarios.two_at_once],
        "rollback": [scenarios.rollback_without_registry],
        "ssh": [scenarios.over_ssh],
        "outage": [scenarios.everything_killed],
    }


def main() -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make deploy-test", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(parts())}; default: all")
    asked = parser.parse_args()
    try:
        base = _image(Build(asked.build))
        chosen = _chosen(asked.parts)
    except UsageError as error:
        print(f"deploy-test: {error}", file=sys.stderr)
        return Exit.USAGE
    folder = Build(asked.build).stage("deploy") / "test"
    folder.mkdir(parents=True, exist_ok=True)
    passed = True
    with arena(base) as stage:
        scenarios.two_releases(stage)
        for part in chosen:
            passed &= _play(part, stage, folder / f"{part}.json")
    _print(folder, chosen)
    write_page(list(_rows(folder, parts())))
    return Exit.PASS if passed else Exit.FINDING


def write_page(rows: list[Row], page: Path = PAGE) -> None:
    """Put the table between the marks of the page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}", encoding="utf-8")


def table(rows: list[Row]) -> str:
    """In Markdown."""
    lines = [
        "| what happened | requests | failed | exit | seconds | what came of it |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row.what} | {row.requests:,} | {row.failed} | {row.exit_code} | {row.seconds:.1f} | {_outcome(row)} |"
        for row in rows
    ]
    return "\n".join(lines)


def _play(part: str, stage: Arena, record: Path) -> bool:
    """Play one part and write its rows down. One that fails is told, leaves no record, and the next is played."""
    rows: list[Row] = []
    record.unlink(missing_ok=True)
    passed = True
    for scenario in parts()[part]:
        started = time.monotonic()
        try:
            made = scenario(stage)
        except (AssertionError, EngineError) as error:
            passed = False
            print(f"FAILED in {part}:\n{error}\n{traceback.format_exc(limit=-2)}", file=sys.stderr, flush=True)
            continue
        rows += made
        for row in made:
            print(f"{time.monotonic() - started:6.1f} s  {row.what}: {_outcome(row)}", flush=True)
    if passed:
        record.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    return passed


def _print(folder: Path, chosen: list[str]) -> None:
    rows = list(_rows(folder, chosen))
    print(f"\n{table(rows)}\n")
    engine = docker("version", "--format", "{{.Server.Version}}")
    print(
        f"deploy-test: {sum(row.requests for row in rows):,} requests in {len(rows)} scenarios on "
        f"{os.cpu_count()} cores ({platform.machine()}), Docker Engine {engine}."
    )


def _rows(folder: Path, chosen: Iterable[str]) -> Iterator[Row]:
    for part in chosen:
        path = folder / f"{part}.json"
        if path.exists():
            yield from (Row(**row) for row in json.loads(path.read_text(encoding="utf-8")))


def _outcome(row: Row) -> str:
    short = re.sub(r"127\.0\.0\.1:\d+/user/(\w+)@(sha256:[0-9a-f]{12})[0-9a-f]*", r"\1@\2", row.outcome)
    short = re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]+", r"\1", short).replace("|", "/").replace("`", "")
    return short if len(short) <= LONGEST_OUTCOME else short[:LONGEST_OUTCOME].rstrip() + " …"


def _killed_at(step: str) -> Scenario:
    return lambda stage: scenarios.killed_at(stage, step)


def _chosen(names: list[str]) -> list[str]:
    if unknown := set(names) - set(parts()):
        raise UsageError(f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(parts())}.")
    return names or list(parts())


def _image(build: Build) -> str:
    check_engine()
    image = read_json(build.stage("build") / "image.json", Image, "make build")
    if on_engine(image) is None:
        raise UsageError(f"{image.reference} is not on this engine. Run `make build` again.")
    return image.reference


if __name__ == "__main__":
    sys.exit(main())
