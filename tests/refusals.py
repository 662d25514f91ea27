"""Refusals by their codes, so that a better sentence needs no changed test."""

from typing import TypeVar

import pytest

from contracts.exits import CodedError
from contracts.schema import read_json
from contracts.stage import Build, StageName, StageRecord

Kind = TypeVar("Kind", bound=CodedError)


def refuses(kind: type[Kind], code: str, *values: str) -> pytest.RaisesExc[Kind]:
    """An error of this kind with this code. Its sentence shows `values`: what was seen, what to type; no prose."""

    def is_it(error: Kind) -> bool:
        assert error.code == code, f"code {error.code!r}: {error}"
        assert [value for value in values if value not in str(error)] == [], str(error)
        return True

    return pytest.raises(kind, check=is_it)


def code_of(build: Build, stage: StageName) -> str:
    """The code of a stage that ran as a command and did not pass."""
    return read_json(build.stage(stage) / "stage.json", StageRecord, f"make {stage}").code
