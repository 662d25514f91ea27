"""GitHub's artifacts of one workflow run, as a folder: what the actions do with names, paths, days and attempts.

Each rule was read in the actions' own sources, at the versions that the workflows pin: actions/upload-artifact 7.0.1,
actions/download-artifact 8.0.1, actions/deploy-pages 5.0.0, and packages/artifact and packages/glob of actions/toolkit.
The file beside a rule is where it stands there.
"""

import fnmatch
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

# packages/artifact/src/internal/upload/path-and-artifact-name-validation.ts
NOT_IN_A_PATH = '":<>|*?\r\n'
NOT_IN_A_NAME = NOT_IN_A_PATH + "\\/"
# action.yml of upload-artifact: "Maximum 90 days unless changed from the repository settings page", the default too.
MOST_DAYS = 90
GLOB = re.compile(r"[*?]|\[[^\]]{2,}\]")


class ArtifactError(Exception):
    """What the action would fail with."""


@dataclass(frozen=True)
class Artifact:
    """One artifact of the run. `number` grows with each one made, as GitHub's ids do."""

    name: str
    number: int
    attempt: int
    gone_on: int
    folder: Path

    @property
    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


class ArtifactStore:
    """The artifacts of one workflow run, over all its attempts. `day` is today, counted from the run's first."""

    def __init__(self, root: Path, most_days: int = MOST_DAYS) -> None:
        self.root = root
        self.most_days = most_days
        self.attempt = 1
        self.day = 0
        self.made = 0
        self.artifacts: list[Artifact] = []

    def upload(
        self, workspace: Path, name: str, path: str, *, days: int = 0, overwrite: bool = False, hidden: bool = False
    ) -> Artifact | None:
        """What `actions/upload-artifact` does; None where nothing was found, which is a warning there.

        Raises ArtifactError.
        """
        found, top = files_to_upload(workspace, path, hidden=hidden)
        # src/upload/upload-artifact.ts (v7): no file is a warning, and no artifact.
        if not found:
            return None
        for file in found:
            if set(str(file.relative_to(top))) & set(NOT_IN_A_PATH):
                raise ArtifactError(f"The path of {file} holds a sign that no artifact may.")
        # src/upload/upload-artifact.ts: `overwrite` deletes the one of that name first.
        if overwrite:
            self.delete(name)
        made = self.create(name, days=days)
        for file in found:
            target = made.folder / file.relative_to(top)
            target.parent.mkdir(parents=True, exist_ok=True)
            # packages/artifact/src/internal/upload/zip.ts: a link is uploaded as the file that it names.
            shutil.copyfile(file, target)
        return made

    def create(self, name: str, *, days: int = 0) -> Artifact:
        """An artifact of this attempt, empty yet. Raises ArtifactError."""
        if not name or set(name) & set(NOT_IN_A_NAME):
            raise ArtifactError(f"The artifact name is not valid: {name!r}.")
        # docs/MIGRATION.md and README.md of upload-artifact: an artifact is never added to; CreateArtifact answers 409.
        if any((one.name, one.attempt) == (name, self.attempt) for one in self.artifacts):
            raise ArtifactError(f"(409) Conflict: an artifact with the name {name} already exists on this attempt.")
        self.made += 1
        # packages/artifact/src/internal/upload/retention.ts: never longer than the repository keeps; 0 is its default.
        kept = min(days or self.most_days, self.most_days)
        made = Artifact(name, self.made, self.attempt, self.day + kept, self.root / f"{self.made}-{name}")
        self.artifacts.append(made)
        return made

    def delete(self, name: str) -> None:
        self.artifacts = [one for one in self.artifacts if (one.name, one.attempt) != (name, self.attempt)]

    def listed(self) -> list[Artifact]:
        """What can be had today, of every attempt: a partial re-run finds what the attempt before it made."""
        return [one for one in self.artifacts if self.day < one.gone_on]

    def latest(self) -> list[Artifact]:
        """One for each name, the newest. packages/artifact/src/internal/find/list-artifacts.ts, filterLatest."""
        return list({one.name: one for one in sorted(self.listed(), key=lambda one: one.number)}.values())

    def download(self, into: Path, *, pattern: str, merge: bool = False) -> list[Artifact]:
        """What `actions/download-artifact` does with a pattern. None found is no error."""
        # src/download-artifact.ts: Minimatch on the names of the latest; a name has no slash at which "*" would end.
        found = [one for one in self.latest() if any(map(partial(fnmatch.fnmatchcase, one.name), _braced(pattern)))]
        for one in found:
            # The same file: merged, or exactly one found, means the folder itself; several get one each.
            target = into if merge or len(found) == 1 else into / one.name
            shutil.copytree(one.folder, target, dirs_exist_ok=True)
        return found

    def deploy_pages(self, name: str) -> Artifact:
        """What `actions/deploy-pages` sends. Raises ArtifactError."""
        # src/internal/api-client.js: it lists those of every attempt, and wants exactly one of the name.
        found = [one for one in self.listed() if one.name == name]
        if len(found) != 1:
            raise ArtifactError(f'{len(found)} artifacts named "{name}" were found for this workflow run, not one.')
        return found[0]


