"""The promises of .github: what it may do, what it pins, that its commands are those of the Makefile."""

import itertools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.stage import CHAIN
from publishing import outcome
from tests.repository.test_promises import ROOT, makefiles, tracked
from tests.workflows import written_out

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONS = sorted((GITHUB / "actions").glob("*/action.yml"))
FILES = [*WORKFLOWS, *ACTIONS]
BIN = Path(sys.executable).parent
JOBS_OF_THE_CHAIN = ["train", "image", "report"]
STAGES = [*CHAIN, "report"]


def names(paths: list[Path]) -> list[str]:
    return [path.parent.name if path.name == "action.yml" else path.name for path in paths]


def load(path: Path) -> dict[Any, Any]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = load(path)["jobs"]
    return found


def all_jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in jobs(path).items():
            yield f"{path.name}: {name}", job


def steps(path: Path) -> list[dict[str, Any]]:
    document = load(path)
    if "runs" in document:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job.get("steps", [])]


def targets() -> set[str]:
    return set(re.findall(r"^\.PHONY: (\S+)$", makefiles(), re.M))


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_a_workflow_is_written_in_blocks(path: Path) -> None:
    """A map in braces hides its keys; what is left is the right to nothing, `{}`, and expressions."""
    for line in path.read_text(encoding="utf-8").splitlines():
        plain = re.sub(r"'[^']*'", "", line.partition("#")[0].replace("${{", ""))
        assert not re.search(r"(?<!\$)\{(?![{}])", plain), line


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_a_step_has_a_name_unless_its_make_target_is_one(path: Path) -> None:
    assert [step for step in steps(path) if "run" not in step and not step.get("name")] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=names(WORKFLOWS))
def test_a_workflow_begins_without_any_right(path: Path) -> None:
    assert load(path)["permissions"] == {}


def test_every_job_has_a_name_a_time_limit_and_its_own_rights() -> None:
    for place, job in all_jobs():
        assert job.get("name"), place
        assert isinstance(job.get("permissions"), dict), place
        assert "uses" in job or isinstance(job.get("timeout-minutes"), int), place


@pytest.mark.parametrize("path", WORKFLOWS, ids=names(WORKFLOWS))
def test_every_right_is_given_a_reason(path: Path) -> None:
    granted = re.findall(r"^ +[a-z-]+: (?:read|write)\b.*$", path.read_text(encoding="utf-8"), re.M)
    assert granted
    assert [line for line in granted if not re.search(r" # \S", line)] == []


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_every_action_is_pinned_by_commit_with_its_version_beside(path: Path) -> None:
    for line in re.findall(r"uses: .*", path.read_text(encoding="utf-8")):
        assert re.match(r"uses: (?:\$/\.github/|[\w./-]+@[0-9a-f]{40}\b.* # v\d+\.\d+\.\d+$)", line), line


def test_an_action_has_one_version_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in FILES:
        for action, commit in re.findall(r"uses: ([\w./-]+)@([0-9a-f]{40})", path.read_text(encoding="utf-8")):
            pins.setdefault(action, set()).add(commit)
    assert {action: commits for action, commits in pins.items() if len(commits) > 1} == {}


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_every_command_is_one_make_target(path: Path) -> None:
    for step in steps(path):
        if "run" in step:
            command = re.fullmatch(r"make ([a-z-]+)", step["run"])
            assert command, step["run"]
            assert command[1] in targets(), step["run"]


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_nothing_is_put_into_a_command(path: Path) -> None:
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=names(WORKFLOWS))
def test_no_workflow_runs_code_of_a_fork_with_rights(path: Path) -> None:
    triggers = load(path)[True]
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(triggers)


