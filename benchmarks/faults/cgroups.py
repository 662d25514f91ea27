"""Limits processes to a share of a core, as a container engine does with `cpus`."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
# Short, so that a process that has used up its share does not pause for long; the least share is 1 ms.
PERIOD_US = 20_000


class NoShareError(Exception):
    """CPU shares need root and the kernel's cpu controller, which are missing here."""


@contextmanager
def share_of_a_core(pids: Sequence[int], cpus: float) -> Iterator[None]:
    """Give each of `pids` its own share. Raises NoShareError."""
    groups: list[Path] = []
    try:
        for pid in pids:
            groups.append(_group(pid, cpus))
        yield
    except OSError as error:
        raise NoShareError(str(error)) from None
    finally:
        for group in groups:
            for member in (group / "cgroup.procs").read_text().split():
                (group.parent / "cgroup.procs").write_text(member)
            group.rmdir()


def _group(pid: int, cpus: float) -> Path:
    quota = int(cpus * PERIOD_US)
    if (ROOT / "cgroup.controllers").exists():  # version 2
        (ROOT / "cgroup.subtree_control").write_text("+cpu")
        group = ROOT / f"torture-{os.getpid()}-{pid}"
        group.mkdir()
        (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        (group / "cpu.weight").write_text("10000")
    else:
        group = ROOT / "cpu" / f"torture-{os.getpid()}-{pid}"
        group.mkdir()
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(quota))
        (group / "cpu.shares").write_text("102400")
    (group / "cgroup.procs").write_text(str(pid))
    return group
