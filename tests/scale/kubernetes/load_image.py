"""The image of the load test's Jobs, with a small build folder, made by the command of docs/scale.md."""

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.engine import EngineError, NoEngineError, docker
from testbed.tiny_build import LOAD, PIPELINE_TOML, tiny_build
from tests.rollouts.arena import ROOT
from tests.scale.s3_server import skip

SECONDS, REQUESTS = 20, 2000
# How many requests the service has logged, in the master.
LOGGED = "cat /scratch/load-test/requests/predictions-*.jsonl 2>/dev/null | wc -l"


@contextmanager
def load_image(folder: Path) -> Iterator[str]:
    """The name of an image whose load test sends REQUESTS in SECONDS."""
    try:
        docker("version")
    except (EngineError, NoEngineError):
        skip("No container engine answers.")
    tiny_build(folder / "build")
    load = LOAD | {"seconds": float(SECONDS), "max_stall_ms": 5000.0}
    (folder / "pipeline.toml").write_text(PIPELINE_TOML + "".join(f"{key} = {value}\n" for key, value in load.items()))
    name = f"gatehouse-load:test-{secrets.token_hex(4)}"
    subprocess.run(
        ["make", "load-image", f"CONFIG={folder / 'pipeline.toml'}", f"BUILD={folder / 'build'}"],
        cwd=ROOT, env=os.environ | {"LOAD_IMAGE": name}, check=True,
    )  # fmt: skip
    try:
        yield name
    finally:
        docker("image", "rm", "--force", name)


def verdict_in(said: str) -> Any:
    """verdict.json, of the last lines of the master's log."""
    return json.loads(said[said.index("{\n") : said.rindex("}") + 1])
