"""The artifact store keeps the rules of GitHub's actions, so that a test which passes here would pass there."""

from pathlib import Path

import pytest

from tests.workflows.artifact_store import MOST_DAYS, ArtifactError, ArtifactStore, files_to_upload


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    write(tmp_path / "work", "build/train/stage.json", "build/train/model/model.onnx", "build/drift/stage.json")
    return tmp_path / "work"


def test_a_folder_becomes_the_artifacts_top(store: ArtifactStore, workspace: Path) -> None:
    made = store.upload(workspace, "train", "build/train")
    assert made is not None
    assert files(made.folder) == {"stage.json", "model/model.onnx"}


@pytest.mark.parametrize("path", ["build/train*", "build/train*/", "build/train\nbuild/absent"])
def test_a_wildcard_or_a_second_path_keeps_the_folders_name(store: ArtifactStore, workspace: Path, path: str) -> None:
    made = store.upload(workspace, "train", path)
    assert made is not None
    assert files(made.folder) == {"train/stage.json", "train/model/model.onnx"}


def test_one_file_alone_is_at_the_top(store: ArtifactStore, workspace: Path) -> None:
    made = store.upload(workspace, "one", "build/train/stage.json")
    assert made is not None
    assert files(made.folder) == {"stage.json"}


def test_empty_folders_and_hidden_files_are_left_out(store: ArtifactStore, workspace: Path) -> None:
    write(workspace, "build/train/.cache/a", "build/train/.hidden")
    (workspace / "build/train/empty").mkdir()
    made = store.upload(workspace, "train", "build/train")
    assert made is not None
    assert files(made.folder) == {"stage.json", "model/model.onnx"}
    assert not (made.folder / "empty").exists()
    assert len(files_to_upload(workspace, "build/train", hidden=True)[0]) == 4


def test_nothing_found_makes_no_artifact(store: ArtifactStore, workspace: Path) -> None:
    (workspace / "build/empty").mkdir()
    assert store.upload(workspace, "empty", "build/empty") is None
    assert store.upload(workspace, "absent", "build/absent") is None
    assert store.listed() == []


def test_what_a_line_excludes_is_left_out(workspace: Path) -> None:
    found, _ = files_to_upload(workspace, "build\n!build/train/model")
    assert [path.relative_to(workspace).as_posix() for path in found] == [
        "build/drift/stage.json", "build/train/stage.json",
    ]  # fmt: skip


def test_a_link_is_uploaded_as_its_file_and_a_broken_one_left_out(store: ArtifactStore, workspace: Path) -> None:
    (workspace / "build/train/link").symlink_to(workspace / "build/drift/stage.json")
    (workspace / "build/train/broken").symlink_to("nowhere")
    (workspace / "build/train/circle").symlink_to(workspace / "build/train")
    made = store.upload(workspace, "train", "build/train/*")
    assert made is not None
    assert "broken" not in files(made.folder)
    assert (made.folder / "link").read_text() == "build/drift/stage.json"
    assert not (made.folder / "link").is_symlink()


@pytest.mark.parametrize("name", ["", "a/b", "a:b", 'a"b', "a*b"])
def test_a_name_that_no_file_system_takes_is_refused(store: ArtifactStore, workspace: Path, name: str) -> None:
    with pytest.raises(ArtifactError, match="not valid"):
        store.upload(workspace, name, "build/train")


def test_a_name_is_taken_once_on_an_attempt(store: ArtifactStore, workspace: Path) -> None:
    store.upload(workspace, "train", "build/train")
    with pytest.raises(ArtifactError, match="409"):
        store.upload(workspace, "train", "build/drift")
    assert store.upload(workspace, "train", "build/drift", overwrite=True) is not None
    assert [files(one.folder) for one in store.listed()] == [{"stage.json"}]


def test_a_later_attempt_may_use_the_name_again_and_finds_what_the_earlier_one_made(
    store: ArtifactStore, workspace: Path, tmp_path: Path
) -> None:
    store.upload(workspace, "train", "build/train")
    store.upload(workspace, "drift", "build/drift")
    store.attempt = 2
    (workspace / "build/drift/stage.json").write_text("second")
    store.upload(workspace, "drift", "build/drift")
    store.download(tmp_path / "out", pattern="*")
    assert (tmp_path / "out/drift/stage.json").read_text() == "second"
    assert (tmp_path / "out/train/stage.json").exists()


def test_several_get_a_folder_each_and_one_alone_gets_none(
    store: ArtifactStore, workspace: Path, tmp_path: Path
) -> None:
    store.upload(workspace, "train", "build/train")
    store.download(tmp_path / "one", pattern="*")
    assert files(tmp_path / "one") == {"stage.json", "model/model.onnx"}
    store.upload(workspace, "drift", "build/drift")
    store.download(tmp_path / "two", pattern="*")
    assert files(tmp_path / "two") == {"train/stage.json", "train/model/model.onnx", "drift/stage.json"}


def test_merged_none_gets_a_folder(store: ArtifactStore, workspace: Path, tmp_path: Path) -> None:
    store.upload(workspace, "train", "build/train*")
    store.upload(workspace, "drift", "build/drift*")
    store.download(tmp_path / "out", pattern="*", merge=True)
    assert files(tmp_path / "out") == {"train/stage.json", "train/model/model.onnx", "drift/stage.json"}


def test_braces_name_several(store: ArtifactStore, workspace: Path, tmp_path: Path) -> None:
    for name in ("train", "report", "image"):
        store.upload(workspace, name, "build/train")
    found = store.download(tmp_path / "out", pattern="{train,report}", merge=True)
    assert {one.name for one in found} == {"train", "report"}


def test_none_that_matches_is_no_error(store: ArtifactStore, tmp_path: Path) -> None:
    assert store.download(tmp_path / "out", pattern="audit-*") == []


def test_an_artifact_is_gone_after_its_days(store: ArtifactStore, workspace: Path) -> None:
    store.upload(workspace, "short", "build/train", days=1)
    store.upload(workspace, "default", "build/train")
    store.upload(workspace, "long", "build/train", days=10_000)
    store.day = 1
    assert [one.name for one in store.listed()] == ["default", "long"]
    store.day = MOST_DAYS
    assert store.listed() == []


def test_pages_wants_exactly_one_of_its_name_over_all_attempts(store: ArtifactStore, workspace: Path) -> None:
    with pytest.raises(ArtifactError, match="0 artifacts"):
        store.deploy_pages("github-pages")
    store.upload(workspace, "github-pages", "build/train")
    assert store.deploy_pages("github-pages").attempt == 1
    store.attempt = 2
    store.upload(workspace, "github-pages", "build/train")
    with pytest.raises(ArtifactError, match="2 artifacts"):
        store.deploy_pages("github-pages")
