"""`build/drills/drills.json`: which faults were planted, and how the stages that should refuse them answered."""

from typing import Literal

from contracts.schema import Schema
from contracts.stage import StageName


class DrillRecord(Schema):
    """One drill. `exit` is -1 where the fault could not be planted; `expected_reason` is a regular expression."""

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
    """drills.json. `full`: the nightly drills were among them."""

    format_version: Literal[1] = 1
    full: bool
    seconds: float
    drills: tuple[DrillRecord, ...]
