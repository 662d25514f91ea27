"""The commit that made a model, and whether the checkout had changes."""

import subprocess
from pathlib import Path

import pytest

from training.fitting.revision import commit, versions


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "code.py").write_text("one\n", encoding="utf-8")
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)
    return tmp_path


def test_a_clean_checkout_gives_its_commit(checkout: Path) -> None:
    assert len(commit(checkout)) == 40


def test_a_file_that_git_does_not_track_changes_nothing(checkout: Path) -> None:
    before = commit(checkout)
    (checkout / "notes.txt").write_text("mine\n", encoding="utf-8")
    assert commit(checkout) == before


def test_a_changed_file_makes_the_commit_dirty(checkout: Path) -> None:
    before = commit(checkout)
    (checkout / "code.py").write_text("two\n", encoding="utf-8")
    assert commit(checkout) == f"{before}-dirty"


def test_without_git_or_without_a_commit_it_is_unknown(tmp_path: Path) -> None:
    assert commit(tmp_path) == "unknown"
    subprocess.run(["git", "-C", str(tmp_path), "init", "-q"], check=True)
    assert commit(tmp_path) == "unknown"


def test_an_image_without_git_has_the_commit_that_it_was_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINING_COMMIT", "a" * 40)
    assert commit(tmp_path) == "a" * 40


def test_where_there_is_git_no_variable_decides(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = commit(checkout)
    monkeypatch.setenv("TRAINING_COMMIT", "a" * 40)
    assert commit(checkout) == before


def test_versions_name_what_decides_the_bytes_of_a_model() -> None:
    assert {"python", "scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy"} <= set(versions())
