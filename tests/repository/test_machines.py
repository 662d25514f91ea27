"""A machine on which the repository cannot work is told so at the start, in one sentence."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("supported_machine", ROOT / "requirements" / "supported_machine.py")
assert SPEC is not None
assert SPEC.loader is not None
machine = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(machine)


@pytest.mark.parametrize(("system", "processor", "libc", "macos", "python", "said"), [
    ("Linux", "x86_64", ("glibc", "2.28"), "", (3, 11), ""),
    ("Linux", "aarch64", ("glibc", "2.41"), "", (3, 14), ""),
    ("Linux", "x86_64", ("glibc", "2.100"), "", (3, 11), ""),
    ("Linux", "x86_64", ("glibc", "2.17"), "", (3, 11), "glibc 2.17"),
    ("Linux", "x86_64", ("", ""), "", (3, 12), "musl"),
    ("Linux", "armv7l", ("glibc", "2.36"), "", (3, 12), "armv7l"),
    ("Linux", "x86_64", ("glibc", "2.36"), "", (3, 9), "Python 3.9"),
    ("Darwin", "arm64", ("", ""), "13.0", (3, 12), ""),
    ("Darwin", "arm64", ("", ""), "26.1", (3, 14), ""),
    ("Darwin", "arm64", ("", ""), "12.7.6", (3, 12), "macOS 12.7.6"),
    ("Darwin", "arm64", ("", ""), "15.1", (3, 11), "Python 3.11 on macOS"),
    ("Darwin", "x86_64", ("", ""), "15.1", (3, 12), "Intel"),
    ("Windows", "AMD64", ("", ""), "", (3, 12), "Windows"),
])  # fmt: skip
def test_a_machine_without_wheels_is_named(
    system: str, processor: str, libc: tuple[str, str], macos: str, python: tuple[int, int], said: str
) -> None:
    found = machine.complaint(system, processor, libc, macos, python)
    assert (said in found) if said else not found


def test_this_machine_is_one_that_works() -> None:
    assert machine.main() == 0


@pytest.mark.parametrize("target", ["help", "setup", "test"])
def test_a_make_without_shellflags_is_refused_before_anything_runs(target: str) -> None:
    asked = ["make", "--dry-run", ".FEATURES=target-specific order-only second-expansion else-if", target]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "required: 4 or newer. On macOS: `brew install make`" in done.stderr
    assert done.stdout == ""


def test_this_make_is_not_refused() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
