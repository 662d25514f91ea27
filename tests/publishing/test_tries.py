"""The count of tries out of an artifact that anybody's code may have written."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.exits import Exit
from publishing.tries import MOST_BYTES, MOST_NEW, main

HOLDOUT = "a" * 64


def one(number: int) -> dict[str, str]:
    return {"model": f"sha256:{number:064x}", "function": f"sha256:{number + 1000:064x}"}


def write(path: Path, *tries: Any, holdout: str = HOLDOUT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"format_version": 1, "holdouts": {holdout: tries}}))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "history").mkdir()
    return tmp_path / "build" / "evaluate" / "tries.json", tmp_path / "history" / "tries.json"


def run(folders: tuple[Path, Path]) -> Exit:
    return main(["--build", str(folders[0].parents[1]), "--history", str(folders[1].parent)])


def counted(folders: tuple[Path, Path]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(folders[1].read_text())["holdouts"][HOLDOUT]
    return found


def test_the_first_try_is_counted(folders: tuple[Path, Path]) -> None:
    write(folders[0], one(1))
    assert run(folders) is Exit.PASS
    assert counted(folders) == [one(1)]


def test_a_new_try_comes_after_those_that_were_counted(folders: tuple[Path, Path]) -> None:
    write(folders[1], one(1), one(2))
    write(folders[0], one(3), one(2))
    assert run(folders) is Exit.PASS
    assert counted(folders) == [one(1), one(2), one(3)]


def test_the_same_function_is_counted_once(folders: tuple[Path, Path]) -> None:
    write(folders[1], one(1))
    write(folders[0], {**one(2), "function": one(1)["function"]})
    assert run(folders) is Exit.PASS
    assert counted(folders) == [one(1)]


def test_an_artifact_takes_no_try_away(folders: tuple[Path, Path]) -> None:
    write(folders[1], one(1), one(2))
    write(folders[0])
    assert run(folders) is Exit.PASS
    assert counted(folders) == [one(1), one(2)]


def test_a_run_that_judged_nothing_changes_nothing(folders: tuple[Path, Path]) -> None:
    assert run(folders) is Exit.PASS
    assert not folders[1].exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"holdouts": {"../../etc": []}}',
        '{"holdouts": {}, "more": 1}',
        '{"format_version": 2}',
        json.dumps({"holdouts": {HOLDOUT: [{"model": "$(id)", "function": "x"}]}}),
        json.dumps({"holdouts": {HOLDOUT: [{**one(1), "note": "@everyone"}]}}),
        '{"holdouts": ' * 2000,
    ],
)
def test_what_is_no_count_is_refused(folders: tuple[Path, Path], content: str) -> None:
    write(folders[1], one(1))
    write(folders[0])
    folders[0].write_text(content)
    assert run(folders) is Exit.USAGE
    assert counted(folders) == [one(1)]


def test_more_tries_than_a_run_can_make_are_refused(folders: tuple[Path, Path]) -> None:
    write(folders[0], *[one(number) for number in range(MOST_NEW + 1)])
    assert run(folders) is Exit.USAGE
    assert not folders[1].exists()


def test_a_file_that_is_too_large_or_a_link_is_not_read(folders: tuple[Path, Path], tmp_path: Path) -> None:
    write(folders[0])
    folders[0].write_bytes(b" " * (MOST_BYTES + 1))
    assert run(folders) is Exit.USAGE
    folders[0].unlink()
    write(tmp_path / "elsewhere.json", one(1))
    folders[0].symlink_to(tmp_path / "elsewhere.json")
    assert run(folders) is Exit.USAGE


def test_a_damaged_history_is_not_replaced(folders: tuple[Path, Path]) -> None:
    folders[1].write_text("{")
    write(folders[0], one(1))
    assert run(folders) is Exit.USAGE
    assert folders[1].read_text() == "{"
