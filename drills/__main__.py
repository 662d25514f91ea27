"""Plants each fault of drills/ in a copy of a healthy chain, and checks that the right stage refuses it.

A drill ends as planned if the stage, run by its own command, ends with the drill's exit code and gives the drill's
reason first. A drill fails if the stage refuses for another reason, or if the fault could not be planted.

Reads   drills/pipeline.toml: the flights, at the limits of the project's own pipeline.toml; drills/*/*.py
Writes  build/drills/drills.json and table.md (for a job summary); build/drills/scenes/: the copies that failed
Exits   0 every drill ended as planned · 3 one did not · 2 no such drill, or the healthy chain failed · 1 a crash
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
from drills.commands import CHECKOUT
from drills.drill import Drill, find_drills
from drills.healthy_chain import CONFIG, make_base, project_config
from drills.run import failures, run_all
from drills.scene import PlantError
from drills.table import BEGIN, END, listing, summary

HANDBOOK = CHECKOUT / "docs" / "drills.md"


def main() -> Exit:
    """The command `make drill`."""
    arguments = _parser().parse_args()
    found = find_drills()
    if arguments.write:
        copy_limits(CHECKOUT / "pipeline.toml")
        write_between(HANDBOOK, BEGIN, END, listing(found))
        return Exit.PASS
    drills = [one for one in chosen(found, arguments.only, full=arguments.full) if of_kind(one, arguments.timed)]
    if not drills:
        print(f"drill: there is no drill {arguments.only!r}. There are: {_names(found)}.", file=sys.stderr)
        return Exit.USAGE
    return drill_all(drills, arguments.build / "drills", full=arguments.full)


def copy_limits(config: Path) -> None:
    """Copy the project's pipeline.toml to drills/, if its source is the flights."""
    if load_config(config).data.source == load_config(CONFIG).data.source:
        CONFIG.write_text(project_config(config.read_text(encoding="utf-8")), encoding="utf-8")


def chosen(drills: Sequence[Drill], only: str, *, full: bool) -> list[Drill]:
    """The drills of every push, with `full` all drills; or those whose folder or name is in `only`, nightly or not."""
    if only:
        wanted = set(only.replace(",", " ").split())
        return [one for one in drills if wanted & {one.name, *one.name.split("/")}]
    return [one for one in drills if full or not one.nightly]


def of_kind(drill: Drill, timed: str) -> bool:
    """Whether the drill measures time (`timed` is "yes"), or does not ("no"); "" takes both."""
    return not timed or drill.runs_alone == (timed == "yes")


def drill_all(drills: Sequence[Drill], folder: Path, *, full: bool) -> Exit:
    """Make the healthy chain, run the drills, and write their records."""
    started = time.perf_counter()
    shutil.rmtree(folder, ignore_errors=True)
    try:
        base = make_base((folder / "base").resolve(), full=full)
    except PlantError as error:
        print(f"drill: the healthy chain that faults are planted in failed: {error}", file=sys.stderr)
        return Exit.USAGE
    print(f"made the healthy chain: {time.perf_counter() - started:.0f} s", flush=True)
    records = run_all(drills, base, folder.resolve(), _say)
    report = DrillRecords(full=full, seconds=round(time.perf_counter() - started, 1), drills=records)
    write_json(folder / "drills.json", report)
    (folder / "table.md").write_text(summary(report), encoding="utf-8")
    shutil.rmtree(base.root)
    failed = list(failures(records))
    print("\n".join(failed), file=sys.stderr, end="\n" if failed else "")
    passed = len(records) - len(failed)
    print(f"drill: {passed} of {len(records)} ended as planned in {report.seconds:.0f} s. See {folder / 'table.md'}.")
    return Exit.FINDING if failed else Exit.PASS


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
    parser.add_argument("--only", default="", help="names or folders of drills, separated by commas or spaces")
    parser.add_argument(
        "--full", action="store_true", help="the nightly drills too, on all rows and with the whole search"
    )
    parser.add_argument(
        "--timed", choices=("yes", "no"), default="", help="only drills that measure time, or only the others"
    )
    parser.add_argument(
        "--write", action="store_true", help="write docs/drills.md and drills/pipeline.toml, and run nothing"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
