"""Every workflow from its first job to its last by act, with the true sources of the actions that it uses.

    python -m tests.situations.act --actions FOLDER [--act PROGRAM] [--pythons FOLDER] [--logs FOLDER] [--job JOB] [RUN]

FOLDER has the actions as `owner/name`, each with its built `dist`. A container engine, a registry's program, Node, and
Python 3.13 in the folder of `--pythons` are needed. In GitHub's place stand an HTTP server that answers as its API
documents, the artifact service of artifact_server.py, a bare repository as the remote, and a registry on loopback.

What is not as on GitHub: workflows are written out in the forms that act knows (tests/workflows/written_out.py); the
repository is private, so that nothing is signed; no site is published; one job runs at a time, on one Python. ci.yml
and drills.yml run in part: the first test of each folder (tests/situations/cut.py), one drill, one deploy.

Reads   this checkout's last commit
Writes  a line for each run: how its jobs ended, and whether that is as decided (tests/situations/catalogue.py)
Exits   0 all as decided · 3 something was not · 2 a program, a Python or an action is missing
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from contracts.exits import Exit, UsageError
from tests.containers.conftest import free_port
from tests.situations.plays import PLAYS, Play
from tests.situations.situation import listed
from tests.situations.world import World, world
from tests.workflows.artifact_server import serving
from tests.workflows.artifact_store import ArtifactStore
from tests.workflows.repositories import ROOT
from tests.workflows.written_out import for_act

USED = re.compile(r"uses: ([\w-]+/[\w-]+)@([0-9a-f]{40})")
PYTHON = "3.13"
RUNNER = {"x86_64": "x64", "aarch64": "arm64"}


def main() -> Exit:
    parser = argparse.ArgumentParser(prog="python -m tests.situations.act", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--actions", type=Path, required=True, help="a folder with owner/name of each action")
    parser.add_argument("--act", default=shutil.which("act") or "", help="the program; else act on the PATH")
    parser.add_argument("--pythons", type=Path, default=Path.home() / ".pyenv/versions", help="X.Y.Z/bin/python each")
    parser.add_argument("--logs", type=Path, help="where to keep what act printed")
    parser.add_argument("--job", default="", help="only this job, and those that it needs")
    parser.add_argument("plays", nargs="*", metavar="RUN", help=f"of {', '.join(PLAYS)}; else all")
    given = parser.parse_args()
    try:
        actions = local_actions(given.actions)
        program = program_of(given.act)
        unknown = set(given.plays) - set(PLAYS)
        if unknown:
            raise UsageError(f"No such run: {', '.join(sorted(unknown))}. There are: {', '.join(PLAYS)}.")
        with tempfile.TemporaryDirectory(prefix="act-") as folder:
            tool_cache(given.pythons, Path(folder) / "cache")
            command = [program, *options(Path(folder), actions)]
            return run_all(Path(folder), command, given.plays or list(PLAYS), given.logs or Path(folder), given.job)
    except UsageError as error:
        print(error, file=sys.stderr)
        return Exit.USAGE


def run_all(folder: Path, command: list[str], names: list[str], logs: Path, job: str = "") -> Exit:
    """Each run in the order of PLAYS, for a later one needs what an earlier one pushed."""
    seen = []
    logs.mkdir(parents=True, exist_ok=True)
    with world(folder) as made:
        for name in PLAYS:
            if name in names:
                seen.append(run_one(made, name, command, logs / f"{name}{job and '-'}{job}.log", job))
    print(f"{sum(seen)} of {len(seen)} as decided")
    return Exit.PASS if all(seen) else Exit.FINDING


def run_one(made: World, name: str, command: list[str], log: Path, job: str = "") -> bool:
    """Run act once, and print how its jobs ended and what is not as decided."""
    play = PLAYS[name]
    event = play.prepare(made)
    workflow = made.checkout(name)
    for_act(workflow / ".github")
    path = made.folder / f"{name}.json"
    path.write_text(json.dumps(event.payload))
    values = [f"--var={key}={value}" for key, value in {**made.variables, **play.variables}.items()]
    # SHA_REF is act's own name for the commit; without it, it takes that of the folder in which it runs.
    told = {"GITHUB_RUN_ID": str(made.number), "SHA_REF": event.sha, "GITHUB_REF": event.ref}
    values += [f"--env={key}={value}" for key, value in (told | {"GITHUB_API_URL": made.github.url}).items()]
    store = ArtifactStore(made.folder / f"artifacts-{name}")
    with serving(store) as runtime, log.open("w", encoding="utf-8") as said:
        subprocess.run(
            [*command, play.situation.event, f"--workflows=.github/workflows/{play.situation.workflow}",
             f"--eventpath={path}", *([f"--job={job}"] if job else []), *values],
            cwd=workflow, env={**os.environ, **made.environment, **runtime, **play.environment},
            stdout=said, stderr=said, check=False,
        )  # fmt: skip
    ended = dict(results(log.read_text(encoding="utf-8"), workflow, play))
    wrong = differences(ended, play, job) if job else [*differences(ended, play), *play.check(made, store)]
    print(f"{name}: " + ", ".join(f"{job} {result}" for job, result in ended.items()), flush=True)
    for one in wrong:
        print(f"    {one}", flush=True)
    return not wrong


def results(log: str, workflow: Path, play: Play) -> Iterator[tuple[str, str]]:
    """Each job that ran and its result; those of a called workflow as `publish / record`."""
    text = (workflow / ".github" / "workflows" / play.situation.workflow).read_text(encoding="utf-8")
    for line in log.splitlines():
        if line.startswith("{") and '"jobResult"' in line:
            found = json.loads(line)
            own = re.search(rf"^  {re.escape(found['jobID'])}:$", text, re.M)
            yield found["jobID"] if own else f"publish / {found['jobID']}", found["jobResult"]


def differences(ended: dict[str, str], play: Play, only: str = "") -> list[str]:
    """What did not end as decided; of one job, where it was run alone."""
    wanted = {"success": listed(play.decided.ran), "failure": listed(play.decided.failed)}
    found = {result: {job for job, one in ended.items() if one == result} for result in wanted}
    if only:
        wanted = {result: jobs & {only} for result, jobs in wanted.items()}
        found = {result: jobs & {only} for result, jobs in found.items()}
    return [
        f"{result}: {sorted(found[result])}, decided: {sorted(jobs)}"
        for result, jobs in wanted.items()
        if found[result] != jobs
    ]


def local_actions(folder: Path) -> dict[str, Path]:
    """The place of each action that the workflows use, by `owner/name@commit`. Raises UsageError."""
    used = {
        match.groups() for path in sorted((ROOT / ".github").rglob("*.yml"))
        for match in USED.finditer(path.read_text(encoding="utf-8"))
    }  # fmt: skip
    places = {f"{name}@{commit}": folder / name for name, commit in sorted(used)}
    missing = [name for name, place in places.items() if not (place / "action.yml").exists()]
    needed = [name for name in missing if not name.startswith(("actions/attest", "actions/deploy-pages"))]
    if needed:
        raise UsageError(
            f"{folder} lacks {', '.join(needed)}: put each there as owner/name, with its action.yml and dist."
        )
    return {name: place.resolve() for name, place in places.items() if name not in missing}


def program_of(act: str) -> str:
    """Raises UsageError where a program is missing."""
    found = shutil.which(act) if act else None
    if found is None:
        raise UsageError("act is missing: go install github.com/nektos/act@v0.2.89, or name it with --act.")
    if shutil.which("node") is None:
        raise UsageError("Node is missing: the actions run on it. https://nodejs.org")
    return str(Path(found).resolve())


def tool_cache(pythons: Path, cache: Path) -> None:
    """What actions/setup-python looks for on a runner. Raises UsageError."""
    found = sorted(path for path in pythons.glob(f"{PYTHON}.*") if (path / "bin" / "python3").exists())
    if not found:
        raise UsageError(f"{pythons} has no Python {PYTHON}: the workflows install it. Name its folder with --pythons.")
    place = cache / "tool_cache" / "Python" / found[-1].name
    place.mkdir(parents=True)
    machine = RUNNER[platform.machine()]
    (place / machine).symlink_to(found[-1])
    (place / f"{machine}.complete").touch()


def options(folder: Path, actions: dict[str, Path]) -> list[str]:
    return [
        "--json", "--platform=ubuntu-latest=-self-hosted", "--no-skip-checkout", "--no-cache-server",
        "--concurrent-jobs=1", f"--matrix=python:{PYTHON}",
        "--secret=GITHUB_TOKEN=a-token", "--secret=DOCKERHUB_TOKEN=a-token",
        f"--action-cache-path={folder / 'cache'}",
        # Its own artifact service is not used, but only with one does it hand on where another one is.
        f"--artifact-server-path={folder / 'unused'}", "--artifact-server-addr=127.0.0.1",
        f"--artifact-server-port={free_port()}",
        *(f"--local-repository={name}={place}" for name, place in actions.items()),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
