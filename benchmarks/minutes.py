"""How long a push waits for its verdict on a free runner: `make bench PART=minutes` writes docs/benchmarks.md.

Runs and measures, in a clean clone, each job's set-up (`make setup GROUPS=…` with a cold package cache) and each
command of the chain. The critical path follows from these and the workflow's `needs`. "Before" are the earlier jobs
(nine in a row, each with everything installed), "now" the jobs of pipeline.yml. The text names every assumption.

    python -m benchmarks.minutes
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.document import machine, write_section

ROOT = Path(__file__).parents[1]
# Assumed of a hosted runner: to start a job, fetch its actions and check out; to move artifacts; to end a job.
START_SECONDS, MB_PER_SECOND = 20.0, 40.0
LIMIT_SECONDS = 8 * 60
# These wait for a clock or for the engine: wall-clock seconds count, even on a busy machine.
WAITS = {"build", "load-test", "publish-image", "fetch-image", "release"}
# With `--without-engine`: a build on two cores with nothing cached, a rehearsal, 450 MB saved, loaded or pushed.
ASSUMED = {"build": 90.0, "publish-image": 20.0, "fetch-image": 15.0, "release": 75.0, "move-champion": 2.0}
# The jobs before they were merged: each installed everything.
BEFORE: dict[str, tuple[list[str], list[str]]] = {
    "scope": ([], []),
    "train": (["scope"], ["data", "train"]),
    "evaluate": (["train"], ["evaluate"]),
    "image": (["evaluate"], ["build", "publish-image"]),
    "load-test": (["image"], ["fetch-image", "load-test"]),
    "drift": (["load-test"], ["drift"]),
    "report": (["drift"], ["report"]),
    "deploy": (["report"], ["fetch-image", "release", "move-champion"]),
    "passed": (["report", "deploy"], []),
}
CHAIN = [
    "data", "train", "evaluate", "build", "load-test", "drift", "publish-image", "report", "fetch-image", "release",
    "move-champion",
]  # fmt: skip


@dataclass(frozen=True)
class Job:
    """A job: the jobs it needs, what it installs and runs."""

    needs: list[str]
    groups: str
    commands: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench PART=minutes", description=__doc__)
    parser.add_argument("--without-engine", action="store_true", help="assume what an engine does")
    without_engine: bool = parser.parse_args().without_engine
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    with tempfile.TemporaryDirectory(prefix="minutes-") as folder:
        clone = clean_clone(Path(folder))
        now = jobs_now()
        before = {name: Job(needs, "dev" if commands else "", commands) for name, (needs, commands) in BEFORE.items()}
        groups = sorted({job.groups for job in [*now.values(), *before.values()] if job.groups})
        installs = {one: install(clone, one, Path(folder) / "cache", busy) for one in groups}
        subprocess.run(["make", "setup", "GROUPS=dev"], cwd=clone, check=True)
        commands = dict(run_chain(clone, busy, without_engine))
    assumed = ""
    if without_engine:
        assumed = f" No engine was at hand: {', '.join(ASSUMED)} are assumed."
    write_section("minutes", document(now, before, installs, commands, busy) + assumed)


def clean_clone(folder: Path) -> Path:
    """A clone whose remote has no branch `history`."""
    subprocess.run(["git", "clone", "--quiet", "--bare", str(ROOT), str(folder / "remote.git")], check=True)
    subprocess.run(["git", "-C", str(folder / "remote.git"), "update-ref", "-d", "refs/heads/history"], check=True)
    subprocess.run(["git", "clone", "--quiet", str(folder / "remote.git"), str(folder / "clone")], check=True)
    return folder / "clone"


def jobs_now() -> dict[str, Job]:
    """The jobs of pipeline.yml that have steps, and their commands."""
    document: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/pipeline.yml").read_text(encoding="utf-8"))
    found = {}
    for name, job in document["jobs"].items():
        if "steps" not in job:
            continue
        needs = job.get("needs", [])
        groups = next(step["with"].get("groups", "") for step in job["steps"] if step.get("uses", "").startswith("$/"))
        made = [step["run"].removeprefix("make ") for step in job["steps"] if "run" in step]
        found[name] = Job([needs] if isinstance(needs, str) else needs, groups, [one for one in made if one in CHAIN])
    return found


def install(clone: Path, groups: str, cache: Path, busy: bool) -> tuple[float, float]:
    """Seconds of `make setup GROUPS=…` without a cache, and MB that it downloaded."""
    subprocess.run(["rm", "-rf", str(cache), str(clone / ".venv")], check=True)
    seconds = measured(["make", "setup", f"GROUPS={groups}"], clone, busy, {"UV_CACHE_DIR": str(cache)})
    brought = subprocess.run(["du", "-sm", str(clone / ".venv")], capture_output=True, text=True, check=True).stdout
    return seconds, float(brought.split()[0])


def run_chain(clone: Path, busy: bool, without_engine: bool) -> Iterator[tuple[str, float]]:
    os.environ["TARGET"] = "process" if without_engine else "image"
    # A runner has built nothing before.
    os.environ["BUILD_OPTIONS"] = f"{os.environ.get('BUILD_OPTIONS', '')} --no-cache"
    subprocess.run(["make", "champion"], cwd=clone, env=os.environ | {"CHAMPION": "none"}, check=True)
    for command in CHAIN:
        print(f"minutes: make {command}", flush=True)
        if without_engine and command in ASSUMED:
            yield command, ASSUMED[command]
            continue
        yield command, measured(["make", command], clone, busy and command not in WAITS)


def measured(command: list[str], folder: Path, busy: bool, environment: Mapping[str, str] | None = None) -> float:
    """Seconds of a command that must succeed: wall-clock time, or CPU time on a busy machine."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=os.environ | dict(environment or {}), check=True, stdout=sys.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used if busy else time.perf_counter() - started


