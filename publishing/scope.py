"""`make scope`: does this run need the chain, or did only documents change?

A pull request is compared with its base. A push to main is compared with the commit in production, not with the push
before it, so that the next run includes a push whose run was cancelled or failed. If there is nothing to compare with
(no release yet, or the commit is gone), the whole chain runs.

The checkout has one commit. Only the other commit is fetched: fetching all would bring the whole branch `history`.

Reads   BASE (a pull request's base commit), FULL, GITHUB_OUTPUT, GITHUB_TOKEN; <HISTORY>/champion.json; git
Writes  chain=true or chain=false as an output of the step
Exits   0 decided · 2 not a git checkout
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from contracts.exits import Exit
from publishing.history_branch import git_environment

COMMIT = re.compile(r"[0-9a-f]{40}")


def is_document(path: str) -> bool:
    """Whether no stage reads this file: Markdown, pictures in docs/, exercises/. Any other file may matter."""
    return PurePosixPath(path).suffix == ".md" or path.startswith(("docs/", "exercises/")) or path == "LICENSE"


def needs_chain(changed: Sequence[str] | None) -> bool:
    """Whether the chain must run. None: the changes are unknown. An empty list, after a manual run or a revert, needs
    the chain, too."""
    return not changed or not all(is_document(path) for path in changed)


def base_commit(environment: Mapping[str, str], history: Path) -> str:
    """The commit to compare with, or "" if none can be trusted."""
    base = environment.get("BASE", "")
    if not base:
        try:
            base = str(json.loads((history / "champion.json").read_bytes())["commit"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""
    return base if COMMIT.fullmatch(base) else ""


def changed_files(base: str, environment: Mapping[str, str]) -> list[str] | None:
    """Paths that differ between `base` and the checkout; None if the remote does not have that commit."""
    known = subprocess.run(["git", "cat-file", "-e", f"{base}^{{commit}}"], capture_output=True, check=False)
    if known.returncode != 0:
        fetch = ["git", "fetch", "--quiet", "--no-tags", "--depth=1", "origin", base]
        subprocess.run(fetch, env=git_environment(environment), capture_output=True, check=False)
    done = subprocess.run(
        ["git", "diff", "--name-only", "--no-renames", "-z", base, "HEAD", "--"], capture_output=True, check=False
    )
    if done.returncode != 0:
        return None
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def main(environment: Mapping[str, str] = os.environ, arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make scope", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--history", type=Path, default=Path("build/history"))
    history = parser.parse_args(arguments).history
    if subprocess.run(["git", "rev-parse", "--verify", "HEAD"], capture_output=True, check=False).returncode != 0:
        print("scope: this is no git checkout with a commit.", file=sys.stderr)
        return Exit.USAGE
    by_hand = environment.get("FULL") == "true" or bool(environment.get("AS_OF"))
    base = "" if by_hand else base_commit(environment, history)
    changed = changed_files(base, environment) if base else None
    chain = needs_chain(changed)
    if output := environment.get("GITHUB_OUTPUT"):
        with Path(output).open("a", encoding="utf-8") as file:
            file.write(f"chain={'true' if chain else 'false'}\n")
    compared = f"{len(changed)} files differ from {base[:12]}" if changed is not None else "compared with nothing"
    print(f"scope: {'the whole chain' if chain else 'only documents'}; {compared}.")
    return Exit.PASS
