"""Prints the digest under which this run's image is in the registry: what `make release` deploys to a host.

Reads   build/image/pushed.json
Exits   0 printed · 2 no image was pushed, so a host could not pull it
"""

import argparse
import sys
from pathlib import Path

from contracts.exits import Exit, UsageError
from contracts.image import PushedImage
from contracts.schema import read_json
from contracts.stage import Build
from deploy.command import run_command
from deploy.registry.registry import check_digest_reference


def pushed_reference(build: Build) -> str:
    """`name@sha256:…`. Raises UsageError."""
    path = build.stage("build") / "pushed.json"
    if not path.exists():
        raise UsageError(
            "DEPLOY_HOST names a target, but this run's image was pushed nowhere, so it could not be pulled there. "
            "Set the variable IMAGE_REPOSITORY too (docs/github.md)."
        )
    return check_digest_reference(read_json(path, PushedImage, "make publish-image").reference)


def main() -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    build = Build(parser.parse_args().build)
    return run_command("release", lambda: pushed_reference(build))


if __name__ == "__main__":
    sys.exit(main())
