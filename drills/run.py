"""Plants each fault, runs the stage that should refuse it, and compares exit code and reason."""

import re
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from contracts.drills import DrillRecord
from contracts.terminal.progress import progress
from drills.commands import Ended, make_stage
from drills.drill import Drill
from drills.healthy_chain import set_wide_limits
from drills.scene import PlantError, Scene, copy_of

SIDE_BY_SIDE = 2
NOT_RUN = -1
Say = Callable[[DrillRecord], None]


def run_all(drills: Sequence[Drill], base: Scene, folder: Path, say: Say) -> tuple[DrillRecord, ...]:
    """Run drills two at a time, then those that measure time one by one. Returns records in the order of `drills`."""
    lock = Lock()

    def one(drill: Drill) -> DrillRecord:
        record = run_one(drill, base, folder / "scenes" / drill.name.replace("/", "-"))
        with lock:
            shown.clear()
            say(record)
            ended.append(record)
            shown.at(len(ended))
        return record

    together = [drill for drill in drills if not drill.runs_alone]
    ended: list[DrillRecord] = []
    with progress("drills", len(drills)) as shown:
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            records = {record.name: record for record in pool.map(one, together)}
        records |= {drill.name: one(drill) for drill in drills if drill.runs_alone}
    return tuple(records[drill.name] for drill in drills)


def run_one(drill: Drill, base: Scene, root: Path) -> DrillRecord:
    """Run one drill on a copy of `base`. The copy is kept if the drill fails."""
    started = time.perf_counter()
    scene = copy_of(base, root)
    if drill.stage == "promote":
        set_wide_limits(scene)
    try:
        drill.plant(scene)
    except PlantError as error:
        ended = Ended(NOT_RUN, (f"not planted: {error}",))
    except Exception as error:  # whatever a plant raises, its drill has failed and the others run
        traceback.print_exc()
        ended = Ended(NOT_RUN, (f"not planted: {type(error).__name__}: {error}",))
    else:
        ended = make_stage(drill.stage, scene.config, scene.build, scene.environment)
    record = judge(drill, ended, time.perf_counter() - started)
    if record.passed:
        shutil.rmtree(root)
    return record


def judge(drill: Drill, ended: Ended, seconds: float) -> DrillRecord:
    """The drill's record: it passed if exit code and first reason are those that the drill names."""
    return DrillRecord(
        name=drill.name,
        stage=drill.stage,
        planted=drill.planted,
        expected_exit=drill.exit_code,
        exit=ended.exit_code,
        expected_reason=drill.reason,
        reason=ended.reasons[0],
        passed=ended.exit_code == drill.exit_code and re.search(drill.reason, ended.reasons[0]) is not None,
        seconds=round(seconds, 1),
    )


def failures(records: Sequence[DrillRecord]) -> Iterator[str]:
    """One paragraph for each drill that did not end as planned."""
    for one in records:
        if not one.passed:
            code = "was not run" if one.exit == NOT_RUN else f"ended with {one.exit}"
            yield (
                f"{one.name}: {one.stage} {code}, required {one.expected_exit}.\n"
                f"  planted:  {one.planted}\n  required: /{one.expected_reason}/\n  reason:   {one.reason}"
            )
