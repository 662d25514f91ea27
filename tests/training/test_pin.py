"""`make pin`: one line of pipeline.toml changes, nothing else."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.exits import Exit, FindingError, UsageError
from contracts.pipeline_toml.reader import load_config
from tests.refusals import refuses
from tests.training.toy_tables import write_config
from training.dataset.sources import read_source
from training.pin import pin

CSV = b"a,failed\n1,yes\n2,no\n"
DIGEST = hashlib.sha256(CSV).hexdigest()


def repository_file(folder: Path, csv: str = "t.csv") -> Path:
    """The repository's own pipeline.toml with another source: comments, blank lines and all."""
    (folder / "t.csv").write_bytes(CSV)
    path = folder / "pipeline.toml"
    text = Path("pipeline.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("training.flights:load", str(folder / csv)), encoding="utf-8")
    return path


def test_the_digest_is_written_and_every_other_line_stays(tmp_path: Path) -> None:
    path = repository_file(tmp_path)
    before = path.read_text(encoding="utf-8").splitlines(keepends=True)
    assert "2 rows" in pin(path)
    after = path.read_text(encoding="utf-8").splitlines(keepends=True)
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [('sha256 = ""\n', f'sha256 = "{DIGEST}"\n')]


def test_a_byte_order_mark_stays_where_it_is(tmp_path: Path) -> None:
    path = repository_file(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    before = path.read_bytes()
    assert "2 rows" in pin(path)
    assert path.read_bytes() == before.replace(b'sha256 = ""', f'sha256 = "{DIGEST}"'.encode())
    assert load_config(path).data.sha256 == DIGEST


def test_a_pinned_source_can_be_read_until_it_changes(tmp_path: Path) -> None:
    path = repository_file(tmp_path)
    pin(path)
    data = load_config(path).data
    assert len(read_source(data.source, data.sha256).table) == 2
    (tmp_path / "t.csv").write_bytes(CSV + b"3,no\n")
    with refuses(FindingError, "source-changed"):
        read_source(data.source, data.sha256)


def test_pinning_again_changes_nothing_and_says_so(tmp_path: Path) -> None:
    path = repository_file(tmp_path)
    pin(path)
    before = path.read_bytes()
    assert "is right already" in pin(path)
    assert path.read_bytes() == before


def test_a_new_version_replaces_the_old_digest(tmp_path: Path) -> None:
    path = repository_file(tmp_path)
    pin(path)
    (tmp_path / "t.csv").write_bytes(CSV + b"3,no\n")
    assert f"it was {DIGEST}" in pin(path)


def test_a_functions_table_is_pinned_by_its_values(tmp_path: Path) -> None:
    path = write_config(tmp_path, "tests.training.toy_tables:wine", {"sha256": ""})
    pin(path)
    data = load_config(path).data
    assert len(read_source(data.source, data.sha256).table) == 178


def test_a_source_that_cannot_be_read_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = repository_file(tmp_path, csv="missing.csv")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="no such file"):
        pin(path)
    assert path.read_bytes() == before


def test_the_command_exits_by_kind_of_mistake(tmp_path: Path) -> None:
    path = repository_file(tmp_path)
    assert command(path) == (Exit.PASS, "")
    (tmp_path / "t.csv").write_bytes(b"")
    code, said = command(path)
    assert (code, "is empty" in said) == (Exit.FINDING, True)
    code, said = command(tmp_path / "missing.toml")
    assert (code, "no such file" in said) == (Exit.USAGE, True)


def command(config: Path) -> tuple[int, str]:
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    arguments = [sys.executable, "-m", "training", "pin", "--config", str(config)]
    ended = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stderr
