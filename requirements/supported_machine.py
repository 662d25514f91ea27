"""Refuses, in one sentence, a machine for which a pinned package has no wheel; `make setup` runs it first.

Found by resolving requirements/dev.txt without builds for each platform. Where it is wrong about a machine, or a
compiler is to build what has no wheel: `make setup ANY_PLATFORM=1`.
"""

from __future__ import annotations

import platform
import sys

OLDEST_PYTHON = (3, 11)
LINUX_GLIBC = (2, 28)
MACOS = (13, 0)
PYTHON_OF_MACOS = (3, 12)
REQUIRED = (
    "Required: Linux with glibc 2.28 or newer (Debian 10, Ubuntu 20.04, RHEL 8) on x86_64 or arm64, or macOS 13 or "
    "newer on Apple silicon with Python 3.12 or newer. On any other machine, run it in a container or virtual machine "
    "of these, or try `make setup ANY_PLATFORM=1`, which builds with your compiler what has no wheel."
)


def complaint(system: str, machine: str, libc: tuple[str, str], macos: str, python: tuple[int, int]) -> str:
    """What is wrong with a machine, a Python for it included; nothing where every pinned package has a wheel.

    `libc`: name and version, as platform.libc_ver gives them; nothing on musl.
    """
    if python < OLDEST_PYTHON:
        return f"this is Python {python[0]}.{python[1]}, and 3.11 or newer is needed"
    if system == "Darwin":
        if machine != "arm64":
            return f"this is macOS on {machine} (Intel, or a Python for Intel)"
        if numbers(macos) < MACOS:
            return f"this is macOS {macos}"
        if python < PYTHON_OF_MACOS:
            return f"this is Python {python[0]}.{python[1]} on macOS"
        return ""
    if system != "Linux":
        return f"this is {system}"
    if machine not in ("x86_64", "aarch64"):
        return f"this is Linux on {machine}"
    name, version = libc
    if name != "glibc":
        return "this Linux has another C library than glibc (musl, as Alpine has it)"
    return f"this Linux has glibc {version}" if numbers(version) < LINUX_GLIBC else ""


def numbers(version: str) -> tuple[int, ...]:
    """The first two numbers of a version."""
    return tuple(int(part) for part in (*version.split("."), "0")[:2])


def main() -> int:
    """Check this machine; 2 where it is refused."""
    seen = complaint(
        platform.system(), platform.machine(), platform.libc_ver(), platform.mac_ver()[0], sys.version_info[:2]
    )
    if seen:
        print(f"Some pinned packages have no wheel for this machine: {seen}. {REQUIRED}", file=sys.stderr)
    return 2 if seen else 0


if __name__ == "__main__":
    sys.exit(main())
