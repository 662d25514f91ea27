"""The history branch on a real git remote: first run, later runs, two at once, and each way in which it must refuse."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from contracts.exits import Exit
from publishing.evaluation_counts import merged_counts
from publishing.history_branch import BRANCH, History, RemoteError, fetch_into, git_environment, main
from tests.publishing.repositories import clone, git, make_remote

# Without what GitHub sets, and a GIT_DIR; with what keeps a person's git configuration out.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith("GIT") or name.startswith("GIT_CONFIG")
}
A, B, C = ({"model": f"m{letter}", "function": f"f{letter}"} for letter in "abc")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return make_remote(tmp_path)


def job(remote: Path, name: str) -> tuple[History, Path]:
    """A job's checkout, and the history that it fetched."""
    checkout = clone(remote, remote.parent / name)
    history = History(checkout, ENVIRONMENT)
    fetch_into(history, checkout / "history", checkout / "evaluations.json")
    return history, checkout / "history"


def count(folder: Path, *evaluations: dict[str, str]) -> None:
    (folder / "evaluations.json").write_text(json.dumps({"format_version": 1, "holdouts": {"h": evaluations}}))


def held(remote: Path, path: str) -> str:
    return git(remote, "show", f"{BRANCH}:{path}")


def test_a_remote_without_the_branch_is_a_first_run(remote: Path) -> None:
    checkout = clone(remote, remote.parent / "one")
    said = fetch_into(History(checkout, ENVIRONMENT), checkout / "history", checkout / "evaluations.json")
    assert "first run" in said
    assert list((checkout / "history").iterdir()) == []
    assert not (checkout / "evaluations.json").exists()


def test_the_first_push_makes_a_branch_that_shares_no_commit_with_the_code(remote: Path) -> None:
    history, folder = job(remote, "one")
    (folder / "runs").mkdir()
    (folder / "runs" / "1.json").write_text("{}")
    commit = history.push(folder, "Record run 1")
    assert git(remote, "rev-parse", BRANCH) == commit
    assert git(remote, "rev-list", "--count", BRANCH) == "1"
    assert git(remote, "ls-tree", "-r", "--name-only", BRANCH) == "runs/1.json"


def test_a_later_run_finds_what_was_pushed_and_adds_to_it(remote: Path) -> None:
    history, folder = job(remote, "one")
    (folder / "a.json").write_text("1")
    history.push(folder, "Record run 1")
    history, folder = job(remote, "two")
    assert (folder / "a.json").read_text() == "1"
    (folder / "b.json").write_text("2")
    (folder / "a.json").unlink()
    history.push(folder, "Record run 2")
    assert git(remote, "ls-tree", "-r", "--name-only", BRANCH) == "b.json"
    assert git(remote, "rev-list", "--count", BRANCH) == "2"


def test_nothing_new_makes_no_commit(remote: Path) -> None:
    history, folder = job(remote, "one")
    (folder / "a.json").write_text("1")
    history.push(folder, "Record run 1")
    history, folder = job(remote, "two")
    assert history.push(folder, "Record run 2") == ""
    assert git(remote, "rev-list", "--count", BRANCH) == "1"


def test_a_file_that_git_is_told_to_ignore_is_kept_all_the_same(remote: Path) -> None:
    history, folder = job(remote, "one")
    (folder / ".gitignore").write_text("*\n")
    (folder / "a.json").write_text("1")
    history.push(folder, "Record run 1")
    assert held(remote, "a.json") == "1"


def test_two_runs_at_once_both_keep_their_files(remote: Path) -> None:
    first, first_folder = job(remote, "one")
    second, second_folder = job(remote, "two")
    (first_folder / "a.json").write_text("1")
    (second_folder / "b.json").write_text("2")
    first.push(first_folder, "Record run 1")
    second.push(second_folder, "Record run 2")
    assert git(remote, "ls-tree", "-r", "--name-only", BRANCH).split() == ["a.json", "b.json"]


def test_a_file_whose_name_is_not_utf_8_is_kept(remote: Path) -> None:
    first, first_folder = job(remote, "one")
    second, second_folder = job(remote, "two")
    (first_folder / os.fsdecode(b"caf\xe9.json")).write_text("1")
    (second_folder / "b.json").write_text("2")
    first.push(first_folder, "Record run 1")
    second.push(second_folder, "Record run 2")
    assert git(remote, "ls-tree", "-r", "--name-only", BRANCH).split() == ["b.json", r'"caf\351.json"']


def test_a_count_under_its_old_name_is_still_counted(remote: Path) -> None:
    history, folder = job(remote, "one")
    count(folder, A)
    (folder / "evaluations.json").rename(folder / "tries.json")
    history.push(folder, "Record run 1")
    checkout = clone(remote, remote.parent / "two")
    fetch_into(History(checkout, ENVIRONMENT), checkout / "history", checkout / "evaluations.json")
    assert json.loads((checkout / "evaluations.json").read_text())["holdouts"]["h"] == [A]


