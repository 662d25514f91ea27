"""The commit that an image is made from, and its time: what SOURCE_DATE_EPOCH is, so that a rebuild is the same."""

import datetime as dt
import subprocess
from dataclasses import dataclass
from pathlib import Path

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Revision:
    """`commit`: 40 hex digits, with `-dirty` where tracked files are changed. `epoch`: seconds since 1970 in UTC."""

    commit: str
    epoch: int

    @property
    def created(self) -> str:
        """RFC 3339."""
        return dt.datetime.fromtimestamp(self.epoch, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def tag(self) -> str:
        return f"sha-{self.commit}"


def revision_of(checkout: Path) -> Revision:
    """The checkout's; `unknown` and 0 where there is no git."""
    try:
        head = _git(checkout, "rev-parse", "--verify", "HEAD")
        # A person may have git show signatures, which would stand before the number.
        epoch = int(_git(checkout, "log", "-1", "--no-show-signature", "--format=%ct"))
        changed = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return Revision(UNKNOWN, 0)
    return Revision(f"{head}-dirty" if changed else head, epoch)


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, check=True, capture_output=True, errors="replace").stdout.strip()
