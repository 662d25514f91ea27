"""`build/drills/drills.json`: the faults that the drills planted, and whether a stage refused each one."""

from typing import Literal

from contracts.schema import Schema
from contracts.stage import StageName


class DrillRecord(Schema):
    """One drill. `exit`: -1 where the fault could not be planted. `expected_reason`: a regular expression."""

    name: str
    stage: StageName
    planted: str
    expected_exit: int
    exit: int
    expected_reason: str
    reason: str
    passed: bool
    seconds: float


class DrillRecords(Schema):
    """drills.json. `full`: whether the nightly drills ran too."""

    format_version: Literal[1] = 1
    full: bool
    seconds: float
    drills: tuple[DrillRecord, ...]
