"""The count of evaluations, and the one look out of an artifact that anybody's code may have written."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.exits import Exit
from publishing.count_evaluations import MOST_BYTES_OF_AN_EVALUATION, main
from publishing.evaluation_counts import merged_counts

HOLDOUT = "a" * 64
ROWS = [{"rows": 2, "smallest": "0" * 12 + "1" * 12}]


def one(number: int) -> dict[str, str]:
    return {"model": f"sha256:{number:064x}", "function": f"sha256:{number + 1000:064x}"}


def look(path: Path, number: int, **changes: Any) -> None:
    """What evaluate hands on of one run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"format_version": 1, "holdout": HOLDOUT, "rows": ROWS, **one(number)} | changes))


def ledger(path: Path, *evaluations: Any, version: int = 1) -> None:
    path.write_text(json.dumps({"format_version": version, "holdouts": {HOLDOUT: evaluations}}))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "history").mkdir()
    return tmp_path / "build" / "evaluate" / "evaluation.json", tmp_path / "history" / "evaluations.json"


def run(folders: tuple[Path, Path]) -> Exit:
    return main(["--build", str(folders[0].parents[1]), "--history", str(folders[1].parent)])


def counted(folders: tuple[Path, Path]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(folders[1].read_text())["holdouts"][HOLDOUT]
    return found


def decide(folders: tuple[Path, Path], *comparisons: str) -> None:
    folders[0].parent.mkdir(parents=True, exist_ok=True)
    decision = {"decision": "promote", "comparisons": comparisons, "a key of tomorrow": 1}
    (folders[0].parent / "decision.json").write_text(json.dumps(decision))


def test_the_first_look_is_counted_with_the_rows_that_it_saw(folders: tuple[Path, Path]) -> None:
    look(folders[0], 1)
    assert run(folders) is Exit.PASS
    assert counted(folders) == [one(1)]
    assert json.loads(folders[1].read_text())["rows"] == {HOLDOUT: ROWS}


def test_a_new_look_comes_after_those_that_were_counted(folders: tuple[Path, Path]) -> None:
    ledger(folders[1], one(1), one(2))
    look(folders[0], 3)
    assert run(folders) is Exit.PASS
    assert counted(folders) == [one(1), one(2), one(3)]


def test_the_same_function_is_counted_once(folders: tuple[Path, Path]) -> None:
    ledger(folders[1], one(1))
    look(folders[0], 2, function=one(1)["function"])
    assert run(folders) is Exit.PASS
    assert counted(folders) == [one(1)]


def test_a_run_that_judged_nothing_changes_nothing(folders: tuple[Path, Path]) -> None:
    assert run(folders) is Exit.PASS
    decide(folders)
    assert run(folders) is Exit.PASS
    assert not folders[1].exists()


def test_a_run_that_leaves_its_look_out_is_refused(folders: tuple[Path, Path]) -> None:
    ledger(folders[1], one(1))
    decide(folders, "roc_auc")
    assert run(folders) is Exit.USAGE
    look(folders[0], 2)
    assert run(folders) is Exit.PASS
    assert counted(folders) == [one(1), one(2)]


def test_a_ledger_beside_the_look_neither_helps_nor_harms(folders: tuple[Path, Path]) -> None:
    """Twenty forged looks of a pull request: none is counted but its own, and none that was counted is taken away."""
    ledger(folders[1], one(1), one(2))
    look(folders[0], 3)
    ledger(folders[0].parent / "evaluations.json", *[one(number) for number in range(100, 120)])
    assert run(folders) is Exit.PASS
    assert counted(folders) == [one(1), one(2), one(3)]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        json.dumps({"format_version": 1, "holdouts": {HOLDOUT: [one(number) for number in range(20)]}}),
        json.dumps({"holdout": "../../etc", "rows": ROWS, **one(1)}),
        json.dumps({"holdout": HOLDOUT, "rows": ROWS, **one(1), "note": "@everyone"}),
        json.dumps({"holdout": HOLDOUT, "rows": ROWS, "model": "$(id)", "function": "x"}),
        json.dumps({"holdout": HOLDOUT, "rows": ROWS * 5, **one(1)}),
        json.dumps({"holdout": HOLDOUT, "rows": [{"rows": 1, "smallest": "0" * 12 * 129}], **one(1)}),
        json.dumps({"holdout": HOLDOUT, "rows": [{"rows": -1, "smallest": ""}], **one(1)}),
        # No samples: the first ended every later gate in a traceback.
        json.dumps({"holdout": HOLDOUT, "rows": [{"rows": 5, "smallest": ""}], **one(1)}),
        json.dumps({"holdout": HOLDOUT, "rows": [{"rows": 10**12, "smallest": "0" * 12}], **one(1)}),
        json.dumps({"holdout": HOLDOUT, "rows": [{"rows": 1, "smallest": "0" * 12 + "1" * 12}], **one(1)}),
        json.dumps({"holdout": HOLDOUT, "rows": [{"rows": 2, "smallest": "0" * 24}], **one(1)}),
        json.dumps({"holdout": HOLDOUT, "rows": [{"rows": 2, "smallest": "1" * 12 + "0" * 12}], **one(1)}),
        '{"rows": ' * 2000,
    ],
)
def test_what_is_no_look_is_refused(folders: tuple[Path, Path], content: str) -> None:
    ledger(folders[1], one(1))
    look(folders[0], 2)
    folders[0].write_text(content)
    assert run(folders) is Exit.USAGE
    assert counted(folders) == [one(1)]


