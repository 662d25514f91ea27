"""Push, pull, and the champion out of a registry, against a real one on loopback."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.exits import Exit, UsageError
from contracts.image import MODEL_LABEL, ChampionImage, PushedImage
from contracts.model_folder import CARD_FILE, MODEL_FILES
from contracts.pipeline_toml.reader import load_config
from contracts.release import Champion
from contracts.schema import read_json
from contracts.stage import Build
from deploy.admission.rules import NotAdmittedError
from deploy.champion.move import move, roll_back
from deploy.digests import image_id, on_engine
from deploy.engine import EngineError, docker
from deploy.image.build import self_test
from deploy.login import LOGIN_REFUSED
from deploy.registry.attestation import LABEL, AttestationError, read_attestation, tag_of
from deploy.registry.fetch_image import fetch as fetch_image
from deploy.registry.publish_image import ARCHIVE, publish
from deploy.registry.push import push_built
from deploy.registry.registry import (
    NoSuchImageError,
    WrongDigestError,
    described,
    look_up,
    move_tag,
    pull,
    push,
)
from scoring.scorer import load_scorer
from testbed.tiny_build import write_model
from tests.containers.conftest import ROOT, Built, free_port, variant
from tests.containers.registry import USER, private_registry
from tests.refusals import refuses
from tests.reports.records import write_record

pytestmark = pytest.mark.image_store


@pytest.fixture(scope="session")
def pushed(built: Built, registry: str) -> PushedImage:
    return push_built(built.build, f"{registry}/user/flights")


@pytest.fixture(autouse=True)
def nothing_passed_on(built: Built) -> Iterator[None]:
    """Each test finds the image built, and not yet on its way anywhere."""
    yield
    for path in (built.build.stage("build") / "pushed.json", built.build.root / ARCHIVE):
        path.unlink(missing_ok=True)


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """A build folder that already has a champion: what a refusal must leave alone."""
    build = Build(tmp_path / "build")
    write_model(build.champion)
    return build


@pytest.fixture
def untouched(build: Build) -> Iterator[None]:
    """The champion is the same afterwards, and nothing lies beside it."""
    before = contents(build.champion)
    yield
    assert contents(build.champion) == before
    assert [path.name for path in build.root.iterdir()] == ["champion"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def command(module: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "deploy", module, *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, env=os.environ | environment, check=False)


def fetch(build: Build, champion: str) -> "subprocess.CompletedProcess[str]":
    return command("champion", "--build", str(build.root), "--champion", champion)


def repository_of(pushed: PushedImage) -> str:
    return pushed.reference.partition("@")[0]


def test_a_push_prints_exactly_one_digest_and_nothing_else(built: Built, registry: str) -> None:
    done = command("push", "--build", str(built.build.root), "--repository", f"{registry}/user/printed")
    assert done.returncode == Exit.PASS, done.stderr
    assert re.fullmatch(rf"{registry}/user/printed@sha256:[0-9a-f]{{64}}\n", done.stdout)


def test_a_push_names_the_commit_and_says_what_the_registry_holds(built: Built, pushed: PushedImage) -> None:
    again = push_built(built.build, repository_of(pushed))  # other tests push elsewhere, and each push is written down
    assert read_json(built.build.stage("build") / "pushed.json", PushedImage, "make push") == again == pushed
    assert pushed.tag == f"sha-{built.image.commit}"
    held = look_up(f"{repository_of(pushed)}:{pushed.tag}")
    assert held.image_id == built.image.image_id
    assert held.packed_bytes == pushed.packed_bytes == pytest.approx(built.image.packed_bytes, rel=0.05)


def test_the_provenance_speaks_of_the_pushed_digest(built: Built, registry: str) -> None:
    reference = push_built(built.build, f"{registry}/user/proven").reference
    statement = json.loads((built.build.stage("build") / "provenance.json").read_text())
    assert statement["subject"] == [
        {"name": f"{registry}/user/proven", "digest": {"sha256": reference.partition("@sha256:")[2]}}
    ]


def test_a_second_push_gives_the_same_digest(built: Built, pushed: PushedImage) -> None:
    assert push_built(built.build, repository_of(pushed)) == pushed


def test_what_is_pulled_by_digest_is_what_was_pushed_and_proves_itself(built: Built, pushed: PushedImage) -> None:
    assert image_id(pull(pushed.reference)) == built.image.image_id
    self_test(pushed.reference, built.image.model)


def test_the_champion_comes_out_of_the_image_byte_for_byte(built: Built, pushed: PushedImage, build: Build) -> None:
    move_tag(pushed.reference, "champion")
    done = fetch(build, f"docker://{repository_of(pushed)}:champion")
    assert done.returncode == Exit.PASS, done.stderr
    assert contents(build.champion) == contents(built.build.challenger)
    assert load_scorer(build.champion).digest == built.image.model
    noted = read_json(build.champion_image, ChampionImage, "make champion")
    assert (noted.model, image_id(noted.engine_id)) == (built.image.model, built.image.image_id)


def test_of_a_champion_out_of_a_folder_no_image_is_noted(built: Built, pushed: PushedImage, build: Build) -> None:
    assert fetch(build, f"docker://{pushed.reference}").returncode == Exit.PASS
    assert build.champion_image.exists()
    assert fetch(build, str(built.build.challenger)).returncode == Exit.PASS
    assert not build.champion_image.exists()


def test_the_champion_can_be_named_by_digest(built: Built, pushed: PushedImage, build: Build) -> None:
    assert fetch(build, f"docker://{pushed.reference}").returncode == Exit.PASS
    assert load_scorer(build.champion).digest == built.image.model


def test_the_champion_tag_moves_to_another_digest_and_back(built: Built, pushed: PushedImage) -> None:
    repository = repository_of(pushed)
    with variant(built.image.reference, "LABEL another=one") as other:
        another = push(other, repository, "sha-another")
        for reference in (another, pushed.reference):
            move_tag(reference, "champion")
            assert look_up(f"{repository}:champion") == look_up(reference)
    assert another != pushed.reference


@pytest.mark.usefixtures("untouched")
def test_a_tag_that_is_not_there_is_refused_and_never_means_none(pushed: PushedImage, build: Build) -> None:
    missing = f"{repository_of(pushed)}:nobody"
    done = fetch(build, f"docker://{missing}")
    assert done.returncode == Exit.USAGE
    assert missing in done.stderr


@pytest.mark.usefixtures("untouched")
def test_a_repository_that_is_not_there_is_refused(registry: str, build: Build) -> None:
    missing = f"{registry}/user/nothing:champion"
    done = fetch(build, f"docker://{missing}")
    assert done.returncode == Exit.USAGE
    assert missing in done.stderr


@pytest.mark.usefixtures("untouched")
def test_a_registry_that_does_not_answer_is_told_apart_from_a_missing_tag(build: Build) -> None:
    done = fetch(build, f"docker://127.0.0.1:{free_port()}/user/flights:champion")
    assert done.returncode == Exit.CRASH
    assert "connection refused" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("untouched")
def test_no_engine_is_told_apart_from_a_missing_tag(build: Build, tmp_path: Path) -> None:
    done = command("champion", "--build", str(build.root), "--champion", "docker://user/flights:champion",
                   DOCKER_HOST=f"unix://{tmp_path}/nothing.sock")  # fmt: skip
    assert done.returncode == Exit.USAGE
    assert "container engine" in done.stderr


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("RUN printf x >> /model/model.onnx", "it was changed"),
        ("RUN rm /model/golden.json", "golden.json cannot be read"),
        ("RUN printf x > /model/extra.py", "no such file"),
        ("RUN ln -sf /etc/passwd /model/golden.json", "no such file"),
        ("RUN rm -r /model", "it is not an image of this service"),
        (f"LABEL {MODEL_LABEL}=sha256:0", "label"),
    ],
    ids=["changed", "incomplete", "more", "link", "none", "label"],
)
def test_a_damaged_model_folder_in_an_image_is_refused(
    built: Built, registry: str, build: Build, damage: str, said: str
) -> None:
    with variant(built.image.reference, "USER 0", damage) as damaged:
        reference = push(damaged, f"{registry}/user/damaged", "champion")
        done = fetch(build, f"docker://{reference}")
    assert done.returncode == Exit.FINDING, done.stderr
    assert said in done.stderr


def test_a_digest_that_the_registry_does_not_have_gets_no_tag(pushed: PushedImage) -> None:
    with pytest.raises(NoSuchImageError):
        move_tag(f"{repository_of(pushed)}@sha256:{'0' * 64}", "champion")


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`127.0.0.1:<port>` of a registry that asks for a login."""
    with private_registry(tmp_path_factory.mktemp("private")) as registry:
        yield registry.address


