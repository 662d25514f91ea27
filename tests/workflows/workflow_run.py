"""One run of one workflow on this machine: its jobs in the order of `needs`, its `run:` lines by the real commands.

GitHub's own engine parses the workflows and evaluates what stands in them. Results, outputs, attempts and artifacts are
as GitHub has them; each job begins with a clean checkout. What GitHub's own actions do is modelled here and in
artifact_store.py, and nothing else is.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from tests.workflows.artifact_store import ArtifactError, ArtifactStore
from tests.workflows.engine import Engine, Status, text

MOST_SECONDS = 600
# Kept between jobs, because it follows from the checkout alone: what `make setup` installs.
KEPT = (".venv", ".uv", ".tools")
# What these do is done here in another way, or cannot be: what is signed, which Python there is.
NOTHING_TO_DO = {"actions/setup-python", "actions/attest", "docker/setup-buildx-action"}


@dataclass
class Job:
    """How a job ended."""

    result: str
    outputs: dict[str, Any] = field(default_factory=dict)
    # Each `run:` line with its exit code, and the last words of one that failed.
    commands: list[tuple[str, int]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    summary: str = ""


@dataclass(frozen=True)
class Contexts:
    """What an expression can see, and whether all went well so far."""

    values: Mapping[str, Any]
    ok: bool = True


@dataclass
class WorkflowRun:
    """A run of a workflow in `clone`. `github`, `variables`, `secrets` and `inputs` are the contexts.

    A job logs in to a registry only where `environment` has a DOCKER_CONFIG of the run's own, and out again at its end.
    """

    clone: Path
    scratch: Path
    store: ArtifactStore
    github: dict[str, Any]
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str | None] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    # Of the run's commit, whatever a job checks out: each workflow and action, by its path.
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    engine: Engine = field(init=False)

    def run(self, name: str, only: tuple[str, ...] = ()) -> dict[str, Job]:
        """Run a workflow's jobs, or only these, as a re-run of failed jobs does; those of an earlier attempt stay."""
        self._checkout("")
        with Engine(self.clone) as self.engine:
            for path in self.clone.glob(".github/*/**/*.yml"):
                place = path.relative_to(self.clone).as_posix()
                errors, self.documents[place] = self.engine.parse(place)
                assert not errors, errors
            self._run(name, only)
        return self.jobs

    def commands(self) -> list[str]:
        """Every `run:` line of the jobs, in the order in which they ran."""
        return [command for job in self.jobs.values() for command, _ in job.commands]

    def _run(self, name: str, only: tuple[str, ...] = ()) -> None:
        document = self.documents[f".github/workflows/{name}"]
        jobs: dict[str, dict[str, Any]] = document["jobs"]
        for job in TopologicalSorter({job: _needs(jobs[job]) for job in jobs}).static_order():
            if not only or job in only:
                self.jobs[job] = self._job(job, jobs, document.get("env", {}))

    def _job(self, name: str, jobs: dict[str, dict[str, Any]], everywhere: Mapping[str, Any]) -> Job:
        needs = {need: {"result": self.jobs[need].result, "outputs": self.jobs[need].outputs}
                 for need in _needs(jobs[name])}  # fmt: skip
        ok = all(self.jobs[before].result == "success" for before in _ancestors(name, jobs))
        github = {**self.github, "job": name, "run_attempt": self.store.attempt}
        values: dict[str, Any] = {"github": github, "vars": self.variables, "inputs": self.inputs, "needs": needs}
        if not self._holds(jobs[name]["if"], Contexts(values, ok)):
            return Job("skipped")
        if "uses" in jobs[name]:
            return self._called(name, jobs[name], Contexts(values, ok))
        matrix = jobs[name].get("strategy", {}).get("matrix", {})
        values |= {"secrets": self.secrets, "steps": {}, "matrix": {key: every[0] for key, every in matrix.items()}}
        # The workflow's `env:` sees no `env` context; a job's steps do.
        values["env"] = self._texts(everywhere, Contexts(values))
        values["env"] |= self._texts(jobs[name].get("env", {}), Contexts(values))
        job = Job("success")
        self._checkout("")
        self._steps(jobs[name]["steps"], values, job)
        self._log_out()
        job.outputs = self.engine.value(jobs[name].get("outputs", {}), values)
        return job

    def _called(self, name: str, job: dict[str, Any], contexts: Contexts) -> Job:
        """A job that is another workflow: its result is success where none of that one's jobs failed and one ran."""
        called = job["uses"].rpartition("/")[2]
        given = self.engine.value(job.get("with", {}), dict(contexts.values))
        inside = WorkflowRun(
            self.clone, self.scratch, self.store, self.github, self.variables, self.secrets,
            self._defaults(called) | given, self.environment,
            {key.removeprefix(f"{name} / "): seen for key, seen in self.jobs.items() if key.startswith(f"{name} / ")},
            self.documents,
        )  # fmt: skip
        inside.engine = self.engine
        inside._run(called)  # its own class
        self.jobs |= {f"{name} / {key}": seen for key, seen in inside.jobs.items()}
        results = {seen.result for seen in inside.jobs.values()}
        failed = "failure" in results
        return Job("failure" if failed else "success" if "success" in results else "skipped")

    def _defaults(self, name: str) -> dict[str, Any]:
        """The inputs of a workflow that can be called, as they are where the caller says nothing."""
        inputs = self.documents[f".github/workflows/{name}"]["on"]["workflow_call"].get("inputs", {})
        return {key: about.get("default", False if about["type"] == "boolean" else "") for key, about in inputs.items()}

    def _holds(self, condition: str, contexts: Contexts) -> bool:
        return self.engine.holds(condition, dict(contexts.values), Status(contexts.ok, not contexts.ok))

    def _texts(self, written: Mapping[str, Any], contexts: Contexts) -> dict[str, str]:
        """Values of a mapping as a runner writes them into the environment or hands them to an action."""
        return {key: text(value) for key, value in self.engine.value(dict(written), dict(contexts.values)).items()}

    def _steps(self, steps: list[dict[str, Any]], values: dict[str, Any], job: Job, ok: bool = True) -> bool:
        """Run steps, of a job or of a composite action, and return whether all went well."""
        for step in steps:
            contexts = Contexts(values, ok)
            if not self._holds(step["if"], contexts):
                continue
            with_env = {**values, "env": {**values["env"], **self._texts(step.get("env", {}), contexts)}}
            went_well, outputs = self._step(step, with_env, job)
            if "id" in step:
                values["steps"][step["id"]] = {"outputs": outputs, "outcome": "success" if went_well else "failure"}
            ok = ok and went_well
            if not ok:
                job.result = "failure"
        return ok

    def _step(self, step: dict[str, Any], values: dict[str, Any], job: Job) -> tuple[bool, dict[str, str]]:
        if "run" in step:
            return self._command(step["run"], values, job)
        given = self._texts(step.get("with", {}), Contexts(values))
        uses = step["uses"]
        if uses.startswith("$/"):
            action = self.documents[f"{uses.removeprefix('$/')}/action.yml"]
            defaults = {key: text(about.get("default")) for key, about in action.get("inputs", {}).items()}
            assert set(given) <= set(defaults), f"{uses} has no input {set(given) - set(defaults)}"
            inside = {**values, "inputs": {**defaults, **given}, "steps": {}}
            return self._steps(action["runs"]["steps"], inside, job), {}
        try:
            return True, self._action(uses.partition("@")[0], given)
        except ArtifactError as error:
            job.said.append(f"{uses}: {error}")
            return False, {}
        except subprocess.CalledProcessError as error:
            job.said.append(f"{uses}: {error.stderr}")
            return False, {}

    def _action(self, action: str, given: dict[str, str]) -> dict[str, str]:
        """What the actions do that are not ours. Raises ArtifactError, and CalledProcessError for a login."""
        if action == "actions/checkout":
            self._checkout(given.get("ref", ""))
        elif action == "actions/download-artifact":
            assert set(given) <= {"pattern", "path", "merge-multiple"}, given
            into = self.clone / given.get("path", "")
            self.store.download(into, pattern=given["pattern"], merge=given.get("merge-multiple") == "true")
        elif action == "actions/upload-artifact":
            days = int(given.get("retention-days") or 0)
            self.store.upload(self.clone, given["name"], given["path"], days=days)
        elif action == "actions/upload-pages-artifact":
            self.store.upload(self.clone, given.get("name", "github-pages"), given["path"], days=1)
        elif action == "actions/deploy-pages":
            self.store.deploy_pages(given.get("artifact_name", "github-pages"))
            return {"page_url": "https://example.org/"}
        elif action == "docker/login-action":
            self._log_in(given)
        else:
            assert action in NOTHING_TO_DO, f"nothing here does what {action} does"
        return {}

    def _log_in(self, given: dict[str, str]) -> None:
        """As docker/login-action 4.1.0 does it (src/docker.ts): the password goes to the standard input."""
        if "DOCKER_CONFIG" in self.environment:
            command = ["docker", "login", "--password-stdin", "--username", given["username"], given["registry"]]
            subprocess.run(command, input=given["password"], env=self._told(dict(os.environ)), check=True,
                           capture_output=True, text=True)  # fmt: skip

    def _log_out(self) -> None:
        """What its last step does, after every other."""
        folder = self.environment.get("DOCKER_CONFIG")
        config = Path(folder or os.devnull) / "config.json"
        for registry in json.loads(config.read_text()).get("auths", {}) if config.exists() else ():
            command = ["docker", "logout", registry]
            subprocess.run(command, env=self._told(dict(os.environ)), check=True, capture_output=True)

    def _checkout(self, ref: str) -> None:
        """A clean tree at a commit: the run's own, or the one that is asked for."""
        commit = ref or self.github["sha"]
        origin = ["git", "rev-parse", "--verify", "--quiet", f"origin/{commit}"]
        found = subprocess.run(origin, cwd=self.clone, capture_output=True, text=True, check=False)
        for command in (
            ["git", "checkout", "--quiet", "--force", "--detach", found.stdout.strip() or commit],
            ["git", "clean", "-ffdxq", *(part for name in KEPT for part in ("-e", name))],
        ):
            subprocess.run(command, cwd=self.clone, check=True, capture_output=True)

    def _command(self, command: str, values: dict[str, Any], job: Job) -> tuple[bool, dict[str, str]]:
        """One `run:` line by a shell, as a runner does it."""
        told, shown, event = (self.scratch / name for name in ("output", "summary", "event.json"))
        for path in (told, shown):
            path.write_text("")
        event.write_text(json.dumps(self.github.get("event", {})))
        github = {f"GITHUB_{key.upper()}": text(value) for key, value in values["github"].items()
                  if isinstance(value, str | int) and key != "token"}  # fmt: skip
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")} | github
        environment |= {"GITHUB_OUTPUT": str(told), "GITHUB_STEP_SUMMARY": str(shown), "GITHUB_EVENT_PATH": str(event)}
        done = subprocess.run(
            ["bash", "-e", "-c", command], cwd=self.clone, env=self._told(environment | values["env"]),
            capture_output=True, text=True, timeout=MOST_SECONDS, check=False,
        )  # fmt: skip
        job.commands.append((command, done.returncode))
        job.summary += shown.read_text()
        if done.returncode != 0:
            job.said.append(f"{command} ended with {done.returncode}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return done.returncode == 0, dict(re.findall(r"^(\w+)=(.*)$", told.read_text(), re.M))

    def _told(self, environment: dict[str, str]) -> dict[str, str]:
        """With what the test says of it; None is a variable that is not set.

        Everything is installed, once: whether a job's groups are enough is for tests/repository/test_install_groups.py.
        """
        both: dict[str, str | None] = {**environment, "GROUPS": "dev", **self.environment}
        return {key: value for key, value in both.items() if value is not None}


def _needs(job: Mapping[str, Any]) -> list[str]:
    needs = job.get("needs", [])
    return [needs] if isinstance(needs, str) else list(needs)


def _ancestors(name: str, jobs: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """`success()` of a job asks all jobs before it, not only those that it needs itself."""
    direct = _needs(jobs[name])
    return set(direct).union(*(_ancestors(need, jobs) for need in direct))