def test_a_file_that_is_too_large_or_a_link_is_not_read(folders: tuple[Path, Path], tmp_path: Path) -> None:
    look(folders[0], 1)
    folders[0].write_bytes(b" " * (MOST_BYTES_OF_AN_EVALUATION + 1))
    assert run(folders) is Exit.USAGE
    folders[0].unlink()
    look(tmp_path / "elsewhere.json", 1)
    folders[0].symlink_to(tmp_path / "elsewhere.json")
    assert run(folders) is Exit.USAGE


def test_a_thousand_evaluations_of_forged_holdouts_keep_no_other_out(folders: tuple[Path, Path]) -> None:
    """Each run of a pull request may add one, of a holdout that is nowhere, and as large as the schema lets it be."""
    sample = {"rows": 128, "smallest": "".join(f"{number:012x}" for number in range(128))}
    forged = [f"{number:064x}" for number in range(1000)]
    rows, holdouts = dict.fromkeys(forged, [sample] * 4), {key: [one(at)] for at, key in enumerate(forged)}
    folders[1].write_text(json.dumps({"format_version": 2, "holdouts": holdouts, "rows": rows}, indent=2))
    look(folders[0], 5000)
    assert run(folders) is Exit.PASS
    assert counted(folders) == [one(5000)]


def test_a_damaged_history_is_not_replaced(folders: tuple[Path, Path]) -> None:
    folders[1].write_text("{")
    look(folders[0], 1)
    assert run(folders) is Exit.USAGE
    assert folders[1].read_text() == "{"


FIRST: dict[str, list[dict[str, Any]]] = {
    "no rows": [],
    "other rows": [{"rows": 3, "smallest": "2" * 12 + "3" * 12 + "4" * 12}],
    "as many as may be": [{"rows": 1, "smallest": f"{number:012x}"} for number in range(4)],
}


@pytest.mark.parametrize("name", FIRST)
def test_whoever_names_a_holdout_first_cannot_hide_its_rows(folders: tuple[Path, Path], name: str) -> None:
    """Else evaluations on it would have no price where the holdout has moved by a day."""
    for number in range(6):
        look(folders[0], number, rows=FIRST[name])
        assert run(folders) is Exit.PASS
    look(folders[0], 7)
    assert run(folders) is Exit.PASS
    assert json.loads(folders[1].read_text())["rows"] == {HOLDOUT: FIRST[name] + ROWS}


def test_the_same_rows_are_kept_once(folders: tuple[Path, Path]) -> None:
    for number in range(3):
        look(folders[0], number)
        assert run(folders) is Exit.PASS
    assert json.loads(folders[1].read_text())["rows"] == {HOLDOUT: ROWS}


def test_what_the_history_says_of_a_holdouts_rows_stays() -> None:
    theirs = {"format_version": 1, "holdouts": {HOLDOUT: [one(1)]}, "rows": {HOLDOUT: ROWS}}
    ours = {"format_version": 2, "holdouts": {HOLDOUT: [one(1)]}, "rows": {HOLDOUT: [], "b" * 64: ROWS}}
    assert merged_counts(theirs, ours)["rows"] == {HOLDOUT: ROWS, "b" * 64: ROWS}
