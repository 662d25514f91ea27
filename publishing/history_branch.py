"""`make fetch-history`, `make push-history`: the branch `history` as a folder, and back.

The branch shares no commit with the code. It holds what must outlive a run and its artifacts: small JSON for each run,
the champion, the count of evaluations on each holdout. If the remote has no such branch, this is a first run, and the
command says so. If the remote cannot be reached, the job ends: an unknown champion must never count as "none".

If the branch has moved, a push applies only its own changes on top. Counts of evaluations are merged; if both sides
changed any other file, the job ends.

Reads   the remote `origin`; for a private one GITHUB_TOKEN and GITHUB_SERVER_URL
Writes  HISTORY (replaced), and the count of evaluations into <build>/evaluations.json; or one commit on the branch
Exits   0 done (also where there is no branch yet) · 1 the remote does not answer, or refuses · 2 not a git checkout
"""

import argparse
import base64
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts.exits import Exit, UsageError

BRANCH = "refs/heads/history"
# The branch's commit when it was fetched: a push builds on it.
FETCHED = "refs/gatehouse/history"
COUNT = "evaluations.json"
# The file's earlier name; still read.
OLD_COUNT = "tries.json"
ATTEMPTS = 5
AUTHOR = {
    "GIT_AUTHOR_NAME": "github-actions[bot]",
    "GIT_AUTHOR_EMAIL": "41898282+github-actions[bot]@users.noreply.github.com",
}


class RemoteError(Exception):
    """A git command failed; the text has git's reason. Ends in exit 1."""


def _reason_in(said: str) -> str:
    """Why git failed: only the lines that it marks, without the advice after them."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ssh:", "!", "ERROR:"))]
    return " ".join(marked or lines) or "no reason given"


class History:
    """The branch `history`, in one checkout."""

    def __init__(self, checkout: Path, environment: Mapping[str, str]) -> None:
        self.checkout = checkout
        self.environment = git_environment(environment)

    def git(self, *arguments: str, index: Path | None = None, entered: str | None = None) -> str:
        """Standard output, stripped. Raises RemoteError."""
        environment = self.environment | ({"GIT_INDEX_FILE": str(index)} if index else {})
        done = subprocess.run(
            ["git", "-C", str(self.checkout), *arguments],
            env=environment, input=entered, capture_output=True, errors="surrogateescape", check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RemoteError(f"git {arguments[0]} ended with code {done.returncode}: {_reason_in(done.stderr)}")
        return done.stdout.strip()

    def fetch(self) -> str:
        """Fetch the branch's tip and return its commit; "" where the remote has no such branch. Raises RemoteError."""
        if not self.git("ls-remote", "origin", BRANCH):
            self.git("update-ref", "-d", FETCHED)
            return ""
        self.git("fetch", "--quiet", "--no-tags", "--depth=1", "origin", f"+{BRANCH}:{FETCHED}")
        return self.git("rev-parse", FETCHED)

    def unpack(self, commit: str, folder: Path) -> None:
        """Replace the folder with the commit's files; a symbolic link becomes a plain file that holds its target."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if not commit:
            return
        with tempfile.TemporaryDirectory() as scratch:
            index = Path(scratch) / "index"
            self.git("read-tree", commit, index=index)
            prefix = f"--prefix={folder.resolve()}/"
            self.git("-c", "core.symlinks=false", "checkout-index", "--all", "--force", prefix, index=index)

    def tree_of(self, folder: Path) -> str:
        """Write the folder as a tree and return its id."""
        with tempfile.TemporaryDirectory() as scratch:
            index = Path(scratch) / "index"
            work_tree = f"--work-tree={folder.resolve()}"
            self.git(work_tree, "add", "--all", "--force", ".", index=index)
            return self.git("write-tree", index=index)

    def files(self, tree: str) -> dict[str, str]:
        """Path and blob of each file in a tree or commit; empty for ""."""
        if not tree:
            return {}
        listed = self.git("ls-tree", "-r", "-z", "--full-tree", tree)
        entries = [line.split("\t", 1) for line in listed.split("\0") if line]
        return {path: about.split()[2] for about, path in entries}

    def merged_tree(self, base: str, ours: str, tip: str) -> str:
        """The tree of `tip` with the changes from `base` to `ours`. Raises RemoteError if both changed one file."""
        before, mine, theirs = self.files(base), self.files(ours), self.files(tip)
        with tempfile.TemporaryDirectory() as scratch:
            index = Path(scratch) / "index"
            self.git("read-tree", tip, index=index)
            for path in sorted(before.keys() | mine.keys()):
                if before.get(path) == mine.get(path) or mine.get(path) == theirs.get(path):
                    continue
                blob = mine.get(path)
                if theirs.get(path) != before.get(path):
                    blob = self._merged_blob(path, theirs.get(path), blob)
                if blob is None:
                    self.git("update-index", "--force-remove", "--", path, index=index)
                else:
                    self.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", index=index)
            return self.git("write-tree", index=index)

    def _merged_blob(self, path: str, theirs: str | None, ours: str | None) -> str:
        if path != COUNT or theirs is None or ours is None:
            raise RemoteError(f"the branch moved, and {path} was changed there too. Run the job again.")
        both = merged_counts(
            json.loads(self.git("cat-file", "blob", theirs)), json.loads(self.git("cat-file", "blob", ours))
        )
        return self.git("hash-object", "-w", "--stdin", entered=json.dumps(both, indent=2) + "\n")

    def push(self, folder: Path, message: str) -> str:
        """Push the folder as one commit; returns its id, "" if nothing changed. Raises RemoteError."""
        base = self._base()
        ours, tip = self.tree_of(folder), base
        for attempt in range(ATTEMPTS):
            tree = ours if tip == base else self.merged_tree(base, ours, tip)
            if tip and tree == self.git("rev-parse", f"{tip}^{{tree}}"):
                return ""
            commit = self.git("commit-tree", tree, *(["-p", tip] if tip else []), "-m", message)
            try:
                self.git("push", "--quiet", "origin", f"{commit}:{BRANCH}")
            except RemoteError:
                moved = self.git("ls-remote", "origin", BRANCH).partition("\t")[0]
                if moved == tip or attempt == ATTEMPTS - 1:
                    raise
                tip = self._fetch_tip()
                continue
            self.git("update-ref", FETCHED, commit)
            return commit
        raise RemoteError("unreachable")  # pragma: no cover

    def _base(self) -> str:
        try:
            return self.git("rev-parse", "--verify", "--quiet", FETCHED)
        except RemoteError:
            return ""

    def _fetch_tip(self) -> str:
        self.git("fetch", "--quiet", "--no-tags", "--depth=1", "origin", BRANCH)
        return self.git("rev-parse", "FETCH_HEAD")


def merged_counts(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Both counts of evaluations: theirs keep their numbers, ours come after. A function counts once on each holdout.

    A holdout keeps every sample of its rows: a run could otherwise be the first to name a holdout, with other rows, and
    evaluations on it would have no price where the holdout moves by a day.
    """
    holdouts = {holdout: list(evaluations) for holdout, evaluations in theirs.get("holdouts", {}).items()}
    for holdout, evaluations in ours.get("holdouts", {}).items():
        counted = holdouts.setdefault(holdout, [])
        known = {one["function"] for one in counted}
        counted.extend(one for one in evaluations if one["function"] not in known)
    rows = {holdout: list(samples) for holdout, samples in theirs.get("rows", {}).items()}
    for holdout, samples in ours.get("rows", {}).items():
        kept = rows.setdefault(holdout, [])
        kept.extend(one for one in samples if one not in kept)
    return {**theirs, "format_version": 2, "holdouts": holdouts, "rows": rows}


