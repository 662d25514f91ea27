"""What a workflow does in a situation: its jobs in the order of `needs`, each condition decided by GitHub's engine.

Rules that are GitHub's service and no expression are here, each with where it is documented:

- `success()` of a job is true where every job before it, however far back, succeeded; a skipped one did not
  (docs: "a failure or skip applies to all jobs in the dependency chain"; actions/runner issues 491 and 2205).
- Whether a called workflow's jobs look past the call is documented nowhere, so `looks_past_the_call` tries both.
- A called workflow whose jobs were all skipped is skipped; its rights are at most the caller's.
- A fork's pull request has a token that reads, no secrets and no variables (docs: events, `pull_request`).
- A step whose right is missing ends with an error: GitHub answers 403.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from tests.situations.commands import Checkouts
from tests.situations.situation import NAME, Situation
from tests.workflows.engine import Engine, Status, text

LIMIT = {"read": 1, "write": 2}
# What a step leaves outside of its run, and the right that it needs for that.
LEAVES = {
    "make push-history": ("history", "contents"),
    "make comment": ("comment", "pull-requests"),
    "make drift-issue": ("issue", "issues"),
    "make security-issue": ("issue", "issues"),
    "make retrain-pr": ("pull request", "pull-requests"),
    "actions/attest": ("signature", "attestations"),
    "actions/deploy-pages": ("site", "pages"),
}
# Nothing new is pushed unless one of these ran in the job before.
CHANGES_HISTORY = {
    "make scheduled-drift",
    "make count-evaluations",
    "make history",
    "make record-champion",
    "make retrain",
}
FOUND = 3


@dataclass
class Job:
    """One job as it ended. `result` is GitHub's word: success, failure, cancelled or skipped."""

    result: str
    rights: dict[str, str] = field(default_factory=dict)
    environment: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    of_earlier_attempt: bool = False


@dataclass
class Run:
    """All jobs by name; those of a called workflow as `publish / site`."""

    triggered: bool
    jobs: dict[str, Job] = field(default_factory=dict)

    def ended(self, result: str) -> list[str]:
        """The jobs of this attempt that ended so, without the calls themselves."""
        calls = {name.split(" / ")[0] for name in self.jobs if " / " in name}
        return [name for name, job in self._new().items() if job.result == result and name not in calls]

    @property
    def written(self) -> list[str]:
        return sorted({one for job in self._new().values() for one in job.written})

    def _new(self) -> dict[str, Job]:
        return {name: job for name, job in self.jobs.items() if not job.of_earlier_attempt}


