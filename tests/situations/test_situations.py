"""Every situation ends as was decided, and faults that were once there are seen when they are planted back."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.situations import queues
from tests.situations.catalogue import MEETINGS, SITUATIONS
from tests.situations.commands import Checkouts
from tests.situations.page import BEGIN, END, PAGE, render
from tests.situations.queues import Meeting
from tests.situations.run import Run, Simulation
from tests.situations.situation import Situation, listed
from tests.workflows.engine import ROOT, Engine


def differences(situation: Situation, run: Run) -> list[str]:
    """What is not as decided."""
    decided = situation.decided
    seen = {
        "ran": (set(run.ended("success")), listed(decided.ran)),
        "failed": (set(run.ended("failure")), listed(decided.failed)),
        "written": (set(run.written), listed(decided.written)),
    }
    return [
        f"{what}: {sorted(found)}, decided: {sorted(wanted)}"
        for what, (found, wanted) in seen.items()
        if found != wanted
    ]


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.name)
def test_a_situation_ends_as_was_decided(simulation: Simulation, situation: Situation) -> None:
    run = simulation.run(situation)
    assert run.triggered
    assert differences(situation, run) == []


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.name)
def test_nothing_hangs_on_whether_success_looks_past_a_call(
    engine: Engine, checkouts: Checkouts, situation: Situation
) -> None:
    """GitHub documents neither reading, so both must give the same."""
    assert differences(situation, Simulation(engine, checkouts, looks_past_the_call=False).run(situation)) == []


@pytest.mark.parametrize("situation", [one for one in SITUATIONS if one.stops], ids=lambda one: one.name)
def test_the_failed_jobs_of_any_workflow_run_again_do_what_a_run_without_the_fault_does(
    simulation: Simulation, situation: Situation
) -> None:
    again = simulation.run(replace(situation, stops={}, again=situation))
    whole = simulation.run(replace(situation, stops={}))
    assert again.ended("failure") == []
    assert {name: job.result for name, job in again.jobs.items()} == {
        name: job.result for name, job in whole.jobs.items()
    }
    assert set(again.written) | set(simulation.run(situation).written) == set(whole.written)


def test_every_workflow_that_starts_by_itself_has_situations_and_a_cost(engine: Engine) -> None:
    names = [path.name for path in (ROOT / ".github" / "workflows").glob("*.yml")]
    alone = {name for name in names if "workflow_call" not in engine.parse(f".github/workflows/{name}")[1]["on"]}
    assert {situation.workflow for situation in SITUATIONS} == alone
    costs = PAGE.read_text(encoding="utf-8").partition("## Cost")[2].partition("\n## ")[0]
    assert {name for name in alone if f"| `{name}`" not in costs} == set()


def test_what_was_verified_says_how_many() -> None:
    told = (ROOT / "docs" / "verified.md").read_text(encoding="utf-8")
    assert f"{len(SITUATIONS)} of {len(SITUATIONS)} as decided; {len(PLANTS)} planted faults" in told


def test_situations_have_a_name_each() -> None:
    names = [situation.name for situation in SITUATIONS]
    assert len(names) == len(set(names)) >= 40


@pytest.mark.parametrize("meeting", MEETINGS, ids=lambda one: one.name)
def test_runs_that_meet_do_what_was_decided(simulation: Simulation, meeting: Meeting) -> None:
    assert queues.outcome(simulation, meeting) == meeting.decided


PLANTS = {
    "braces around a folded condition": (
        "pipeline.yml", "      !cancelled() && needs.report.result",
        "      ${{ true && !cancelled() }} && needs.report.result",
    ),
    "success() left to look past the call": (
        "publish.yml", "if: ${{ !cancelled() && inputs.evaluations }}", "if: inputs.evaluations",
    ),
    "no run in a merge queue": ("pipeline.yml", "  merge_group:\n", ""),
    "a fork that may comment": (
        "pipeline.yml", "github.event.pull_request.head.repo.full_name == github.repository", "true",
    ),
    "a bot's pull request beside a right to write": ("pipeline.yml", "user.type != 'Bot'", "user.type != ''"),
    "a login without a user": ("pipeline.yml", "!inputs.as_of && vars.DOCKERHUB_USERNAME && ", "!inputs.as_of && "),
    "a retrain by hand that deploys": ("pipeline.yml", " && !inputs.as_of\n    runs-on", "\n    runs-on"),
    "a push from a branch": (
        "pipeline.yml", "github.ref == 'refs/heads/main' && !inputs.as_of && vars.DOCKERHUB", "vars.DOCKERHUB",
    ),
    "a verdict that asks for no result": (
        "pipeline.yml", "NEEDS: ${{ toJSON(needs) }}", "NEEDS: ${{ toJSON(needs.scope) }}",
    ),
    "an issue that a finding silences": (
        "drift.yml", "    needs: drift\n    if: ${{ !cancelled() }}\n", "    needs: drift\n",
    ),
    "a right that is missing": ("security.yml", "      issues: write # the issue\n", ""),
}  # fmt: skip


@pytest.mark.parametrize("plant", PLANTS)
def test_a_fault_that_is_planted_back_is_seen(tmp_path: Path, checkouts: Checkouts, plant: str) -> None:
    name, before, after = PLANTS[plant]
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    path = tmp_path / ".github" / "workflows" / name
    text = path.read_text()
    assert before in text, "the plant changes nothing"
    path.write_text(text.replace(before, after))
    workflows = {"publish.yml": "pipeline.yml"}.get(name, name)
    with Engine(tmp_path) as engine:
        readings = [Simulation(engine, checkouts, reading) for reading in (True, False)]
        met = [one for one in SITUATIONS if one.workflow == workflows]
        assert any(_seen(reading, situation) for situation in met for reading in readings)


def _seen(simulation: Simulation, situation: Situation) -> bool:
    run = simulation.run(situation)
    return not run.triggered or bool(differences(situation, run))


def test_the_handbook_shows_the_table(simulation: Simulation) -> None:
    shown = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == render(simulation), "run `make situations`"