def test_two_runs_at_once_both_count_their_evaluations(remote: Path) -> None:
    history, folder = job(remote, "zero")
    count(folder, A)
    history.push(folder, "Record run 0")
    first, first_folder = job(remote, "one")
    second, second_folder = job(remote, "two")
    count(first_folder, A, B)
    count(second_folder, A, C)
    first.push(first_folder, "Record run 1")
    second.push(second_folder, "Record run 2")
    assert json.loads(held(remote, "evaluations.json"))["holdouts"]["h"] == [A, B, C]


def test_two_runs_that_change_one_file_are_not_merged_by_guess(remote: Path) -> None:
    first, first_folder = job(remote, "one")
    second, second_folder = job(remote, "two")
    (first_folder / "champion.json").write_text("1")
    (second_folder / "champion.json").write_text("2")
    first.push(first_folder, "Record run 1")
    with pytest.raises(Exception, match=r"champion\.json"):
        second.push(second_folder, "Record run 2")
    assert held(remote, "champion.json") == "1"


def test_the_count_of_evaluations_comes_with_the_branch_and_is_united_with_what_is_here(remote: Path) -> None:
    history, folder = job(remote, "one")
    count(folder, A, B)
    history.push(folder, "Record run 1")
    checkout = clone(remote, remote.parent / "two")
    count(checkout, B, C)
    fetch_into(History(checkout, ENVIRONMENT), checkout / "history", checkout / "evaluations.json")
    assert json.loads((checkout / "evaluations.json").read_text())["holdouts"]["h"] == [A, B, C]


def test_a_count_is_united_without_taking_one_away_or_renumbering() -> None:
    both = merged_counts({"holdouts": {"h": [A]}}, {"holdouts": {"h": [B, A], "i": [C]}})
    assert both["holdouts"] == {"h": [A, B], "i": [C]}
    assert merged_counts({}, {"holdouts": {"h": [A]}})["holdouts"] == {"h": [A]}
    assert merged_counts({"holdouts": {"h": [A, B]}}, {})["holdouts"] == {"h": [A, B]}