class Simulation:
    """Runs situations on the workflows of one repository."""

    def __init__(self, engine: Engine, checkouts: Checkouts, looks_past_the_call: bool = True) -> None:
        self.engine, self.checkouts, self.looks_past_the_call = engine, checkouts, looks_past_the_call
        self.parsed: dict[str, dict[str, Any]] = {}
        self.kept: dict[str, Job] = {}

    def workflow(self, path: str) -> dict[str, Any]:
        if path not in self.parsed:
            errors, self.parsed[path] = self.engine.parse(path)
            assert not errors, errors
        return self.parsed[path]

    def run(self, situation: Situation) -> Run:
        """The whole run of one situation."""
        workflow = self.workflow(f".github/workflows/{situation.workflow}")
        if not _triggers(workflow["on"], situation):
            return Run(triggered=False)
        contexts = _contexts(situation)
        contexts["env"] = self.engine.value(workflow.get("env", {}), contexts)
        run = Run(triggered=True)
        self.kept = self._kept(situation)
        for name, job in self._jobs(situation, workflow, contexts, limit=None):
            run.jobs[name] = job
        return run

    def queue(self, situation: Situation) -> dict[str, Any]:
        """The workflow's `concurrency`: group, cancel-in-progress, queue."""
        written = self.workflow(f".github/workflows/{situation.workflow}")["concurrency"]
        queue: dict[str, Any] = self.engine.value(written, _contexts(situation))
        return queue

    def _kept(self, situation: Situation) -> dict[str, Job]:
        """What "Re-run failed jobs" does not run again: what did not fail, and waits for nothing that did."""
        if situation.again is None:
            return {}
        first, kept = self.run(situation.again), {}
        for path, prefix in ((situation.workflow, ""), ("publish.yml", "publish / ")):
            written = self.workflow(f".github/workflows/{path}")["jobs"]
            needs = {name: _listed(job.get("needs", [])) for name, job in written.items()}
            for name in needs:
                waits_for = {prefix + one for one in _ancestors(name, needs)} | {prefix + name}
                results = {first.jobs[one].result for one in waits_for if one in first.jobs}
                if prefix + name in first.jobs and "failure" not in results and (not prefix or "publish" in kept):
                    kept[prefix + name] = replace(first.jobs[prefix + name], of_earlier_attempt=True)
        return kept

    def _jobs(
        self, situation: Situation, workflow: dict[str, Any], contexts: dict[str, Any],
        limit: Mapping[str, str] | None, before: Status | None = None,
    ) -> Iterator[tuple[str, Job]]:  # fmt: skip
        written: dict[str, Any] = workflow["jobs"]
        needs = {name: _listed(job.get("needs", [])) for name, job in written.items()}
        done: dict[str, Job] = {}
        for name in TopologicalSorter(needs).static_order():
            ancestors = [done[one].result for one in _ancestors(name, needs)]
            status = _status(ancestors, before)
            seen = {one: {"result": done[one].result, "outputs": done[one].outputs} for one in needs[name]}
            here = contexts | {"needs": seen}
            if name in self.kept:
                done[name] = self.kept[name]
            elif not self.engine.holds(written[name]["if"], here, status):
                done[name] = Job("skipped")
            elif "uses" in written[name]:
                called = dict(self._call(situation, written[name], here, status))
                yield from ((f"{name} / {inner}", job) for inner, job in called.items())
                done[name] = Job(_result_of_call([job.result for job in called.values()]))
            else:
                done[name] = self._job(situation, name, written[name], here, limit)
            yield name, done[name]

    def _call(
        self, situation: Situation, job: dict[str, Any], contexts: dict[str, Any], status: Status
    ) -> Iterator[tuple[str, Job]]:
        called = self.workflow(job["uses"].removeprefix("$/"))
        declared = called["on"]["workflow_call"]["inputs"]
        inputs: dict[str, Any] = {name: False if one["type"] == "boolean" else "" for name, one in declared.items()}
        given = self.engine.value(job.get("with", {}), contexts)
        inner = {key: value for key, value in contexts.items() if key not in ("needs", "env")}
        inner["inputs"] = inputs | given
        inner["env"] = self.engine.value(called.get("env", {}), inner)
        yield from self._jobs(
            situation, called, inner, job["permissions"], status if self.looks_past_the_call else None
        )

    def _job(
        self, situation: Situation, name: str, job: dict[str, Any], contexts: dict[str, Any],
        limit: Mapping[str, str] | None,
    ) -> Job:  # fmt: skip
        environment = self.engine.value(job.get("environment", ""), contexts | {"steps": {}}) or ""
        if isinstance(environment, dict):
            environment = environment["name"]
        made = Job("success", _rights(situation, job["permissions"], limit), str(environment))
        matrix = job.get("strategy", {}).get("matrix", {})
        contexts = contexts | {
            "github": contexts["github"] | {"job": name},
            "steps": {},
            "matrix": {key: values[0] for key, values in matrix.items()},
            "secrets": situation.secrets(str(environment)),
        }
        contexts["env"] = contexts["env"] | self.engine.value(job.get("env", {}), contexts)
        self._steps(situation, made, job["steps"], contexts)
        made.outputs = self.engine.value(job.get("outputs", {}), contexts)
        return made

    def _steps(self, situation: Situation, job: Job, steps: list[dict[str, Any]], contexts: dict[str, Any]) -> None:
        for step in steps:
            status = Status(success=job.result == "success", failure=job.result == "failure")
            here = contexts | {"env": contexts["env"] | self.engine.value(step.get("env", {}), contexts)}
            if not self.engine.holds(step["if"], here, status):
                continue
            given = self.engine.value(step.get("with", {}), here)
            if step.get("uses", "").startswith("$/"):
                action = self.workflow(f"{step['uses'].removeprefix('$/')}/action.yml")
                inputs = {name: one.get("default", "") for name, one in action["inputs"].items()} | given
                self._steps(situation, job, action["runs"]["steps"], here | {"inputs": inputs})
                continue
            what = step.get("run") or step["uses"].partition("@")[0]
            code, outputs = self._outcome(situation, job, what, here, given)
            job.ran.append(what)
            if code:
                job.result = "failure"
            if step.get("id"):
                contexts["steps"][step["id"]] = {"outputs": outputs, "outcome": "failure" if code else "success"}
            if code in (0, FOUND):
                self._leave(situation, job, what, here)

    def _outcome(
        self, situation: Situation, job: Job, what: str, contexts: dict[str, Any], given: dict[str, Any]
    ) -> tuple[int, dict[str, str]]:
        """Exit code and outputs of a step: the real command's where it is one of those that need nothing else."""
        if what == "docker/login-action":
            return int(not (given.get("username") and given.get("password"))), {}
        if LEAVES.get(what) and not self._may(job, what):
            return 1, {}
        environment = {key: text(value) for key, value in contexts["env"].items()}
        environment["GITHUB_REF"] = contexts["github"]["ref"]
        if what == "make scope":
            return self.checkouts.scope(situation, environment)
        if what == "make outcome":
            return self.checkouts.outcome(environment), {}
        outputs = {"name": "someone/flights", "digest": "sha256:" + "0" * 64} if what == "make fetch-image" else {}
        return situation.stops.get(what.removeprefix("make "), 0), outputs

    @staticmethod
    def _may(job: Job, what: str) -> bool:
        return job.rights.get(LEAVES[what][1]) == "write"

    @staticmethod
    def _leave(situation: Situation, job: Job, what: str, contexts: dict[str, Any]) -> None:
        env = contexts["env"]
        if what == "make push-history" and not CHANGES_HISTORY & set(job.ran):
            return
        if what == "make retrain-pr" and not situation.retrain_due:
            return
        if what in LEAVES:
            job.written.append(LEAVES[what][0])
        if what == "make publish-image" and env["PUSH_TO"]:
            job.written.append("tag `sha-…`")
        if what == "make rollback-release" or (what == "make move-champion" and env["PUSH_TO"]):
            job.written.append("tag `champion`")
        if what in ("make release", "make rollback-release") and env.get("DEPLOY_HOST"):
            job.written.append("host")


