"""What of the image needs no engine: its commands, its layers read from an archive, its lists, its names."""

import gzip
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from contracts.exits import Exit, FindingError, UsageError
from contracts.image import Image
from contracts.model_folder import CARD_FILE, ModelFolderError
from contracts.schema import write_json
from contracts.stage import Build, StageRecord
from deploy.champion.fetch import fetch, unpack
from deploy.command import run_command
from deploy.engine import EngineError
from deploy.image.build import (
    build_arguments,
    build_command,
    default_base,
    describe,
    headline,
    list_layers,
    requirements_argument,
    wanted_requirements,
)
from deploy.image.layers import packed_sizes, read_layers
from deploy.image.measure import ContainerCost, resident_mb
from deploy.image.provenance import Builder, provenance
from deploy.image.revision import Revision, revision_of
from deploy.image.sbom import bill_of_materials
from deploy.registry.push import push_built
from deploy.registry.registry import (
    NameOfImageError,
    WrongDigestError,
    check_digest_reference,
    check_reference,
    check_repository,
    only_digest,
)
from scoring.scorer import Scorer, load_scorer
from testbed.tiny_build import card, write_model
from tests.refusals import refuses

ROOT = Path(__file__).parents[3]
COMMIT = "c" * 40
DIGEST = "sha256:" + "a" * 64
S3 = {"IMAGE_REQUIREMENTS": "s3"}
OURS = "ENV MODEL_DIR=/model"
REVISION = Revision(COMMIT, 1_700_000_000)
BASE = {
    "usr/lib/os-release": 'NAME="Debian GNU/Linux"\nID=debian\n',
    "var/lib/dpkg/status": (
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.41-12\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n"
    ),
    "usr/local/include/python3.13/patchlevel.h": '#define PY_VERSION      \t"3.13.15"\n',
}
DEPENDENCIES = {
    "dependencies/numpy-2.5.5.dist-info/METADATA": (
        "Metadata-Version: 2.4\nName: numpy\nVersion: 2.5.5\nLicense-Expression: BSD-3-Clause\n\nText: Name: wrong\n"
    ),
    "dependencies/typing_extensions-4.16.0.dist-info/METADATA": "Name: typing_extensions\nVersion: 4.16.0\n",
    "dependencies/numpy/METADATA": "Name: nothing\nVersion: 0\n",
}


def tar_of(files: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            content = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def archive(folder: Path, first_of_ours: str = OURS, layers: int = 2) -> Path:
    """What `docker save` writes of an image with a plain layer of the base and a packed one of ours."""
    history = [
        {"created_by": "base"},
        {"created_by": first_of_ours, "empty_layer": True},
        {"created_by": "COPY /dependencies"},
    ]
    config = {"history": history, "rootfs": {"diff_ids": ["sha256:1", "sha256:2"][:layers]}}
    manifest = [{"Config": "config.json", "Layers": ["base.tar", "ours.tar"][:layers]}]
    content = {"base.tar": tar_of(BASE), "ours.tar": gzip.compress(tar_of(DEPENDENCIES))}
    path = folder / "image.tar"
    path.write_bytes(tar_of({**content, "config.json": json.dumps(config), "manifest.json": json.dumps(manifest)}))
    return path


@pytest.fixture(scope="module")
def challenger(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    folder = tmp_path_factory.mktemp("model") / "model"
    write_model(folder)
    return load_scorer(folder)


@pytest.fixture
def image(tmp_path: Path, challenger: Scorer) -> Image:
    path = archive(tmp_path)
    layers = list_layers(read_layers(path), packed_sizes(path))
    base = f"python:3.13@{DIGEST}"
    return describe(
        "flights:sha-c", DIGEST, base, REVISION, challenger, "sha256:5", layers, ContainerCost(0.613, 98.76)
    )


# The Dockerfile


def seen_by_dependabot(dockerfile: str) -> list[dict[str, str]]:
    """The images whose updates Dependabot asks for: what its docker/lib/dependabot/docker/file_parser.rb matches.

    A line counts that begins with FROM and a name in small letters, and that has a tag or a digest.
    """
    name = r"[a-z\d]+(?:(?:[._]|__|[-]*)[a-z\d]+)*"
    domain = r"(?:(?:[^\W_]|[^\W_][-A-Za-z0-9]*[^\W_])(?:\.(?:[^\W_]|[^\W_][-A-Za-z0-9]*[^\W_]))+)(?::\d+)?"
    line = re.compile(
        rf"^FROM\s+(?:--platform=\S+\s+)?(?:{domain}/)?(?P<image>{name}(?:/{name})*)"
        r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@sha256:(?P<digest>[0-9a-f]{64}))?",
        re.I,
    )
    found = [match.groupdict() for one in dockerfile.splitlines() if (match := line.match(one))]
    return [one for one in found if one["tag"] or one["digest"]]


def test_the_dockerfile_is_short_pinned_and_has_its_stages() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 70
    stages = re.findall(r"^FROM \S+ AS (\S+)$", text, re.M)
    assert stages == ["pinned", "model", "files", "service"]
    assert re.search(r"@sha256:[0-9a-f]{64}$", default_base(text))


def test_dependabot_reads_the_base_image_with_its_digest() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert [(one["image"], one["tag"], one["digest"]) for one in seen_by_dependabot(text)] == [
        tuple(re.split("[:@]", default_base(text).replace("@sha256", ""), maxsplit=2))
    ]


@pytest.mark.parametrize(
    "line",
    ["ARG PYTHON_IMAGE=python:3.13@sha256:" + "0" * 64, "FROM ${PYTHON_IMAGE} AS files", "FROM scratch AS model"],
)
def test_dependabot_reads_no_image_out_of_an_argument(line: str) -> None:
    assert not seen_by_dependabot(line + "\n")


def test_the_dockerfile_installs_by_hash_before_any_source_and_runs_as_a_number() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert text.index("--require-hashes") < text.index("COPY service")
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", text, re.M)
    assert re.search(r'^ENTRYPOINT \["python"', text, re.M)


def test_the_revision_is_the_last_thing_that_the_dockerfile_says() -> None:
    last = (ROOT / "Dockerfile").read_text(encoding="utf-8").rstrip().splitlines()[-1]
    assert "image.revision" in last


def test_the_build_context_is_denied_before_it_is_allowed() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    allowed = [line for line in lines if line.startswith("!")]
    assert lines[0] == "*"
    assert allowed
    assert all(line.endswith((".py", "service.txt", "s3.txt")) for line in allowed)


def test_a_dockerfile_without_a_base_is_refused() -> None:
    with refuses(EngineError, "no-pinned-base"):
        default_base("FROM python:3.13\n")


# The build


def test_a_build_is_told_the_model_the_data_the_metric_and_the_commits_time(challenger: Scorer) -> None:
    told = build_arguments(challenger, REVISION, "base", "roc_auc")
    assert told["MODEL_DIGEST"] == challenger.digest
    assert told["SOURCE_DATE_EPOCH"] == "1700000000"
    assert told["CREATED"] == "2023-11-14T22:13:20Z"
    assert told["METRIC"] == told["METRIC_VALUE"] == ""  # the tiny model has no metrics


def test_a_build_takes_the_model_as_a_context_of_its_own_and_the_options_given(tmp_path: Path) -> None:
    command = build_command("a:b", tmp_path, {"REVISION": COMMIT}, ["--network", "host"])
    assert f"--build-context=model={tmp_path.resolve()}" in command
    assert command[-3:] == ("--network", "host", str(ROOT))
    assert "--provenance=false" in command


@pytest.mark.parametrize(("told", "wanted"), [({}, "service"), ({"IMAGE_REQUIREMENTS": ""}, "service"), (S3, "s3")])
def test_the_image_has_what_serving_needs_unless_more_is_asked_for(told: dict[str, str], wanted: str) -> None:
    assert wanted_requirements(told) == wanted
    arguments = requirements_argument(told)
    assert arguments == ({} if wanted == "service" else {"REQUIREMENTS": wanted})


def test_requirements_that_are_not_there_are_refused() -> None:
    with refuses(UsageError, "no-requirements", "IMAGE_REQUIREMENTS", "s4"):
        wanted_requirements({"IMAGE_REQUIREMENTS": "s4"})


def test_the_headline_tells_the_base_apart(image: Image) -> None:
    assert "without the base" in headline(image)
    assert "0.61 s" in headline(image)
    assert "99 MB" in headline(image)


def test_the_resident_memory_is_read_in_millions_of_bytes() -> None:
    status = "Name:\tpython\nVmRSS:\t   96784 kB\n"
    assert resident_mb(status) == pytest.approx(99.1, abs=0.05)


def test_a_changed_checkout_is_no_commit(tmp_path: Path) -> None:
    assert revision_of(tmp_path / "nothing") == Revision("unknown", 0)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "file").write_text("1")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], check=True)
    assert re.fullmatch(r"sha-[0-9a-f]{40}", revision_of(tmp_path).tag)
    (tmp_path / "file").write_text("2")
    assert revision_of(tmp_path).tag.endswith("-dirty")


