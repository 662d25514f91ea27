"""Whether a run needs the chain, on real commits."""

import json
import os
from pathlib import Path

import pytest

from contracts.exits import Exit
from publishing.scope import is_document, main
from tests.publishing.repositories import clone, git, make_remote


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = clone(make_remote(tmp_path), tmp_path / "checkout")
    monkeypatch.chdir(made)
    return made


def commit(checkout: Path, name: str, text: str = "changed\n") -> str:
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).write_text(text)
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "Change")
    return git(checkout, "rev-parse", "HEAD")


def chain(checkout: Path, **environment: str) -> str:
    """What the step's output says."""
    output = checkout.parent / "output"
    output.unlink(missing_ok=True)
    history = str(checkout.parent / "history")
    assert main({**os.environ, "GITHUB_OUTPUT": str(output), **environment}, ["--history", history]) is Exit.PASS
    return output.read_text()


def deployed(checkout: Path, content: object) -> None:
    history = checkout.parent / "history"
    history.mkdir(exist_ok=True)
    (history / "champion.json").write_text(json.dumps(content))


def test_only_documents_since_the_base_need_no_chain(checkout: Path) -> None:
    base = git(checkout, "rev-parse", "HEAD")
    commit(checkout, "docs/picture.svg")
    commit(checkout, "README.md")
    assert chain(checkout, BASE=base) == "chain=false\n"


@pytest.mark.parametrize(
    "name", ["pipeline.toml", "training/data.py", "Makefile", ".github/workflows/ci.yml", "docs.py"]
)
def test_anything_else_needs_it(checkout: Path, name: str) -> None:
    base = git(checkout, "rev-parse", "HEAD")
    commit(checkout, "README.md")
    commit(checkout, name)
    assert chain(checkout, BASE=base) == "chain=true\n"


def test_a_file_that_was_renamed_into_a_document_needs_it(checkout: Path) -> None:
    base = commit(checkout, "training/data.py", "x = 1\n" * 50)
    git(checkout, "mv", "training/data.py", "README2.md")
    git(checkout, "commit", "--quiet", "--message", "Rename")
    assert chain(checkout, BASE=base) == "chain=true\n"


def test_main_is_compared_with_what_production_runs(checkout: Path) -> None:
    deployed(checkout, {"commit": commit(checkout, "pipeline.toml")})
    commit(checkout, "README.md")
    assert chain(checkout) == "chain=false\n"
    commit(checkout, "training/data.py")
    commit(checkout, "README.md", "again\n")
    assert chain(checkout) == "chain=true\n", "the push of data.py may have been cancelled"


@pytest.mark.parametrize(
    "content",
    [{}, [], {"commit": ""}, {"commit": "0" * 40}, {"commit": "HEAD"}, {"commit": "--output=x"}, {"commit": "$(id)"}],
)
def test_what_cannot_be_compared_needs_the_chain(checkout: Path, content: object) -> None:
    deployed(checkout, content)
    commit(checkout, "README.md")
    assert chain(checkout) == "chain=true\n"
    assert not (checkout / "x").exists()


def test_no_release_yet_needs_the_chain(checkout: Path) -> None:
    assert chain(checkout) == "chain=true\n"


@pytest.mark.parametrize("asked", [{"FULL": "true"}, {"AS_OF": "2013-11-01"}])
def test_a_run_by_hand_can_ask_for_it(checkout: Path, asked: dict[str, str]) -> None:
    base = git(checkout, "rev-parse", "HEAD")
    commit(checkout, "README.md")
    assert chain(checkout, BASE=base, **asked) == "chain=true\n"


def test_the_same_commit_again_needs_it(checkout: Path) -> None:
    assert chain(checkout, BASE=git(checkout, "rev-parse", "HEAD")) == "chain=true\n"


def test_no_checkout_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert main({}, []) is Exit.USAGE


def test_a_document_is_what_no_command_reads() -> None:
    assert is_document("docs/a/b.svg")
    assert is_document("service/README.md")
    assert is_document("docs/learn/pictures/api-en.svg")
    assert is_document("exercises/01-api/app.py")
    assert not is_document("drills/exercises/app.py")
    assert not is_document("docs")
    assert not is_document("README.md/x.py")
    assert not is_document("requirements/service.txt")


def test_the_base_is_fetched_alone_where_the_checkout_is_one_commit_deep(checkout: Path) -> None:
    """With all commits would come the whole history branch."""
    base = git(checkout, "rev-parse", "HEAD")
    commit(checkout, "README.md")
    git(checkout, "push", "--quiet", "origin", "HEAD:refs/heads/main", f"{base}:refs/heads/history")
    remote = checkout.parent / "remote.git"
    shallow = clone(remote, checkout.parent / "shallow")
    os.chdir(shallow)
    assert git(shallow, "rev-list", "--all", "--count") == "1"
    assert chain(shallow, BASE=base) == "chain=false\n"
    assert git(shallow, "rev-list", "--all", "--count") == "1"
    assert chain(shallow, BASE="0" * 40) == "chain=true\n"