def _triggers(on: dict[str, Any], situation: Situation) -> bool:
    if situation.event not in on:
        return False
    filters = on[situation.event]
    branches = filters.get("branches") if isinstance(filters, dict) else None
    return branches is None or situation.ref.removeprefix("refs/heads/") in branches


def _contexts(situation: Situation) -> dict[str, Any]:
    github = {
        "event_name": situation.event,
        "event": {"repository": {"private": situation.private}, "inputs": situation.inputs, **situation.payload},
        "ref": situation.ref,
        "sha": "c" * 40,
        "repository": NAME,
        "workflow": Path(situation.workflow).stem.title(),
        "actor": situation.actor,
        "token": "token",
        "run_id": "1",
        "run_attempt": "1",
    }
    return {
        "github": github,
        "vars": {} if situation.from_fork else situation.variables,
        "secrets": {},
        "inputs": situation.inputs,
    }


def _rights(situation: Situation, asked: Mapping[str, str], limit: Mapping[str, str] | None) -> dict[str, str]:
    """What a job's token may: what it asks for, at most its caller's, and nothing but reading in a fork's run."""
    granted = {}
    for right, level in asked.items():
        if limit is not None:
            assert LIMIT[level] <= LIMIT.get(limit.get(right, ""), 0), f"{right}: {level} is more than the caller's"
        if situation.from_fork:
            if right == "id-token":
                continue
            level = "read"
        granted[right] = level
    return granted


def _ancestors(name: str, needs: Mapping[str, list[str]]) -> set[str]:
    found = set(needs[name])
    for one in needs[name]:
        found |= _ancestors(one, needs)
    return found


def _status(results: list[str], before: Status | None) -> Status:
    success = all(one == "success" for one in results) and (before is None or before.success)
    return Status(success, "failure" in results or (before is not None and before.failure))


def _result_of_call(results: list[str]) -> str:
    for worst in ("failure", "cancelled", "success"):
        if worst in results:
            return worst
    return "skipped"


def _listed(needs: str | list[str]) -> list[str]:
    return [needs] if isinstance(needs, str) else needs
