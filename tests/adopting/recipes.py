"""The recipes of docs/adopting.md, and a copy of the checkout to play them in."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.repository.test_promises import ROOT, tracked

PAGE = ROOT / "docs" / "adopting.md"
FIRST = "First"
# What a copy shares with the checkout, so that it installs nothing.
SHARED = (".venv", ".uv", ".tools")


@dataclass(frozen=True)
class Recipe:
    """A heading's commands, and the headings whose commands come before it."""

    name: str
    commands: str
    after: tuple[str, ...]


def recipes() -> dict[str, Recipe]:
    """Every heading with a block of shell commands, in the order of the page."""
    found = {}
    for chapter in re.split(r"(?m)^## ", PAGE.read_text(encoding="utf-8"))[1:]:
        block = re.search(r"```sh\n(.+?)```", chapter, re.S)
        said = re.search(r"(?m)^After: ([^.\n]+)", chapter)
        after = re.split(r", | and ", said[1].partition(", wh")[0]) if said else []
        name = chapter.splitlines()[0]
        if block:
            found[name] = Recipe(name, block[1], tuple(after))
    return found


def order(name: str) -> list[Recipe]:
    """A recipe and all that comes before it, each once."""
    known, wanted = recipes(), [FIRST]

    def ask(one: str) -> None:
        for before in known[one].after:
            ask(before)
        if one not in wanted:
            wanted.append(one)

    ask(name)
    return [known[one] for one in wanted]


def copy_checkout(target: Path) -> Path:
    """A git checkout with the files of this one as they are, and its virtual environment."""
    for path in tracked():
        place = target / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, place, follow_symlinks=False)
    for name in SHARED:
        if (ROOT / name).exists():
            (target / name).symlink_to(ROOT / name)
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "As it was"]):
        who = ["-c", "user.name=Adopter", "-c", "user.email=adopter@example.org"]
        subprocess.run(["git", *who, *command], cwd=target, check=True)
    return target


def play(recipe: Recipe, checkout: Path) -> None:
    """The recipe's commands, as a shell runs them. Raises where one fails."""
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", recipe.commands], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{recipe.name}: {ended.stdout}{ended.stderr}"
