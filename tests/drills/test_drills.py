"""All drills are found, have a sentence and a reason, and run at the project's limits."""

import re
import tomllib
from pathlib import Path

import pytest

from contracts.drills import DrillRecord, DrillRecords
from contracts.outside.handbook import between
from drills.drill import FOLDERS, NoDrillError, _drill_in, find_drills
from drills.pipeline_toml import with_key
from drills.table import BEGIN, END, listing, summary

ROOT = Path(__file__).parents[2]
DRILLS = find_drills()


def test_every_folder_has_drills_and_no_name_is_there_twice() -> None:
    assert {one.name.split("/")[0] for one in DRILLS} == set(FOLDERS)
    assert len({one.name for one in DRILLS}) == len(DRILLS)


@pytest.mark.parametrize("one", DRILLS, ids=lambda one: one.name)
def test_a_drill_has_one_sentence_on_what_is_planted_and_a_reason(one: object) -> None:
    drill = next(each for each in DRILLS if each is one)
    assert re.fullmatch(r"[^\n]{20,160}\.", drill.planted)
    assert len(drill.reason) > 10
    assert not re.search(drill.reason, "")


def test_a_file_that_is_no_drill_is_refused_by_name() -> None:
    with pytest.raises(NoDrillError, match=r"drills\.scene: .* docstring"):
        _drill_in("drills.scene")


def test_the_drills_run_at_the_limits_of_the_project() -> None:
    ours, theirs = (tomllib.loads((ROOT / path).read_text()) for path in ("pipeline.toml", "drills/pipeline.toml"))
    if ours["data"]["source"] == theirs["data"]["source"]:
        assert ours == theirs, "run `make drill-list`"


def test_the_handbook_lists_every_drill() -> None:
    text = (ROOT / "docs" / "drills.md").read_text(encoding="utf-8")
    assert between(text, BEGIN, END, listing(DRILLS)) == text, "run `make drill-list`"


def test_a_page_without_marks_is_refused() -> None:
    assert between("<b> x <c>", "<b>", "<c>", "new").split() == ["<b>", "new", "<c>"]
    with pytest.raises(ValueError, match="<b>"):
        between("a <c> <b>", "<b>", "<c>", "new")


def record(**changes: object) -> DrillRecord:
    fields = {
        "name": "model/one", "stage": "evaluate", "planted": "A fault.", "expected_exit": 3, "exit": 3,
        "expected_reason": "worse", "reason": "it is worse", "passed": True, "seconds": 1.0,
    }  # fmt: skip
    return DrillRecord.model_validate(fields | changes)


def test_the_table_puts_failed_drills_first_with_the_required_exit_code() -> None:
    failed = record(name="model/two", exit=0, passed=False, reason="promoted")
    text = summary(DrillRecords(full=False, seconds=10, drills=(record(), failed)))
    assert text.startswith("## ❌ 1 of 2")
    assert text.index("model/two") < text.index("model/one")
    assert "required 3" in text


def test_the_table_of_drills_that_all_passed_says_so() -> None:
    assert summary(DrillRecords(full=True, seconds=10, drills=(record(),))).startswith("## ✅ 1 of 1")


@pytest.mark.parametrize("text", ["a | b", "<img src=x>", "line\nline", "[link](x)", "@everyone", "`x`"])
def test_no_reason_becomes_markup_in_the_table(text: str) -> None:
    row = summary(DrillRecords(full=False, seconds=1, drills=(record(reason=text),))).splitlines()[-1]
    assert row.count(" | ") == 4
    assert not re.search(r"<|@|`|(?<!\\)\[", row)


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("gate.margin", 0.5, "margin = 0.5"),
        ("gate.floors.roc_auc", 0.1, "roc_auc = 0.1"),
        ("gate.slices", ["a"], 'slices = ["a"]'),
        ("drift.columns.temp.threshold", 0.2, "threshold = 0.2"),
    ],
)
def test_a_key_is_set_where_it_belongs_and_nothing_else_changes(key: str, value: object, line: str) -> None:
    text = '[gate]\nmargin = 0.01\nmetric = "x"\n\n[gate.floors]\nroc_auc = 0.6\n'
    changed = with_key(text, key, value)
    assert line in changed.splitlines()
    kept = set(text.splitlines()) - {"margin = 0.01", "roc_auc = 0.6"}
    assert kept <= set(changed.splitlines())


def test_a_key_is_taken_out() -> None:
    text = with_key("[gate]\nmargin = 0.01\n", "gate.margin", None)
    assert tomllib.loads(text) == {"gate": {}}