@pytest.mark.parametrize(
    "ask",
    [
        lambda name, _: pull(name),
        lambda name, _: look_up(name),
        lambda name, _: described(name),
        lambda name, _: move_tag(name, "champion"),
        lambda name, built: push(built.here, name.partition("@")[0], "pushed"),
        lambda name, built: roll_back(Build(built.build.root / "rolled-back"), name),
        lambda name, built: read_attestation(name.partition("@")[0], built.image.image_id),
    ],
    ids=["pull", "look up", "describe", "move a tag", "push", "roll back", "read an attestation"],
)
def test_what_a_registry_refuses_in_a_job_says_who_is_logged_in_and_who_logs_in(
    private: str, built: Built, ask: Callable[[str, Built], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("GITHUB_RUN_ID", "4711")
    with pytest.raises((NoSuchImageError, AttestationError)) as refused:
        ask(f"{private}/user/private@sha256:{'0' * 64}", built)
    assert f"Nobody is logged in to {private} in this job" in str(refused.value)
    assert "DOCKERHUB_USERNAME" in str(refused.value)


def test_a_login_that_is_refused_is_told_apart_from_none(
    private: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = base64.b64encode(f"{USER}:another".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {private: {"auth": wrong}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with refuses(NoSuchImageError, LOGIN_REFUSED, f"The login to {private} has no access"):
        pull(f"{private}/user/private:champion")


def test_a_push_to_a_registry_that_does_not_answer_fails(built: Built) -> None:
    with pytest.raises(EngineError, match="connection refused"):
        push_built(built.build, f"127.0.0.1:{free_port()}/user/flights")


def test_a_push_of_an_image_that_is_gone_says_to_build_again(built: Built, registry: str, tmp_path: Path) -> None:
    folder = Build(tmp_path).stage("build")
    folder.mkdir(parents=True)
    for name in ("image.json", "stage.json", "provenance.json"):
        text = (built.build.stage("build") / name).read_text()
        (folder / name).write_text(text.replace(built.image.image_id, "sha256:" + "0" * 64))
    done = command("push", "--build", str(tmp_path), "--repository", f"{registry}/user/gone")
    assert done.returncode == Exit.USAGE
    assert "make build" in done.stderr
    assert done.stdout == ""


def test_the_fetched_folder_has_the_model_folders_files_only(pushed: PushedImage, build: Build) -> None:
    fetch(build, f"docker://{pushed.reference}")
    assert set(contents(build.champion)) == {CARD_FILE, *MODEL_FILES}


def test_an_image_travels_through_the_registry_by_digest(built: Built, registry: str) -> None:
    assert publish(built.build, built.config, f"{registry}/user/travels").startswith("pushed ")
    docker("image", "rm", "--force", built.here)
    name, digest = fetch_image(built.build)
    assert name == f"{registry}/user/travels"
    assert digest == manifest_digest(f"{name}@{digest}")
    assert on_engine(built.image) is not None


def test_what_was_published_is_attested_beside_it_and_by_its_contents(built: Built, registry: str) -> None:
    repository = f"{registry}/user/attested"
    assert "attested in" in publish(built.build, built.config, repository)
    found = read_attestation(repository, built.image.image_id)
    assert found is not None
    assert (found.image, found.model) == (built.image.image_id, built.image.model)
    assert read_attestation(repository, "sha256:" + "e" * 64) is None


def test_what_a_stage_did_not_pass_for_is_neither_pushed_nor_attested(built: Built, registry: str) -> None:
    repository, record = f"{registry}/user/failed", built.build.stage("evaluate") / "stage.json"
    before = record.read_bytes()
    try:
        write_record(built.build, "evaluate", exit_code=Exit.FINDING)
        with refuses(NotAdmittedError, "stage-failed", "Not published", "evaluate"):
            publish(built.build, built.config, repository)
    finally:
        record.write_bytes(before)
    with pytest.raises(NoSuchImageError):
        look_up(f"{repository}:{built.image.reference.rpartition(':')[2]}")
    assert read_attestation(repository, built.image.image_id) is None


@pytest.mark.parametrize("label", ["", "{}", "not json"])
def test_an_attestation_that_cannot_be_read_is_refused(built: Built, registry: str, label: str) -> None:
    repository = f"{registry}/user/damaged"
    with variant(built.image.reference, f"LABEL {LABEL}={label!r}") as planted:
        push(planted, repository, tag_of(built.image.image_id))
    with pytest.raises(AttestationError, match="is no attestation"):
        read_attestation(repository, built.image.image_id)


def test_an_image_travels_as_a_file_where_there_is_no_registry(built: Built) -> None:
    publish(built.build, built.config, "")
    docker("image", "rm", "--force", built.here)
    name, digest = fetch_image(built.build)
    assert (name, digest) == (built.image.reference.rpartition(":")[0], built.image.image_id)
    self_test(built.image.reference, built.image.model)


def test_another_image_under_the_same_name_is_not_taken_for_it(built: Built) -> None:
    archive = built.build.root / ARCHIVE
    archive.parent.mkdir(exist_ok=True)
    docker("tag", built.here, "gatehouse-test-kept")  # an image that no name stands for may be gone after a load
    with variant(built.image.reference, "LABEL planted=yes") as planted:
        docker("tag", planted, built.image.reference)
        docker("save", "--output", str(archive), built.image.reference)
        docker("tag", "gatehouse-test-kept", built.image.reference)
        with pytest.raises(WrongDigestError, match="required"):
            fetch_image(built.build)
        docker("tag", "gatehouse-test-kept", built.image.reference)
    docker("image", "rm", "gatehouse-test-kept")


def test_the_champions_tag_moves_after_a_deploy_and_back_after_a_rollback(
    built: Built, registry: str, tmp_path: Path
) -> None:
    repository = f"{registry}/user/moves"
    publish(built.build, built.config, repository)
    first = read_json(built.build.stage("build") / "pushed.json", PushedImage, "make publish-image").reference
    move(built.build, load_config(built.config))
    assert look_up(f"{repository}:champion") == look_up(first)
    other = push(built.here, repository, "other")
    assert look_up(f"{repository}:champion").image_id == built.image.image_id
    build = Build(tmp_path / "build")
    assert roll_back(build, other).startswith(built.image.model[:19])
    assert read_json(build.stage("deploy") / "champion.json", Champion, "make move-champion").image == other
    assert manifest_digest(f"{repository}:champion") == first.partition("@")[2]


@pytest.mark.parametrize("reference", ["user/name:champion", "user/name", "$(id)", "a@sha256:1"])
def test_only_a_digest_is_rolled_back_to(reference: str, build: Build) -> None:
    with pytest.raises(UsageError, match="no digest"):
        roll_back(build, reference)


def manifest_digest(reference: str) -> str:
    about = json.loads(docker("buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}", reference))
    return str(about["digest"])
