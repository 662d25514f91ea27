"""What binds this repository alone: its README, its tree and its workflows. Whoever adopts it deletes this file."""

import re

from contracts.stage import CHAIN
from publishing import outcome
from tests.repository import test_install_groups as groups
from tests.repository import test_workflows as workflows
from tests.repository.test_promises import ROOT, tracked, tree_of_the_readme


def test_the_readme_is_short_and_its_tree_is_whole() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130
    rooms = {f"{path.relative_to(ROOT).parts[0]}/" for path in tracked() if len(path.relative_to(ROOT).parts) > 1}
    assert {room for room in rooms if not room.startswith(".")} <= tree_of_the_readme()


def test_every_stage_of_the_chain_is_here_and_two_beside_it() -> None:
    assert CHAIN == ("data", "train", "evaluate", "build", "load-test", "drift")
    stages = [path for path in tracked("*.py") if "run_stage" in path.read_text() and path.parent.name != "contracts"]
    assert len([path for path in stages if "tests" not in path.parts]) >= len(CHAIN) + 2


def test_the_workflows_are_all_there() -> None:
    jobs = dict(workflows.all_jobs())
    assert len(jobs) >= 30
    assert len([job for job in jobs.values() if job.get("environment") == "production"]) == 2
    pinned = {action for path in workflows.FILES for action in re.findall(r"uses: ([\w./-]+)@", path.read_text())}
    assert len(pinned) >= 7
    found = set(workflows.jobs(workflows.GITHUB / "workflows" / "pipeline.yml"))
    assert found == outcome.CHAIN | outcome.ON_MAIN | outcome.MAY_WRITE | {"scope", "passed"}
    environments = {one for job in jobs.values() for one in workflows.environments(job)}
    assert environments == {"production", "docker-hub", "github-pages", "requests"}


def test_what_the_install_groups_see_is_what_is_there() -> None:
    """The control: a command's imports are found through our own modules, and inside functions."""
    assert len(groups.FOUND) >= 18
    assert {"skl2onnx", "onnxruntime", "sklearn"} <= groups.needed("train")
    assert "evidently" in groups.needed("drift")
    assert "locust" in groups.needed("load-test")
    assert not groups.brings({"service"}, "evidently")
    assert groups.needed("comment") & {"github", "pydantic"} == {"github", "pydantic"}