def test_a_link_on_the_branch_leads_nowhere(remote: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    history, folder = job(remote, "one")
    (folder / "champion.json").symlink_to(secret)
    history.push(folder, "Record run 1")
    _, folder = job(remote, "two")
    assert not (folder / "champion.json").is_symlink()
    assert "a secret" not in (folder / "champion.json").read_text()


@pytest.mark.parametrize("direction", ["fetch", "push"])
def test_a_remote_that_does_not_answer_is_no_first_run(
    remote: Path, direction: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = job(remote, "one")
    (folder / "a.json").write_text("1")
    monkeypatch.chdir(folder.parent)
    remote.rename(remote.parent / "gone.git")
    assert main(ENVIRONMENT, [direction, "--history", "history"]) is Exit.CRASH
    said = "".join(capsys.readouterr())
    assert "first run" not in said
    # Git's reason, which its advice ("and the repository exists.") comes after.
    assert "does not appear to be a git repository" in said
    assert "and the repository exists" not in said


@pytest.mark.parametrize(
    "content",
    [
        b"not json",
        b"[]",
        b"\xff\xfe{\x00}\x00",
        b"[" * 100_000,
        b'{"holdouts": {"h": ' + b"[" * 5_000 + b"]" * 5_000 + b"}}",
        b'{"holdouts": []}',
        b'{"holdouts": {"h": null}}',
        b'{"holdouts": {"h": [{"model": "m"}]}}',
        b'{"holdouts": {}, "rows": {"h": 1}}',
        b" " * 70_000_000 + b"{}",
    ],
    ids=["text", "list", "UTF-16", "deep", "deep inside", "holdouts", "no list", "no function", "rows", "large"],
)
@pytest.mark.parametrize("name", ["evaluations.json", "tries.json"])
def test_a_damaged_count_on_the_branch_ends_the_job_with_a_sentence(
    remote: Path, content: bytes, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    history, folder = job(remote, "one")
    (folder / name).write_bytes(content)
    history.push(folder, "Record run 1")
    checkout = clone(remote, remote.parent / "two")
    monkeypatch.chdir(checkout)
    assert main(ENVIRONMENT, ["fetch", "--history", "history"]) is Exit.USAGE
    (said,) = capsys.readouterr().err.splitlines()
    assert name in said
    assert len(said) < 400
    assert not (checkout / "build").exists()


def test_a_count_that_was_damaged_meanwhile_is_not_merged(remote: Path) -> None:
    (first, first_folder), (second, second_folder) = job(remote, "one"), job(remote, "two")
    (first_folder / "evaluations.json").write_text("[]")
    first.push(first_folder, "Record run 1")
    count(second_folder, A)
    with pytest.raises(RemoteError, match="damaged"):
        second.push(second_folder, "Record run 2")
    assert held(remote, "evaluations.json") == "[]"


CONTENT = b"$Id$ one\ntwo\r\nthree\n"


@pytest.mark.parametrize(
    "attributes",
    ["* text eol=crlf", "* text=auto", "* ident", "*.json working-tree-encoding=UTF-16LE text", "* filter=shout",
     "[attr]every text eol=crlf ident filter=shout\n* every"],
    ids=["ends", "ends of text", "ident", "encoding", "filter", "macro"],
)  # fmt: skip
def test_attributes_on_the_branch_change_no_byte(remote: Path, attributes: str) -> None:
    history, folder = job(remote, "one")
    (folder / "champion").mkdir()
    (folder / "champion" / "model.json").write_bytes(CONTENT)
    git(remote.parent / "one", "config", "filter.shout.clean", "tr a-z A-Z")
    (folder / ".gitattributes").write_text(attributes + "\n")
    history.push(folder, "Record run 1")
    checkout = clone(remote, remote.parent / "two")
    git(checkout, "config", "filter.shout.smudge", "tr a-z A-Z")
    fetch_into(History(checkout, ENVIRONMENT), checkout / "history", checkout / "evaluations.json")
    assert (checkout / "history" / "champion" / "model.json").read_bytes() == CONTENT


@pytest.mark.parametrize("attributes", ["* text eol=crlf", "* ident", "*.json working-tree-encoding=UTF-16LE text"])
def test_git_itself_would_have_changed_them(remote: Path, attributes: str) -> None:
    history, folder = job(remote, "one")
    (folder / "model.json").write_bytes(CONTENT)
    (folder / ".gitattributes").write_text(attributes + "\n")
    history.push(folder, "Record run 1")
    git(remote.parent, "clone", "--quiet", "--branch=history", str(remote), "plain")
    assert (remote.parent / "plain" / "model.json").read_bytes() != CONTENT


def nested(remote: Path, content: bytes, width: int, depth: int) -> None:
    """A branch of `width` ** `depth` paths that all name one file."""
    seed = remote.parent / "seed"
    (seed / "blob").write_bytes(content)
    kind, what = "100644 blob", git(seed, "hash-object", "-w", "blob")
    for _ in range(depth):
        entries = "".join(f"{kind} {what}\t{number}\n" for number in range(width))
        made = subprocess.run(
            ["git", "mktree"], cwd=seed, input=entries, capture_output=True, check=True, encoding="utf-8"
        )
        kind, what = "040000 tree", made.stdout.strip()
    commit = git(seed, "commit-tree", what, "-m", "Many")
    git(seed, "push", "--quiet", str(remote), f"{commit}:{BRANCH}")


@pytest.mark.parametrize(
    ("content", "width", "depth"),
    [(b"{}", 10, 30), (b"{}", 400, 2), (bytes(30_000_000), 10, 2)],
    ids=["folders in folders", "files", "bytes"],
)
def test_a_branch_without_a_measure_is_not_unpacked(
    remote: Path, content: bytes, width: int, depth: int,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    nested(remote, content, width, depth)
    checkout = clone(remote, remote.parent / "one")
    monkeypatch.chdir(checkout)
    assert main(ENVIRONMENT, ["fetch", "--history", "history"]) is Exit.USAGE
    assert "no job keeps so much" in " ".join(capsys.readouterr().err.split())
    assert not (checkout / "history").exists()


def test_a_branch_of_as_many_files_as_jobs_keep_is(remote: Path) -> None:
    nested(remote, b"{}", 10, 3)
    _, folder = job(remote, "one")
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1000


def test_a_remote_that_refuses_the_push_ends_the_job(remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, folder = job(remote, "one")
    (folder / "a.json").write_text("1")
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    monkeypatch.chdir(folder.parent)
    assert main(ENVIRONMENT, ["push", "--history", "history"]) is Exit.CRASH


def test_there_is_nothing_to_push_before_a_fetch(
    remote: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(clone(remote, remote.parent / "one"))
    assert main(ENVIRONMENT, ["push", "--history", "history"]) is Exit.USAGE
    assert "make fetch-history" in capsys.readouterr().err


def test_the_token_goes_to_its_own_server_and_into_no_argument() -> None:
    made = git_environment({"GITHUB_TOKEN": "a-token", "GITHUB_SERVER_URL": "https://github.example"})
    assert made["GIT_CONFIG_KEY_0"] == "http.https://github.example/.extraheader"
    assert "a-token" not in made["GIT_CONFIG_VALUE_0"]
    shown = subprocess.run(
        ["git", "config", "--get-urlmatch", "http.extraheader", "https://elsewhere.example/x"],
        env={**os.environ, **made}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "AUTHORIZATION" not in shown.stdout
