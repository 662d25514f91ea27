"""`make forget`, after files were removed: takes out every line that names a file, a make target or a job that is gone.

Where it edits: the tables of commands in ROOM/__main__.py, the makefiles, the workflows, .ci/run, mypy's list of
folders, and the documents (rows, list items and lines of the README's tree go; a link in a sentence becomes its text).
It needs nothing but Python, and prints each line that it takes out, so that `git diff` holds no surprise.

Reads   the checkout, here; JOBS and TARGETS, names of workflow jobs and of make targets that shall go as well
Writes  these files
Exits   0 nothing is left that names what is gone
"""

import os
import re
from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path

from tests.adopting import documents, makefiles, workflows

EDITS: tuple[tuple[str, Callable[[Path, str], str]], ...] = (
    ("*/__main__.py", makefiles.table),
    ("Makefile", makefiles.targets),
    ("**/commands.mk", makefiles.targets),
    (".github/workflows/*.yml", workflows.jobs),
    (".ci/run", makefiles.script),
    ("pyproject.toml", makefiles.type_checked),
    (".github/CODEOWNERS", documents.owners),
    (".github/dependabot.yml", documents.updates),
    ("*.md", documents.document),
    ("docs/**/*.md", documents.document),
)


def forget(root: Path) -> int:
    """One pass over all files; returns how many changed. What one edit takes out may be what another one names."""
    changed = 0
    for pattern, edit in EDITS:
        for path in sorted(root.glob(pattern)):
            before = path.read_text(encoding="utf-8")
            after = edit(root, before) if path.suffix != ".md" else documents.document(path, before)
            if after != before:
                changed += 1
                report(path.relative_to(root), before, after)
                path.write_text(after, encoding="utf-8") if after else path.unlink()
    return changed


def report(path: Path, before: str, after: str) -> None:
    """The lines that went and came, as a diff without context."""
    lines = list(unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))
    print(f"{path}:", *(line for line in lines if not re.match(r"---|\+\+\+|@@", line)), sep="\n  ")


def main() -> None:
    workflows.ASKED.update(os.environ.get("JOBS", "").split())
    makefiles.ASKED.update(os.environ.get("TARGETS", "").split())
    while forget(Path.cwd()):
        pass


if __name__ == "__main__":
    main()
