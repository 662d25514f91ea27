"""The index of ids: what a label is looked up in, however large the log is."""

import sys
import uuid
from collections.abc import Callable
from pathlib import Path

from contracts.request_log import PREDICTIONS_GLOB
from service.log.index import RECORD, Entry, IdIndex


def line(identity: str, key: str) -> str:
    return f'{{"v":1,"id":"{identity}","at_us":120000000,"model":"sha256:0","key":"{key}","features":{{}}}}\n'


def index_of(folder: Path, **files: list[str]) -> IdIndex:
    """An index of one file of records for each key."""
    for key, ids in files.items():
        text = "".join(line(one, key) for one in ids)
        (folder / f"predictions-20260101T000000.000000Z-1-{key}.jsonl").write_text(text)
    index = IdIndex(folder, PREDICTIONS_GLOB, RECORD)
    index.refresh()
    return index


def test_ids_are_found_in_every_file_and_others_are_left_out(tmp_path: Path) -> None:
    a, b, never = (str(uuid.uuid4()) for _ in range(3))
    found = index_of(tmp_path, web=[a], batch=[b]).entries_of([b, never, a, a])
    assert found == {a: Entry(2, "web"), b: Entry(2, "batch")}
    assert index_of(tmp_path).entries_of([]) == {}


def test_ids_that_share_a_half_are_told_apart(tmp_path: Path) -> None:
    same_end = [f"0000000{one}-0000-4000-8000-0000000000ff" for one in range(6)]
    index = index_of(tmp_path, web=same_end[:4], batch=[same_end[4], "00000005-0000-4000-8000-0000000000fe"])
    assert set(index.entries_of(same_end)) == set(same_end[:5])


def test_many_ids_are_looked_up_in_one_call(tmp_path: Path) -> None:
    index = index_of(tmp_path, **{f"key-{number}": [str(uuid.uuid4())] for number in range(20)})
    many = [str(uuid.uuid4()) for _ in range(500)]
    # Each label was searched for in each file, while every prediction waited: two seconds for 1,000 labels.
    assert calls_of(lambda: index.entries_of(many)) == calls_of(lambda: index.entries_of(many[:1]))


def calls_of(function: Callable[[], object]) -> int:
    """How many functions are called meanwhile, those in C as well."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls
