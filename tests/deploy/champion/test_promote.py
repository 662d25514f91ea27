"""The last step on a laptop: what is promoted takes the champion's place whole."""

from pathlib import Path

import pytest

from deploy.champion.promote import replace_folder


def test_the_folder_in_place_is_replaced_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "model", tmp_path / "champion"
    for folder, name in ((source, "new.json"), (target, "old.json")):
        folder.mkdir()
        (folder / name).write_text("{}")
    replace_folder(source, target)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")) == [
        "champion/new.json",
        "model/new.json",
    ]


@pytest.mark.parametrize("killed_after", ["copied", "moved aside"])
def test_a_killed_deploy_leaves_the_old_champion_or_lets_the_next_one_mend_it(
    tmp_path: Path, killed_after: str
) -> None:
    source, target = tmp_path / "model", tmp_path / "champion"
    source.mkdir()
    (source / "new.json").write_text("{}")
    (tmp_path / "champion.new").mkdir()
    (tmp_path / "champion.new" / "half.json").write_text("{}")
    old = tmp_path / ("champion.old" if killed_after == "moved aside" else "champion")
    old.mkdir()
    (old / "old.json").write_text("{}")
    replace_folder(source, target)
    assert [path.name for path in target.iterdir()] == ["new.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["champion", "model"]