def test_what_may_write_never_runs_code_or_an_action_of_a_pull_request() -> None:
    """`$/` is the pull request's merge commit, so beside a right to write there is none; the checkout is the base's."""
    found = []
    for path in WORKFLOWS:
        if "pull_request" not in load(path)[True] and "workflow_call" not in load(path)[True]:
            continue
        for name, job in jobs(path).items():
            writes = "write" in job["permissions"].values()
            if not writes or "steps" not in job or "refs/heads/main" in job.get("if", "").partition("!=")[0]:
                continue
            found.append(name)
            assert [step["uses"] for step in job["steps"] if step.get("uses", "").startswith(("$/", "./"))] == []
            first, *others = job["steps"]
            assert first["uses"].startswith("actions/checkout@"), name
            assert first["with"]["ref"].startswith("${{ github.event.pull_request.base.sha ||"), name
            assert first["with"]["persist-credentials"] is False, name
            assert [step for step in others if step.get("uses", "").startswith("actions/checkout@")] == [], name
    assert set(found) >= {"evaluations", "comment", "record"}


def test_what_may_write_is_called_for_no_bots_pull_request_but_our_own() -> None:
    condition = jobs(GITHUB / "workflows" / "pipeline.yml")["publish"]["if"]
    assert "github.event.pull_request.user.type != 'Bot'" in condition
    assert "github.event.pull_request.user.login == 'github-actions[bot]'" in condition


def test_a_secret_is_only_in_a_job_with_an_environment() -> None:
    for place, job in all_jobs():
        if "secrets." in yaml.safe_dump(job):
            assert job.get("environment"), place
        assert job.get("secrets") != "inherit", place


def test_production_is_never_cancelled() -> None:
    deploying = [job for _, job in all_jobs() if job.get("environment") == "production"]
    for job in deploying:
        assert job["concurrency"] == {"group": "production", "cancel-in-progress": False, "queue": "max"}
    for name in ("pipeline.yml", "ci.yml"):
        cancels = load(GITHUB / "workflows" / name)["concurrency"]["cancel-in-progress"]
        assert cancels == "${{ github.event_name == 'pull_request' }}"


@pytest.mark.parametrize("name", ["ci.yml", "pipeline.yml"])
def test_the_last_job_asks_every_other_for_its_result(name: str) -> None:
    found = jobs(GITHUB / "workflows" / name)
    last = found.pop("passed")
    assert set(last["needs"]) == set(found)
    assert last["if"] == "always()"
    assert last["steps"][-1]["env"] == {"NEEDS": "${{ toJSON(needs) }}"}


def test_only_known_jobs_may_be_skipped() -> None:
    found = set(jobs(GITHUB / "workflows" / "pipeline.yml"))
    assert set(JOBS_OF_THE_CHAIN) == outcome.CHAIN
    assert found <= outcome.CHAIN | outcome.ON_MAIN | outcome.MAY_WRITE | {"scope", "passed"}


def test_a_stage_waits_for_the_one_before_it_by_order_and_needs_alone() -> None:
    found = jobs(GITHUB / "workflows" / "pipeline.yml")
    for before, after in itertools.pairwise(JOBS_OF_THE_CHAIN[:-1]):
        assert found[after]["needs"] == before
        assert "if" not in found[after]
    ran = [step for job in JOBS_OF_THE_CHAIN for step in found[job]["steps"] if "run" in step]
    stages = [step for step in ran if step["run"].removeprefix("make ") in STAGES]
    assert [step["run"].removeprefix("make ") for step in stages] == STAGES
    assert [step for step in stages if {"if", "continue-on-error"} & set(step)] == []
    assert set(JOBS_OF_THE_CHAIN) <= set(found["deploy"]["needs"])
    assert not re.search(r"always|failure|cancelled", found["deploy"]["if"])


def test_nothing_is_pushed_that_was_not_loaded() -> None:
    commands = [step.get("run", "") for step in jobs(GITHUB / "workflows" / "pipeline.yml")["image"]["steps"]]
    stages = [one for one in commands if one.removeprefix("make ") in STAGES]
    assert commands.index("make publish-image") > max(commands.index(one) for one in stages)


