"""The runs that act plays: what happens before each, what GitHub tells it, and what must be there afterwards."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contracts.history import HistoryEntry
from contracts.release import Champion
from contracts.schema import read_json
from tests.publishing.github_server import REPOSITORY
from tests.publishing.repositories import git
from tests.situations.catalogue import SITUATIONS
from tests.situations.situation import Decided, Situation
from tests.situations.world import Event, World, on_main, on_template
from tests.workflows.artifact_store import ArtifactStore
from tests.workflows.repositories import commit

PULL_REQUEST = 7
# A title and a branch that a shell would run.
TRACE = Path(tempfile.gettempdir()) / "a-text-of-a-pull-request-ran"
HOSTILE = f"$(touch {TRACE})"
# What CI and the drills run is cut: of each folder of tests the first test, of the drills and the deploys one.
CUT = {"PYTEST_ADDOPTS": "-p tests.situations.cut", "ONLY": "floor-mistyped", "PARTS": "rollback"}
# Go cannot build the scanner of advisories, and GitHub takes no token of ours: as where the network is away.
NO_SCANNER = {"GOPROXY": "off", "GOMODCACHE": "/dev/null"}
UNKNOWN_FEATURE = '\n[service]\nlogged_features = ["no such column"]\n'


def nothing(_world: World, _store: ArtifactStore) -> Iterator[str]:
    yield from ()


@dataclass(frozen=True)
class Play:
    """`check` yields what is not as it should be. `decided` is the situation's where none is given."""

    name: str
    prepare: Callable[[World], Event]
    check: Callable[[World, ArtifactStore], Iterator[str]] = nothing
    other: Decided | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def situation(self) -> Situation:
        return next(one for one in SITUATIONS if one.name == self.name)

    @property
    def decided(self) -> Decided:
        return self.other or self.situation.decided


def refused_train(world: World) -> Event:
    text = (world.clone / "pipeline.toml").read_text()
    commit(world.clone, "pipeline.toml", text + UNKNOWN_FEATURE)
    event = on_main(world, head_commit={"message": HOSTILE})
    commit(world.clone, "pipeline.toml", text)
    return event


def pull_request(world: World, head: str = REPOSITORY) -> Event:
    """Another number of trials, on a branch and as the merge commit that GitHub makes of it."""
    base = git(world.remote, "rev-parse", "main")
    git(world.clone, "checkout", "--quiet", "--force", "--detach", base)
    path = world.clone / "pipeline.toml"
    path.write_text(path.read_text().replace("trials = 1", "trials = 2"))
    git(world.clone, "commit", "--quiet", "--all", "--message", HOSTILE)
    sha = git(world.clone, "rev-parse", "HEAD")
    git(world.clone, "push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{PULL_REQUEST}/merge")
    world.github.head_repository = head
    world.github.pulls.clear()
    world.github.pull(PULL_REQUEST, "faster", author="someone")
    payload = {
        "number": PULL_REQUEST, "title": HOSTILE, "base": {"sha": base, "ref": "main"},
        "head": {"sha": sha, "ref": "x$(id)", "repo": {"full_name": head}},
        "user": {"login": "someone", "type": "User"},
    }  # fmt: skip
    event = on_main(world, number=PULL_REQUEST, pull_request=payload)
    return Event(event.payload, sha, f"refs/pull/{PULL_REQUEST}/merge")


def from_fork(world: World) -> Event:
    return pull_request(world, "stranger/flights")


def rollback(world: World) -> Event:
    image = read_json(world.history() / "champion.json", Champion, "make record-champion").image
    return on_main(world, inputs={"image": image})


def nightly(world: World) -> Event:
    """As in a public repository, where the night starts them."""
    return on_template(world, repository={"private": False, "default_branch": "main"})


def fault_let_through(world: World) -> Event:
    """A drill whose fault the gate refuses for another reason than the drill names."""
    path = "drills/configuration/floor_mistyped.py"
    return on_template(world, {path: lambda text: text.replace("is no metric", "is no floor")},
                       repository={"private": False, "default_branch": "main"})  # fmt: skip


def image_is_champion(world: World, _store: ArtifactStore) -> Iterator[str]:
    path = world.history() / "champion.json"
    image = read_json(path, Champion, "make record-champion").image if path.exists() else "nothing"
    if not image.startswith(world.variables["IMAGE_REPOSITORY"]):
        yield f"the history's champion is {image}, not one of {world.variables['IMAGE_REPOSITORY']}"


def refusal_is_recorded(world: World, _store: ArtifactStore) -> Iterator[str]:
    entries = [read_json(path, HistoryEntry, "make history") for path in (world.history() / "runs").glob("*/*.json")]
    newest = [one for one in entries if one.workflow and one.workflow.run_id == str(world.number)]
    codes = [(stage.stage, stage.exit_code) for one in newest for stage in one.stages]
    if codes != [("data", 0), ("train", 2), ("report", 0)]:
        yield f"the history says of this run: {codes}"


def comment_is_there(world: World, _store: ArtifactStore) -> Iterator[str]:
    bodies = [one["body"] for one in world.github.comments]
    if len(bodies) != 1 or "roc_auc" not in bodies[0]:
        yield f"one comment with roc_auc was decided, there are {len(bodies)}: {[body[:80] for body in bodies]}"


def nothing_ran_of_a_text(_world: World, _store: ArtifactStore) -> Iterator[str]:
    if TRACE.exists():
        yield f"a shell ran the title: {TRACE} is there"


def issue_is(*words: str) -> Callable[[World, ArtifactStore], Iterator[str]]:
    def check(world: World, _store: ArtifactStore) -> Iterator[str]:
        text = "\n".join(f"{one['title']}\n{one['body']}" for one in world.github.issues)
        yield from (f"no issue says {word!r}" for word in words if word not in text)

    return check


PLAYS = {
    "push": Play("a push, with Docker Hub", on_main, image_is_champion),
    "refused-train": Play("training is refused", refused_train, refusal_is_recorded),
    "pull-request": Play("a pull request from a branch", pull_request, comment_is_there),
    "fork": Play("a pull request from a fork", from_fork, nothing_ran_of_a_text,
                 variables={"IMAGE_REPOSITORY": "", "DOCKERHUB_USERNAME": ""}),
    "rollback": Play("a rollback to an image", rollback, image_is_champion),
    "drift": Play("the schedule, no drift", on_main),
    "security": Play("the weekly audit, where nothing answers", on_main, issue_is("could not run"),
                     environment=NO_SCANNER),
    # On the template as it is, not on the small table; so they come last.
    "ci": Play("CI, a push", on_template, environment=CUT),
    "drills": Play("the nightly drills", nightly, environment=CUT),
    "drills-missed": Play("the nightly drills, a fault that is not refused", fault_let_through, environment=CUT),
}  # fmt: skip