def test_a_signed_commit_has_its_time_where_git_shows_signatures(tmp_path: Path) -> None:
    program = tmp_path / "gpg"
    program.write_text(SIGNS_AND_VERIFIES)
    program.chmod(0o755)
    settings = {"user.name": "a", "user.email": "a@b", "gpg.program": str(program), "log.showSignature": "true"}
    checkout = tmp_path / "checkout"
    subprocess.run(["git", "init", "--quiet", str(checkout)], check=True)
    for name, value in settings.items():
        subprocess.run(["git", "-C", str(checkout), "config", name, value], check=True)
    subprocess.run(["git", "-C", str(checkout), "commit", "-q", "-S", "--allow-empty", "-m", "Begin"], check=True)
    shown = subprocess.run(["git", "-C", str(checkout), "log", "--format=%ct"], check=True, capture_output=True).stdout
    assert b"Good signature" in shown
    assert revision_of(checkout).epoch > 1_700_000_000


SIGNS_AND_VERIFIES = """\
#!/bin/sh
case "$*" in
*--verify*) echo "gpg: Good signature" >&2; echo "[GNUPG:] GOODSIG a" ;;
*)
    cat >/dev/null
    printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nx\\n-----END PGP SIGNATURE-----\\n'
    echo "[GNUPG:] SIG_CREATED a" >&2
    ;;
esac
"""


# The layers


def test_layers_of_the_base_and_ours_are_told_apart(image: Image) -> None:
    assert [(layer.made_by, layer.is_base) for layer in image.layers] == [("base", True), ("COPY /dependencies", False)]
    assert image.layers[0].unpacked_bytes == image.base_unpacked_bytes == sum(map(len, BASE.values()))
    assert image.packed_bytes > image.base_packed_bytes > 0


def test_a_packed_layer_counts_as_it_is(tmp_path: Path) -> None:
    assert packed_sizes(archive(tmp_path))[1] == len(gzip.compress(tar_of(DEPENDENCIES)))


def test_an_image_that_this_dockerfile_did_not_make_is_refused(tmp_path: Path) -> None:
    with refuses(EngineError, "other-dockerfile"):
        read_layers(archive(tmp_path, first_of_ours="ENV OTHER=1"))


def test_a_squashed_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="squashed"):
        read_layers(archive(tmp_path, layers=1))


# The lists


def test_the_bill_of_materials_names_python_debian_and_the_model(tmp_path: Path, image: Image) -> None:
    document = bill_of_materials(image, card(), read_layers(archive(tmp_path)))
    assert [one["bom-ref"] for one in document["components"]] == [
        image.model,
        "pkg:deb/debian/libc6@2.41-12?arch=amd64",
        "pkg:generic/python@3.13.15",
        "pkg:pypi/numpy@2.5.5",
        "pkg:pypi/typing-extensions@4.16.0",
    ]
    assert document["components"][3]["licenses"] == [{"expression": "BSD-3-Clause"}]
    assert document == bill_of_materials(image, card(), read_layers(archive(tmp_path)))


def test_the_provenance_has_the_digest_of_everything_that_went_in(image: Image) -> None:
    statement = provenance(image, {"Dockerfile": "d" * 64}, Builder("urn:gatehouse:laptop", "", {}))
    digests = {
        one["name"]: one.get("digest") for one in statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    }
    assert digests == {
        f"source {COMMIT}": {"gitCommit": COMMIT},
        f"python:3.13@{DIGEST}": {"sha256": "a" * 64},
        "model": {"sha256": image.model.removeprefix("sha256:")},
        "data": {"sha256": "d" * 64},
        "Dockerfile": {"sha256": "d" * 64},
    }


def test_the_provenance_of_a_changed_checkout_claims_no_commit(image: Image) -> None:
    dirty = image.model_copy(update={"commit": f"{COMMIT}-dirty", "base": "python:3.13"})
    statement = provenance(dirty, {}, Builder("urn:gatehouse:laptop", "", {}))
    source, base = statement["predicate"]["buildDefinition"]["resolvedDependencies"][:2]
    assert "digest" not in source
    assert "digest" not in base


# Names


@pytest.mark.parametrize("name", ["user/name", "registry.example.org/a/b", "127.0.0.1:5000/user/name", "name"])
def test_a_repository_is_accepted(name: str) -> None:
    assert check_repository(name) == name
    assert check_reference(f"{name}:champion") == f"{name}:champion"
    assert check_digest_reference(f"{name}@{DIGEST}") == f"{name}@{DIGEST}"


@pytest.mark.parametrize(
    "name", ["", "--help", "User/Name", "user/name:tag", f"user/name@{DIGEST}", "a b", "user/$(id)", "/user", "a/b\n"]
)
def test_what_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(NameOfImageError, match="required"):
        check_repository(name)


