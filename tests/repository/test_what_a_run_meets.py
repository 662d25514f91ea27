"""What no linter asks of .github: how artifacts travel and end, what is run again, who can merge, what is updated.

Each rule is shown to hold here, and to see the fault that it is named after when that is planted back.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.repository.test_promises import ROOT

ADMINISTRATOR = 5
Rule = Callable[[Path], Iterator[str]]


@cache
def parsed(text: str) -> dict[str, Any]:
    """A workflow, an action or dependabot.yml."""
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def steps(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step with the file that it is in, of workflows and of composite actions."""
    for path in sorted((root / ".github").glob("*/**/*.yml")):
        document = parsed(path.read_text(encoding="utf-8"))
        lists = [job.get("steps", []) for job in document.get("jobs", {}).values()] or [document["runs"]["steps"]]
        yield from ((path.relative_to(root).as_posix(), step) for every in lists for step in every)


def jobs(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every job with the workflow that it is in."""
    for path in sorted((root / ".github" / "workflows").glob("*.yml")):
        document = parsed(path.read_text(encoding="utf-8"))
        yield from ((path.relative_to(root).as_posix(), job) for job in document["jobs"].values())


def using(root: Path, action: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """`with` of each step that uses it."""
    return ((path, step.get("with", {})) for path, step in steps(root) if step.get("uses", "").startswith(f"{action}@"))


def one_artifact_is_unpacked_as_several(root: Path) -> Iterator[str]:
    """download-artifact makes a folder for each of several and none for one alone, unless it merges."""
    for path, given in using(root, "actions/download-artifact"):
        if given.get("merge-multiple") is not True:
            yield f"{path}: a download that does not merge"
    for path, given in using(root, "actions/upload-artifact"):
        if len(given["path"].splitlines()) < 2:
            yield f"{path}: an upload of one path, which becomes the artifact's top"


def every_artifact_ends(root: Path) -> Iterator[str]:
    """Without `retention-days` it is kept for 90, of which a private repository pays each."""
    for path, given in using(root, "actions/upload-artifact"):
        if "retention-days" not in given:
            yield f"{path}: an upload without retention-days"


def what_a_refusal_wrote_is_kept(root: Path) -> Iterator[str]:
    """A step after one that failed does not run unless it says so; then the report of a refusal knows of no stage."""
    for path, step in steps(root):
        kept = step.get("with", {}).get("name", "")
        # The packed image is for a deploy, and a rollback that failed put nothing into production.
        is_kept = step.get("uses") == "$/.github/actions/keep" and kept not in ("packed-image", "rollback")
        if is_kept and step.get("if") != "always()":
            yield f"{path}: {kept} is kept on success alone"


def pages_can_be_deployed_again(root: Path) -> Iterator[str]:
    """Pages wants one artifact of the name, over all attempts of a run."""
    uploads = [given.get("name", "") for _, given in using(root, "actions/upload-pages-artifact")]
    deploys = [given.get("artifact_name", "") for _, given in using(root, "actions/deploy-pages")]
    if uploads != deploys or not all("github.run_attempt" in name for name in uploads):
        yield f"Pages gets {uploads} and deploys {deploys}"


def who_waits_is_not_replaced(root: Path) -> Iterator[str]:
    """Jobs of several runs that share a group: without a queue the third cancels the second, whose run is then red."""
    for path, job in jobs(root):
        group = job.get("concurrency", {})
        if group and (group.get("cancel-in-progress") is not False or group.get("queue") != "max"):
            yield f"{path}: the group {group['group']} keeps one waiting"


def the_night_runs_every_drill(root: Path) -> Iterator[str]:
    """A workflow that starts by itself plants those faults, too, that take all rows."""
    full = [path for path, step in steps(root) if step.get("run") == "make drill" and step.get("env", {}).get("FULL")]
    scheduled = [path for path in full if "schedule:" in (root / path).read_text(encoding="utf-8")]
    if not scheduled:
        yield "no scheduled workflow runs make drill with FULL"


def the_bill_of_materials_is_signed(root: Path) -> Iterator[str]:
    signed = list(using(root, "actions/attest"))
    if signed and not any(given.get("sbom-path") for _, given in signed):
        yield "an image is signed, and its bill of materials is not"


def one_commit_is_fetched(root: Path) -> Iterator[str]:
    """With `fetch-depth: 0` a checkout brings the whole branch `history`, with each report that was pruned."""
    for path, given in using(root, "actions/checkout"):
        if "fetch-depth" in given:
            yield f"{path}: a checkout of more than one commit"


def what_may_write_takes_its_steps_from_the_base(root: Path) -> Iterator[str]:
    """`$/` is the pull request's merge commit, with whatever it made of an action and of its version."""
    for path, job in jobs(root):
        called = path.endswith("publish.yml")
        if called and any(step.get("uses", "").startswith(("$/", "./")) for step in job.get("steps", [])):
            yield f"{path}: {job['name']} takes steps from the pull request"


def no_job_starts_runs(root: Path) -> Iterator[str]:
    """A pull request that the workflow's token opens starts its runs by itself, since June 2026."""
    for path, job in jobs(root):
        if "actions" in job.get("permissions", {}):
            yield f"{path}: {job['name']} may start workflows"


def an_owner_alone_can_merge(root: Path) -> Iterator[str]:
    """Whoever asks for another person's approval lets administrators merge by pull request."""
    ruleset = json.loads((root / ".github" / "rulesets" / "main.json").read_text(encoding="utf-8"))
    asks = [rule["parameters"]["required_approving_review_count"] for rule in ruleset["rules"]
            if rule["type"] == "pull_request"]  # fmt: skip
    may = [(one["actor_id"], one["bypass_mode"]) for one in ruleset.get("bypass_actors", [])]
    if any(asks) and (ADMINISTRATOR, "pull_request") not in may:
        yield f"main asks for {asks[0]} approval, and no administrator may merge without"


def dependabot_sees_every_action(root: Path) -> Iterator[str]:
    """Of composite actions it reads those in the folders that it is told."""
    told = parsed((root / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    folders = [folder for one in told if one["package-ecosystem"] == "github-actions" for folder in one["directories"]]
    for path in sorted((root / ".github" / "actions").glob("*/action.yml")):
        place = f"/{path.parent.relative_to(root).as_posix()}"
        if not any(fnmatchcase(place, folder) for folder in folders):
            yield f"Dependabot does not look into {place}"


def dependabot_sees_the_base_image(root: Path) -> Iterator[str]:
    """It reads FROM lines that name an image, and none that names a build argument."""
    lines = re.findall(r"(?m)^FROM (\S+)", (root / "Dockerfile").read_text(encoding="utf-8"))
    if not any(re.fullmatch(r"[a-z][\w./-]*:[\w.-]+@sha256:[0-9a-f]{64}", line) for line in lines):
        yield f"no FROM line names an image with tag and digest: {lines}"


PLANTS: dict[str, tuple[Rule, str, str, str]] = {
    "a rollback's one artifact loses its folder": (
        one_artifact_is_unpacked_as_several, ".github/workflows/publish.yml",
        "merge-multiple: true # each contains its own folder (see the action keep)", "merge-multiple: false",
    ),
    "a job's one folder becomes the top": (
        one_artifact_is_unpacked_as_several, ".github/actions/keep/action.yml",
        "build/attempts/${{ inputs.name }}\n          ${{ inputs.paths }}", "${{ inputs.paths }}",
    ),
    "an image is kept for 90 days": (
        every_artifact_ends, ".github/actions/keep/action.yml",
        "        retention-days: ${{ inputs.between-jobs == 'true' && '1' || '7' }}\n", "",
    ),
    "refused data reaches no report": (
        what_a_refusal_wrote_is_kept, ".github/workflows/pipeline.yml",
        "        if: always()\n        with:\n          name: train\n", "        with:\n          name: train\n",
    ),
    "a site that waits is cancelled": (
        who_waits_is_not_replaced, ".github/workflows/publish.yml",
        "      queue: max # by default a newer run replaces the one that waits, which then fails\n", "",
    ),
    "no night for the slow drills": (
        the_night_runs_every_drill, ".github/workflows/drills.yml", '        env:\n          FULL: "1"\n', "",
    ),
    "a bill of materials that nobody signed": (
        the_bill_of_materials_is_signed, ".github/workflows/pipeline.yml",
        "          sbom-path: build/image/sbom.json\n", "",
    ),
    "the whole history is fetched": (
        one_commit_is_fetched, ".github/actions/setup/action.yml",
        "        persist-credentials: false\n", "        persist-credentials: false\n        fetch-depth: 0\n",
    ),
    "an action of the pull request beside a right to write": (
        what_may_write_takes_its_steps_from_the_base, ".github/workflows/publish.yml",
        "      - run: make comment\n", "      - uses: $/.github/actions/setup\n      - run: make comment\n",
    ),
    "a retrain that starts its runs itself": (
        no_job_starts_runs, ".github/workflows/drift.yml",
        "      pull-requests: write # its pull request\n",
        "      pull-requests: write # its pull request\n      actions: write # its run\n",
    ),
    "a site can be deployed once": (
        pages_can_be_deployed_again, ".github/workflows/publish.yml", "-${{ github.run_attempt }}", "",
    ),
    "an owner alone cannot merge": (
        an_owner_alone_can_merge, ".github/rulesets/main.json", '"actor_id": 5', '"actor_id": 4',
    ),
    "an action that is never updated": (
        dependabot_sees_every_action, ".github/dependabot.yml", "/.github/actions/*", "/.github/actions/setup",
    ),
    "a base image that is never updated": (
        dependabot_sees_the_base_image, "Dockerfile", "FROM python:", "FROM ${PYTHON_IMAGE}#",
    ),
}  # fmt: skip
# What a project took out cannot be planted back (docs/adopting.md).
if not list(using(ROOT, "actions/deploy-pages")):
    del PLANTS["a site can be deployed once"], PLANTS["a site that waits is cancelled"]
PLANTS = {name: plant for name, plant in PLANTS.items() if (ROOT / plant[1]).exists()}
RULES = dict.fromkeys(rule for rule, *_ in PLANTS.values())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_holds_here(rule: Rule) -> None:
    assert list(rule(ROOT)) == []


@pytest.mark.parametrize("plant", PLANTS)
def test_a_fault_that_is_planted_back_is_seen(tmp_path: Path, plant: str) -> None:
    rule, name, before, after = PLANTS[plant]
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    shutil.copy(ROOT / "Dockerfile", tmp_path)
    path = tmp_path / name
    text = path.read_text(encoding="utf-8")
    assert before in text, "the plant changes nothing"
    path.write_text(text.replace(before, after), encoding="utf-8")
    assert list(rule(tmp_path))
    assert not any(list(other(tmp_path)) for other in RULES if other is not rule), "another rule sees it, too"