def test_only_the_setup_action_installs_and_publish_which_uses_none() -> None:
    for path in WORKFLOWS:
        for step in steps(path):
            assert path.name == "publish.yml" or "actions/setup-" not in step.get("uses", ""), path.name
            assert path.name == "publish.yml" or step.get("run") not in ("make setup", "make programs"), path.name


def test_required_checks_are_the_last_jobs_by_name() -> None:
    ruleset = json.loads((GITHUB / "rulesets" / "main.json").read_text())
    checks = next(rule for rule in ruleset["rules"] if rule["type"] == "required_status_checks")
    named = {check["context"] for check in checks["parameters"]["required_status_checks"]}
    last = {jobs(GITHUB / "workflows" / name)["passed"]["name"] for name in ("ci.yml", "pipeline.yml")}
    assert named == last


def environments(job: dict[str, Any]) -> set[str]:
    """The environments that a job may run in, out of the expression that chooses one too."""
    given = job.get("environment", "")
    name = given["name"] if isinstance(given, dict) else given
    return set(re.findall(r"&& '([a-z-]+)'", name)) if "${{" in name else {name} - {""}


def test_the_handbook_names_every_variable_secret_and_environment() -> None:
    handbook = (ROOT / "docs" / "github.md").read_text(encoding="utf-8")
    text = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    named = set(re.findall(r"(?:vars|secrets)\.([A-Z0-9_]+)", text))
    named |= {one for _, job in all_jobs() for one in environments(job)}
    assert {name for name in named if f"`{name}`" not in handbook} == set()
    for workflow in WORKFLOWS:
        assert f"`{workflow.name}`" in handbook


def test_zizmors_strictest_persona_finds_nothing() -> None:
    done = subprocess.run(
        [BIN / "zizmor", "--persona=auditor", "--offline", "--format=json-v1", str(GITHUB)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout) == []


def test_nothing_hides_behind_an_anchor(tmp_path: Path) -> None:
    """Written out, zizmor misses the reasons beside the rights, for comments are lost, and finds nothing else."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for path in WORKFLOWS:
        (folder / path.name).write_text(written_out.without_anchors(written_out.load(path)))
    done = subprocess.run(
        [BIN / "zizmor", "--persona=auditor", "--offline", "--format=json-v1", tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert {finding["ident"] for finding in json.loads(done.stdout)} == {"undocumented-permissions"}


def test_no_finding_of_a_linter_is_ignored() -> None:
    for path in [*FILES, GITHUB / "dependabot.yml"]:
        assert not re.search(r"zizmor: *ignore|shellcheck disable|actionlint", path.read_text(encoding="utf-8"))
    names_of_settings = {"zizmor.yml", "zizmor.yaml", "actionlint.yaml", "actionlint.yml", ".actionlint.yaml"}
    assert {path.name for path in tracked()} & names_of_settings == set()


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.github-actions", ACTIONS),
        ("vendor.dependabot", [GITHUB / "dependabot.yml"]),
    ],
)
def test_github_files_fit_their_schema(schema: str, paths: list[Path]) -> None:
    done = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", schema, *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=names(WORKFLOWS))
def test_actionlint_finds_nothing(path: Path) -> None:
    """It does not know two forms yet. `./` names the same files as `$/`, and it checks their inputs too; `queue` in
    `concurrency` is left out, which the schema and GitHub's own parser know."""
    actionlint = shutil.which("actionlint") or shutil.which("actionlint", path=ROOT / ".tools")
    if actionlint is None:
        pytest.skip("no actionlint: `make workflow-check` builds it with Go")
    text = path.read_text(encoding="utf-8").replace("uses: $/", "uses: ./")
    text = re.sub(r"^ +queue: max\b.*\n", "", text, flags=re.M)
    done = subprocess.run(
        [actionlint, "-no-color", "-stdin-filename", path.relative_to(ROOT), "-"],
        input=text, capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
