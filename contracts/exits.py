"""Exit codes, the same for every stage: 0 pass, 3 a finding, 2 wrong usage or configuration, 1 a crash."""

from enum import IntEnum


class Exit(IntEnum):
    """What a stage tells the chain, which stops at anything but PASS."""

    PASS = 0
    CRASH = 1
    USAGE = 2
    FINDING = 3


class CodedError(Exception):
    """An error whose sentence a person reads. `code` names its cause, and stays where the sentence is rewritten."""

    def __init__(self, sentence: str, *, code: str = "") -> None:
        super().__init__(sentence)
        self.code = code


class UsageError(CodedError):
    """The person can fix it: a wrong key, a missing file, a stage run out of order. Ends in exit 2."""


class FindingError(CodedError):
    """The stage did its work and refuses what it was given: a table, an export, a model. Ends in exit 3."""


class OutsideError(CodedError):
    """What the work needs from outside did not do it: an engine, a registry. Ends in exit 1, without a traceback."""