@pytest.mark.parametrize(
    "name", ["user/name", "user/name:", "-v:tag", f"user/name:tag@{DIGEST}", "user/name@sha256:12"]
)
def test_a_name_without_exactly_one_tag_or_digest_is_refused(name: str) -> None:
    with pytest.raises(NameOfImageError, match="required"):
        check_reference(name)


@pytest.mark.parametrize("name", ["user/name:tag", "user/name", f"user/name@{DIGEST.upper()}", DIGEST])
def test_a_name_that_can_be_moved_is_no_digest(name: str) -> None:
    with pytest.raises(NameOfImageError, match="required"):
        check_digest_reference(name)


def test_one_digest_is_read_from_what_a_push_says() -> None:
    said = f"abc: Pushed\nsha-x: digest: {DIGEST} size: 1787"
    assert only_digest(said) == DIGEST


@pytest.mark.parametrize("said", ["", f"a: digest: {DIGEST} size: 1\nb: digest: sha256:{'b' * 64} size: 1"])
def test_no_digest_or_more_than_one_is_refused(said: str) -> None:
    with pytest.raises(WrongDigestError, match="exactly one"):
        only_digest(said)


# Push and champion, as far as they get without an engine


def test_a_push_without_a_repository_is_refused(tmp_path: Path) -> None:
    with refuses(UsageError, "no-repository", "REPOSITORY"):
        push_built(Build(tmp_path), "")


def test_a_push_before_a_build_names_the_command(tmp_path: Path) -> None:
    with refuses(UsageError, "not-there", "`make build`"):
        push_built(Build(tmp_path), "user/name")


def test_a_push_after_a_build_that_failed_is_refused(tmp_path: Path) -> None:
    record = StageRecord(stage="build", exit_code=3, verdict="refused", headline="self-test", seconds=1, peak_mb=1)
    write_json(Build(tmp_path).stage("build") / "stage.json", record)
    with refuses(UsageError, "build-failed", "code 3", "self-test"):
        push_built(Build(tmp_path), "user/name")


def test_a_folder_becomes_the_champion_without_what_lies_beside_the_model(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    (tmp_path / "model" / "notes.txt").write_text("mine")
    assert "tiny" in fetch(str(tmp_path / "model"), Build(tmp_path / "build"))
    assert not (tmp_path / "build" / "champion" / "notes.txt").exists()
    assert load_scorer(tmp_path / "build" / "champion").digest == load_scorer(tmp_path / "model").digest


def test_none_takes_the_champion_away(tmp_path: Path) -> None:
    write_model(tmp_path / "champion")
    assert "as asked: CHAMPION=none" in fetch("none", Build(tmp_path))
    assert not (tmp_path / "champion").exists()
    assert "as asked" in Build(tmp_path).no_champion.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("champion", "said"),
    [
        ("", "CHAMPION is not set"),
        ("no/such/folder", "no such folder"),
        ("docker://", "required: user/name:tag"),
        ("docker://user/name", "required: user/name:tag"),
        ("docker://--help:tag", "required: user/name:tag"),
    ],
)
def test_a_champion_that_is_no_name_is_refused_and_the_old_one_stays(tmp_path: Path, champion: str, said: str) -> None:
    write_model(tmp_path / "champion")
    with pytest.raises(UsageError, match=said):
        fetch(champion, Build(tmp_path))
    assert load_scorer(tmp_path / "champion")


def test_a_folder_that_was_changed_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    for name in ("champion", "model"):
        write_model(tmp_path / name)
    (tmp_path / "model" / "golden.json").write_text("{}")
    with pytest.raises(ModelFolderError, match="it was changed"):
        fetch(str(tmp_path / "model"), Build(tmp_path))
    assert load_scorer(tmp_path / "champion")


@pytest.mark.parametrize(
    "name", ["model/extra.py", "model/../model.json", "model.json", "/model/model.json", "etc/passwd"]
)
def test_an_archive_with_anything_but_the_model_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelFolderError, match="no such file"):
        unpack(tar_of({f"model/{CARD_FILE}": "{}", name: "x"}), tmp_path / "model", "user/name:tag")


def test_a_link_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo(f"model/{CARD_FILE}")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(ModelFolderError, match="no such file"):
        unpack(buffer.getvalue(), tmp_path / "model", "user/name:tag")


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError("so"), Exit.USAGE), (FindingError("so"), Exit.FINDING), (EngineError("so"), Exit.CRASH)],
)
def test_what_went_wrong_is_one_line_and_an_exit_code(
    error: Exception, code: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> str:
        raise error

    assert run_command("push", fail) is code
    assert capsys.readouterr() == ("", "push: so\n")
