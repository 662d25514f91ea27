"""What is said of a `docker` that failed: a stand-in that ends as the engine's own does."""

from pathlib import Path

import pytest

from deploy.engine import EngineError, docker

SAID = """\
#7 ERROR: process "/bin/sh -c pip install fastapi" did not complete successfully: exit code: 1
------
 > [2/3] RUN pip install fastapi:
0.139 Looking for it
12.50 No matching distribution found for fastapi
------
Dockerfile:4
--------------------
   4 | >>> RUN pip install fastapi
--------------------
ERROR: failed to solve: exit code: 1
"""
OF_THE_STEP = " The step said: Looking for it No matching distribution found for fastapi"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (SAID, f"`docker buildx build` ended with code 1: ERROR: failed to solve: exit code: 1{OF_THE_STEP}"),
        ("ERROR: no such file\n", "`docker buildx build` ended with code 1: ERROR: no such file"),
    ],
    ids=["a step of a build", "anything else"],
)
def test_a_failure_is_told_with_the_failed_steps_own_words(
    said: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "docker"
    stand_in.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{said}END\nexit 1\n", encoding="utf-8")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(EngineError) as raised:
        docker("buildx", "build")
    assert str(raised.value) == sentence
