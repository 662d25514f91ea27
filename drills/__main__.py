"""Plants every fault in drills/ into a copy, and shows that the stage which should refuse it does, for that reason.

A drill ends as planned where the stage, run by its own command, ends with the exit code that the drill names and gives
the reason that the drill names as its first. Refusing for another reason is no pass, and a fault that could not be
planted is a failure.

Reads   drills/pipeline.toml: the flights, at the limits of the project's own pipeline.toml; drills/*/*.py
Writes  build/drills/drills.json and table.md (for a job summary); build/drills/scenes/: the copies that failed
Exits   0 every drill ended as planned · 3 one did not · 2 no such drill, or no healthy chain to plant into · 1 a crash
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from contracts.drills import DrillRecord, DrillRecords
from contracts.exits import Exit
from contracts.outside.handbook import write_between
from contracts.pipeline_toml.reader import load_config
from contracts.schema import write_json
from drills.bases import CONFIG, as_the_project_has_it, make_base
from drills.commands import CHECKOUT
from drills.drill import Drill, find_drills
from drills.run import failures, run_all
from drills.scene import PlantError
from drills.table import BEGIN, END, listing, summary

HANDBOOK = CHECKOUT / "docs" / "drills.md"


def main() -> Exit:
    """The command `make drill`."""
    arguments = _parser().parse_args()
    found = find_drills()
    if arguments.write:
        follow_the_project(CHECKOUT / "pipeline.toml")
        write_between(HANDBOOK, BEGIN, END, listing(found))
        return Exit.PASS
    drills = [one for one in chosen(found, arguments.only, full=arguments.full) if of_kind(one, arguments.timed)]
    if not drills:
        print(f"drill: there is no drill {arguments.only!r}. There are: {_names(found)}.", file=sys.stderr)
        return Exit.USAGE
    return drill_all(drills, arguments.build / "drills", full=arguments.full)


def follow_the_project(config: Path) -> None:
    """Take over the limits of the project's pipeline.toml, as long as that names the flights."""
    if load_config(config).data.source == load_config(CONFIG).data.source:
        CONFIG.write_text(as_the_project_has_it(config.read_text(encoding="utf-8")), encoding="utf-8")


def chosen(drills: Sequence[Drill], only: str, *, full: bool) -> list[Drill]:
    """Those of every push, or all; or those whose room or name is in `only`, whenever they run."""
    if only:
        wanted = set(only.replace(",", " ").split())
        return [one for one in drills if wanted & {one.name, *one.name.split("/")}]
    return [one for one in drills if full or not one.nightly]


def of_kind(drill: Drill, timed: str) -> bool:
    """Whether a drill is one of those that measure time ("yes"), one of the others ("no"), or whichever ("")."""
    return not timed or drill.runs_alone == (timed == "yes")


def drill_all(drills: Sequence[Drill], folder: Path, *, full: bool) -> Exit:
    """Make the healthy chain, run the drills, write what was seen."""
    started = time.perf_counter()
    shutil.rmtree(folder, ignore_errors=True)
    try:
        base = make_base((folder / "base").resolve(), full=full)
    except PlantError as error:
        print(f"drill: there is no healthy chain to plant into: {error}", file=sys.stderr)
        return Exit.USAGE
    print(f"a healthy chain to plant into: {time.perf_counter() - started:.0f} s", flush=True)
    records = run_all(drills, base, folder.resolve(), _say)
    seen = DrillRecords(full=full, seconds=round(time.perf_counter() - started, 1), drills=records)
    write_json(folder / "drills.json", seen)
    (folder / "table.md").write_text(summary(seen), encoding="utf-8")
    shutil.rmtree(base.root)
    wrong = list(failures(records))
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    kept = len(records) - len(wrong)
    print(f"drill: {kept} of {len(records)} ended as planned in {seen.seconds:.0f} s. See {folder / 'table.md'}.")
    return Exit.FINDING if wrong else Exit.PASS


def _say(record: DrillRecord) -> None:
    mark = "as planned" if record.passed else "NOT AS PLANNED"
    print(f"{mark:<15} {record.name:<45} {record.stage} {record.exit:>2} {record.seconds:>6.1f} s", flush=True)


def _names(drills: Sequence[Drill]) -> str:
    return ", ".join(one.name for one in drills)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make drill", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    parser.add_argument("--only", default="", help="names or rooms of drills, with commas or spaces between them")
    parser.add_argument("--full", action="store_true", help="the nightly drills too, on the whole search")
    parser.add_argument("--timed", choices=("yes", "no"), default="", help="those that measure time, or the others")
    parser.add_argument("--write", action="store_true", help="write docs/drills.md and drills/pipeline.toml, and end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
