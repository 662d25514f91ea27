"""A model folder is read only where its files are plain files: reading a pipe could hang."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.model_folder import CARD_FILE, ModelFolderError, model_digest, read_card, verify_files
from testbed.served_folders import write_folder


@pytest.mark.parametrize(
    "plant", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir], ids=["pipe", "device", "folder"]
)
def test_what_is_no_regular_file_is_refused_unread(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    folder = write_folder(tmp_path / "model")
    card = read_card(folder)
    for name in ("golden.json", CARD_FILE):
        (folder / name).unlink()
        plant(folder / name)
    for read in (read_card, model_digest, lambda one: verify_files(one, card)):
        with pytest.raises(ModelFolderError, match="no regular file"):
            read(folder)