def seconds_of(job: Job, installs: Mapping[str, tuple[float, float]], commands: Mapping[str, float]) -> float:
    seconds, megabytes = installs.get(job.groups, (0.0, 0.0))
    return START_SECONDS + seconds + megabytes / MB_PER_SECOND + sum(commands[one] for one in job.commands)


def path_to(name: str, jobs: Mapping[str, Job], lasts: Mapping[str, float]) -> float:
    """Seconds from the push to the end of a job, along the longest path."""
    return lasts[name] + max((path_to(one, jobs, lasts) for one in jobs[name].needs if one in jobs), default=0.0)


def document(
    now: Mapping[str, Job], before: Mapping[str, Job], installs: Mapping[str, tuple[float, float]],
    commands: Mapping[str, float], busy: bool,
) -> str:  # fmt: skip
    """The section of docs/benchmarks.md."""
    last = {name: seconds_of(job, installs, commands) for name, job in now.items()}
    was = {name: seconds_of(job, installs, commands) for name, job in before.items()}
    kind = "seconds of the processors, for the machine was busy" if busy else "seconds of the wall"
    rows = [
        f"| {name} | {job.groups or '–'} | {', '.join(job.commands) or '–'} | {last[name]:.0f} |"
        for name, job in now.items()
    ]
    steps = ", ".join(f"{name} {seconds:.0f}" for name, seconds in commands.items())
    sizes = ", ".join(f"{groups} {seconds:.0f} s and {size:,.0f} MB" for groups, (seconds, size) in installs.items())
    ends = [
        f"| {what} | {path_to(job, before, was) / 60:.1f} | {path_to(job, now, last) / 60:.1f} |"
        for what, job in (
            ("push to verdict (`report`)", "report"),
            ("push to the end of a deploy (`passed`)", "passed"),
        )
    ]
    verdict = path_to("report", now, last)
    if verdict > LIMIT_SECONDS:
        print(
            f"minutes: {verdict / 60:.1f} minutes from push to verdict; required: {LIMIT_SECONDS / 60:.0f}.",
            file=sys.stderr,
        )
    return "\n".join([
        f"{machine()} Measured as {kind}.", "",
        "| minutes on a free runner | before | now |", "| --- | ---: | ---: |", *ends, "",
        "| job now | installs | runs | seconds |", "| --- | --- | --- | ---: |", *rows, "",
        f"Commands, in seconds: {steps}.", "",
        f"Set-up with a cold package cache: {sizes}. Assumed: {START_SECONDS:.0f} s to take a job up,",
        f"fetch its actions and check out; {MB_PER_SECOND:.0f} MB/s.",
        "Before, each of nine jobs in a row installed everything.",
    ])  # fmt: skip


if __name__ == "__main__":
    main()
