"""Replaces the real package on PYTHONPATH: the real one in all but `__main__`."""

from pathlib import Path

__path__.append(str(Path(__file__).resolve().parents[4] / "service"))