def files_to_upload(workspace: Path, patterns: str, *, hidden: bool = False) -> tuple[list[Path], Path]:
    """The files that these lines name, and the folder that becomes the artifact's top.

    upload-artifact's src/shared/search.ts, with packages/glob/src/internal-globber.ts and internal-pattern.ts.
    """
    lines = [line.strip() for line in patterns.splitlines() if line.strip() and not line.strip().startswith("#")]
    wanted = [line for line in lines if not line.startswith("!")]
    tops = _without_descendants([_search_path(workspace, line) for line in wanted])
    found: list[Path] = []
    for item in (item for top in tops for item in _walk(top, hidden=hidden)):
        place = item.relative_to(workspace).as_posix()
        is_in = False
        for line in lines:
            if _matches(line.removeprefix("!"), place):
                is_in = not line.startswith("!")
        # search.ts: folders are filtered out, so that an empty one is not in the artifact.
        if is_in and not item.is_dir():
            found.append(item)
    if len(tops) > 1:
        # search.ts, getMultiPathLCA: of several search paths, the deepest folder above them all.
        return found, Path(os.path.commonpath(tops))
    if found == tops:
        return found, tops[0].parent
    return found, tops[0] if tops else workspace


def _braced(pattern: str) -> list[str]:
    """The patterns that `{a,b}` stands for: Minimatch's default."""
    before, brace, rest = pattern.partition("{")
    inside, _, after = rest.partition("}")
    return [f"{before}{one}{after}" for one in inside.split(",")] if brace else [pattern]


def _search_path(workspace: Path, line: str) -> Path:
    """The literal part before the first wildcard. internal-pattern.ts."""
    literal: list[str] = []
    for part in line.strip("/").split("/"):
        if GLOB.search(part):
            break
        literal.append(part)
    return workspace.joinpath(*literal)


def _without_descendants(paths: list[Path]) -> list[Path]:
    """internal-pattern-helper.ts, getSearchPaths."""
    unique = list(dict.fromkeys(paths))
    return [path for path in unique if not any(other in path.parents for other in unique)]


def _walk(item: Path, *, hidden: bool, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """What is there, depth first: links are followed, broken ones and circles left out. internal-globber.ts."""
    # A name that begins with a dot is left out, and with a folder all that is in it: excludeHiddenFiles.
    if not item.exists() or (item.name.startswith(".") and not hidden):
        return
    yield item
    real = item.resolve()
    if item.is_dir() and real not in above:
        for child in sorted(item.iterdir()):
            yield from _walk(child, hidden=hidden, above=(*above, real))


def _matches(pattern: str, place: str) -> bool:
    """Whether a line names this place or a folder above it: implicitDescendants. A slash at the end: folders only."""
    parts, wanted = place.split("/"), pattern.strip("/").split("/")
    shortest = len(wanted) + pattern.endswith("/")
    return len(parts) >= shortest and all(map(fnmatch.fnmatchcase, parts, wanted))
