"""`make release`, `make rollback-release`: the deploy and the rollback of a workflow.

With DEPLOY_HOST, this run's pushed image is deployed there, or that host is rolled back. Without it there is no
production: a release rehearses the rollout on the local engine, and a rollback only moves the champion.

Reads   DEPLOY_HOST and what `over_ssh.py` reads; build/image/pushed.json; CHAMPION, for the rehearsal
Writes  what `make deploy`, `make rollback` and `make rehearse` write; after a rollback what `make move-champion` writes
Exits   as these do · 2 no image to deploy or to roll back to
"""

import argparse
import os
import sys
from pathlib import Path

from contracts.exits import Exit, UsageError
from contracts.stage import Build
from deploy.champion import move
from deploy.command import run_command
from deploy.registry.pushed_image import pushed_reference
from deploy.registry.registry import check_digest_reference
from deploy.rollout import over_ssh, rehearse

NO_TARGET = "no target. The variable DEPLOY_HOST names one (docs/github.md)"


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--back-to", metavar="IMAGE", help="roll back to name@sha256:…")
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"), help="default: pipeline.toml")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    asked = parser.parse_args()
    return _release(asked) if asked.back_to is None else _roll_back(asked)


def _release(asked: argparse.Namespace) -> int:
    if not os.environ.get("DEPLOY_HOST"):
        print(f"release: {NO_TARGET}; this is a rehearsal.", flush=True)
        return rehearse.run(asked.config, Build(asked.build))
    try:
        image = pushed_reference(Build(asked.build))
    except UsageError as error:
        print(f"release: {error}", file=sys.stderr)
        return Exit.USAGE
    return _at_the_target("deploy", image, asked)


def _roll_back(asked: argparse.Namespace) -> int:
    if code := run_command("rollback-release", lambda: check_digest_reference(asked.back_to)):
        return code
    if not os.environ.get("DEPLOY_HOST"):
        print(f"rollback-release: {NO_TARGET}; the champion moves.", flush=True)
    elif failed := _at_the_target("rollback", asked.back_to, asked):
        return failed
    return run_command("move-champion", lambda: f"move-champion: {move.roll_back(Build(asked.build), asked.back_to)}")


def _at_the_target(action: str, image: str, asked: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "deploy", "rollout", action, "--image", image]
    return over_ssh.main([*command, "--config", str(asked.config), "--build", str(asked.build)], os.environ)
