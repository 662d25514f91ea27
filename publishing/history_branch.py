"""`make fetch-history`, `make push-history`: the branch `history` as a folder, and back.

The branch shares no commit with the code. It holds what must outlive a run and its artifacts: small JSON for each run,
the champion, the count of evaluations on each holdout. If the remote has no such branch, this is a first run, and the
command says so. If the remote cannot be reached, the job ends: an unknown champion must never count as "none".

If the branch has moved, a push applies only its own changes on top. Counts of evaluations are merged; if both sides
changed any other file, the job ends.

Reads   the remote `origin`; for a private one GITHUB_TOKEN and GITHUB_SERVER_URL
Writes  HISTORY (replaced), and the count of evaluations into <build>/evaluations.json; or one commit on the branch
Exits   0 done (also where there is no branch yet) · 1 the remote does not answer, or refuses · 2 not a git checkout,
        or a branch that no job writes: too large, or a damaged count
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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from contracts.exits import Exit, UsageError
from publishing.evaluation_counts import COUNT, OLD_COUNT, DamagedCountError, counts_in, merged_counts, read_counts

BRANCH = "refs/heads/history"
# The branch's commit when it was fetched: a push builds on it.
FETCHED = "refs/gatehouse/history"
ATTEMPTS = 5
# What the branch may hold: ten times what jobs keep there (reports/site/history/folder.py, and the champion).
MOST_BYTES = 2_000_000_000
MOST_FILES = 100_000
# A file .gitattributes on the branch could change bytes on their way, or run a filter that this machine has.
AS_THEY_ARE = "* -text -ident -filter !eol !working-tree-encoding\n"
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

    def git(self, *arguments: str, index: Path | None = None, entered: str | None = None, **more: str) -> str:
        """Standard output, stripped. `more`: environment. Raises RemoteError."""
        environment = self.environment | ({"GIT_INDEX_FILE": str(index)} if index else {}) | more
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
        with self._as_they_are() as (index, repository):
            self.git("read-tree", commit, index=index)
            options = ("-c", "core.symlinks=false", f"--work-tree={folder.resolve()}")
            self.git(*options, "checkout-index", "--all", "--force", index=index, **repository)

    def tree_of(self, folder: Path) -> str:
        """Write the folder as a tree and return its id."""
        with self._as_they_are() as (index, repository):
            work_tree = f"--work-tree={folder.resolve()}"
            self.git(work_tree, "add", "--all", "--force", ".", index=index, **repository)
            return self.git("write-tree", index=index)

    @contextmanager
    def _as_they_are(self) -> Iterator[tuple[Path, dict[str, str]]]:
        """An index, and the environment of a repository with the checkout's objects that changes no file's bytes."""
        with tempfile.TemporaryDirectory() as scratch:
            repository = Path(scratch) / "repository"
            self.git("init", "--quiet", "--bare", "--template=", str(repository))
            (repository / "info").mkdir(exist_ok=True)
            (repository / "info" / "attributes").write_text(AS_THEY_ARE)
            objects = self.git("rev-parse", "--git-path", "objects")
            yield (
                Path(scratch) / "index",
                {"GIT_DIR": str(repository), "GIT_OBJECT_DIRECTORY": str((self.checkout / objects).resolve())},
            )

    def require_bounded(self, commit: str) -> None:
        """Raises UsageError where the branch has more files or bytes than jobs ever keep on it.

        A folder may be named many times by others, so that a small branch has files without end: the count stops.
        """
        command = ["git", "-C", str(self.checkout), "ls-tree", "-r", "-l", "--full-tree", commit]
        files = size = 0
        with subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE) as listing:
            for line in listing.stdout or ():
                files += 1
                said = line.split(b"\t", 1)[0].split()[-1]
                size += int(said) if said.isdigit() else 0
                if files > MOST_FILES or size > MOST_BYTES:
                    listing.kill()
                    raise UsageError(
                        f"The branch `history` has more than {MOST_FILES:,} files or {MOST_BYTES:,} bytes, and no "
                        "job keeps so much. Take out what does not belong to it, and push it again. It was not read.",
                        code="too-large",
                    )

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
        try:
            both = merged_counts(*(counts_in(self.git("cat-file", "blob", one)) for one in (theirs, ours)))
        except DamagedCountError as error:
            raise RemoteError(f"{COUNT} on the branch is damaged: {error}.") from None
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
    if commit:
        history.require_bounded(commit)
    history.unpack(commit, folder)
    counts = [path for path in (folder / OLD_COUNT, folder / COUNT) if path.exists()]
    if counts:
        counts += [evaluations] if evaluations.is_file() else []
        together = functools.reduce(merged_counts, map(read_counts, counts))
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