def git_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for git: the token as a header for its own server only, never as an argument, which a process
    list would show."""
    made = {**environment, **AUTHOR, "GIT_TERMINAL_PROMPT": "0"}
    made |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in AUTHOR.items()}
    if token := environment.get("GITHUB_TOKEN"):
        server = environment.get("GITHUB_SERVER_URL", "https://github.com")
        basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        made |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{server}/.extraheader",
            "GIT_CONFIG_VALUE_0": f"AUTHORIZATION: basic {basic}",
        }
    return made


def fetch_into(history: History, folder: Path, evaluations: Path) -> str:
    """Replace the folder, merge the counts of evaluations; returns what was fetched. Raises RemoteError, UsageError."""
    commit = history.fetch()
    history.unpack(commit, folder)
    counts = [path for path in (folder / OLD_COUNT, folder / COUNT) if path.is_file()]
    if counts:
        counts += [evaluations] if evaluations.is_file() else []
        together = functools.reduce(merged_counts, [json.loads(path.read_bytes()) for path in counts])
        evaluations.parent.mkdir(parents=True, exist_ok=True)
        evaluations.write_text(json.dumps(together, indent=2) + "\n", encoding="utf-8")
    if not commit:
        return "the remote has no branch `history` yet: this is a first run, without a champion."
    return f"{len(list(folder.rglob('*')))} files and folders of {commit[:12]} in {folder}."


def main(environment: Mapping[str, str] = os.environ, arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make fetch-history", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("direction", choices=["fetch", "push"])
    parser.add_argument("--history", type=Path, required=True, help="the folder")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    asked = parser.parse_args(arguments)
    history = History(Path.cwd(), environment)
    try:
        if asked.direction == "fetch":
            print(f"fetch-history: {fetch_into(history, asked.history, asked.build / COUNT)}")
            return Exit.PASS
        if not asked.history.is_dir():
            raise UsageError(f"{asked.history} is not there. Run `make fetch-history` first.")
        run = environment.get("GITHUB_RUN_ID", "")
        commit = history.push(asked.history, f"Record run {run}" if run else "Record a run on a laptop")
        print(f"push-history: {f'{commit[:12]} is on the branch' if commit else 'nothing changed'}.")
    except UsageError as error:
        print(f"{asked.direction}-history: {error}", file=sys.stderr)
        return Exit.USAGE
    except (RemoteError, ValueError) as error:
        print(f"{asked.direction}-history: {error}", file=sys.stderr)
        return Exit.CRASH
    return Exit.PASS
