"""The image on a real engine: what is in it, that it can be built again, and that it runs with no rights at all."""

import contextlib
import datetime as dt
import http.client
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from contracts.exits import Exit
from contracts.image import DATA_LABEL, MODEL_LABEL, REVISION_LABEL
from contracts.model_folder import CARD_FILE, MODEL_FILES, model_digest
from contracts.schema import read_json
from contracts.stage import StageRecord
from deploy.digests import image_id
from deploy.engine import HARDENED, EngineError, container, docker
from deploy.image.build import ROOMS, SelfTestError, build_arguments, build_command, self_test
from deploy.image.layers import LayerContent, read_layers
from deploy.image.measure import NotReadyError, measure, wait_until_ready
from deploy.image.revision import Revision
from scoring.scorer import load_scorer
from testbed.tiny_build import write_model
from tests.containers.conftest import ROOT, Built, variant
from tests.containers.registry import private_registry

IMAGE_PARTS = ("Dockerfile", ".dockerignore", "requirements", *ROOMS)
ROW = {"distance": 1.0, "is_weekend": True, "carrier": "AA"}
# Without the base, which the project does not choose the size of; with the pinned base 300 and 110.
MAX_OWN_MB, MAX_OWN_PACKED_MB, MAX_IDLE_MB = 150, 50, 120
HEALTH_SECONDS = 30.0
# Imports what the service imports, at start and while it serves, and names the distributions that were needed.
IMPORTED = """
import json, sys, service.__main__, service.http.tracing, uvloop, uvicorn.protocols.http.httptools_impl
service.http.tracing.provider_of("", "")
from importlib.metadata import distributions, packages_distributions
used = {module.partition(".")[0] for module in sys.modules}
owners = packages_distributions()
needed = sorted({owner for name in used for owner in owners.get(name, ())})
print(json.dumps([needed, sorted({one.name for one in distributions(path=["/dependencies"])})]))
"""


@pytest.fixture(scope="session")
def layers(built: Built) -> tuple[LayerContent, ...]:
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / "image.tar"
        docker("save", "--output", str(archive), built.here)
        return read_layers(archive)


@pytest.fixture(scope="session")
def ours(layers: tuple[LayerContent, ...]) -> list[str]:
    """Every path in the layers that are not the base's."""
    return [name for layer in layers if not layer.is_base for name in layer.names]


def copy_of_checkout(folder: Path) -> Path:
    """What a build reads, somewhere else."""
    checkout = folder / "elsewhere"
    for part in IMAGE_PARTS:
        source = ROOT / part
        for path in [source] if source.is_file() else source.rglob("*.*"):
            target = checkout / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return checkout


def rebuilt(built: Built, checkout: Path, *options: str) -> str:
    """Build the same thing once more; its image id."""
    challenger = load_scorer(built.build.challenger)
    epoch = int(dt.datetime.fromisoformat(built.image.created).timestamp())
    arguments = build_arguments(challenger, Revision(built.image.commit, epoch), built.image.base, "roc_auc")
    reference = built.image.reference.replace(":", "-again:")
    everywhere = shlex.split(os.environ.get("BUILD_OPTIONS", ""))
    docker(*build_command(reference, built.build.challenger, arguments, [*everywhere, *options], checkout))
    try:
        return image_id(reference)
    finally:
        docker("image", "rm", reference)


def in_image(built: Built, *command: str, options: Sequence[str] = ()) -> str:
    """What a command says inside a hardened container."""
    return docker("run", "--rm", "--network=none", *HARDENED, *options, "--entrypoint", command[0],
                  built.here, *command[1:])  # fmt: skip


@contextlib.contextmanager
def served(built: Built, *options: str) -> Iterator[tuple[str, http.client.HTTPConnection]]:
    """A container that answers, and a connection to it."""
    with container(built.here, *HARDENED, "--publish=127.0.0.1::8000", *options) as name:
        host, _, port = docker("port", name, "8000/tcp").splitlines()[0].rpartition(":")
        wait_until_ready(name, host, int(port))
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=10)) as connection:
            yield name, connection


def test_the_labels_say_which_model_data_and_commit_it_holds(built: Built) -> None:
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", built.here))
    assert labels[MODEL_LABEL] == built.image.model == model_digest(built.build.challenger)
    assert labels[DATA_LABEL] == built.image.data_digest
    assert labels[REVISION_LABEL] == built.image.commit
    assert labels["org.opencontainers.image.created"] == built.image.created


@pytest.mark.image_store
def test_another_checkout_with_other_times_modes_and_litter_gives_the_same_image(built: Built, tmp_path: Path) -> None:
    checkout = copy_of_checkout(tmp_path)
    for path in checkout.rglob("*"):
        path.chmod(0o700)
        os.utime(path, (1, 1))
    for litter in (".env", "service/secret.pem", "contracts/key.txt", "training/train.py", "build/data/train.parquet"):
        (checkout / litter).parent.mkdir(parents=True, exist_ok=True)
        (checkout / litter).write_text("not for an image")
    assert rebuilt(built, checkout, "--no-cache") == built.image.image_id


def test_a_line_of_code_more_gives_another_image_on_the_same_dependencies(built: Built, tmp_path: Path) -> None:
    checkout = copy_of_checkout(tmp_path)
    (checkout / "service" / "__init__.py").write_text('"""Changed."""\n')
    assert rebuilt(built, checkout) != built.image.image_id


def test_a_build_without_a_model_folder_fails(built: Built, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"model\.onnx|not found"):
        rebuilt(built, ROOT, f"--build-context=model={tmp_path}")


def test_its_layers_hold_dependencies_the_service_and_the_model_and_nothing_else(ours: list[str]) -> None:
    assert {name.split("/")[0] for name in ours} == {"dependencies", "app", "requests", "model"}


def test_of_our_code_it_holds_exactly_the_rooms_that_serving_needs(ours: list[str]) -> None:
    held = {name.removeprefix("app/") for name in ours if name.startswith("app/") and name.endswith(".py")}
    assert held == {path.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    bytecode = [name for name in ours if name.startswith("app/") and name.endswith(".pyc")]
    assert not [name for name in bytecode if re.search(r"\.pycache/(?!app/|dependencies/|usr/)", name)]


def test_the_only_data_in_it_is_the_model_folder(ours: list[str]) -> None:
    assert {name for name in ours if name.startswith("model/")} - {"model/"} == {
        f"model/{name}" for name in (CARD_FILE, *MODEL_FILES)
    }
    elsewhere = [name for name in ours if not name.startswith("model/")]
    assert not [name for name in elsewhere if re.search(r"\.(parquet|csv|onnx|joblib|pkl|pickle|npz|db)$", name)]


def test_it_holds_no_test_no_header_and_no_installer_of_its_own(ours: list[str]) -> None:
    # certifi's is the list of public authorities.
    named = [name for name in ours if not name.endswith("certifi/cacert.pem")]
    assert not [name for name in named if re.search(r"/tests?/|\.(pyi|pxd|h|c|a)$|/(pip|setuptools|wheel)/", name)]


def test_it_holds_no_secret(ours: list[str], built: Built) -> None:
    # certifi's is the list of public authorities.
    named = [name for name in ours if not name.endswith("certifi/cacert.pem")]
    assert not [
        name for name in named if re.search(r"(^|/)(\.env|\.git|\.ssh|\.netrc|\.aws|id_rsa)|\.(pem|key)$", name)
    ]
    said = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", built.here)
    said += docker("image", "inspect", "--format", "{{json .Config.Env}}", built.here)
    assert not re.search(r"(?i)(token|password|secret|api_?key)[a-z_]*=", said)


def test_every_distribution_in_it_is_imported_by_the_service(built: Built) -> None:
    needed, installed = json.loads(in_image(built, "python", "-c", IMPORTED))
    # Swagger UI's files are read for /docs (service/api/docs_page.py); there is no code in them to import.
    assert set(installed) - {"fastapi-swagger"} <= set(needed)


def test_what_training_needs_is_not_in_it(built: Built) -> None:
    names = {"sklearn", "pandas", "scipy", "pyarrow", "onnx", "skl2onnx", "evidently", "locust", "sympy", "pytest"}
    code = f"import importlib.util as u; print([n for n in {sorted(names)} if u.find_spec(n)])"
    assert names & set(packages_distributions())
    assert in_image(built, "python", "-c", code) == "[]"


def test_it_is_small_and_says_so(built: Built, capsys: pytest.CaptureFixture[str]) -> None:
    image = built.image
    own = (image.unpacked_bytes - image.base_unpacked_bytes) / 1e6
    own_packed = (image.packed_bytes - image.base_packed_bytes) / 1e6
    with capsys.disabled():
        print(
            f"\n  image: {own:.0f} MB and {own_packed:.0f} MB compressed on a base of"
            f" {image.base_unpacked_bytes / 1e6:.0f} and {image.base_packed_bytes / 1e6:.0f} MB ({image.base});"
            f" cold start {image.cold_start_seconds} s, idle {image.idle_mb} MB"
        )
    assert own <= MAX_OWN_MB
    assert own_packed <= MAX_OWN_PACKED_MB
    assert image.idle_mb <= MAX_IDLE_MB


def test_it_runs_as_nobody_with_no_rights_and_predicts(built: Built) -> None:
    with served(built) as (name, connection):
        connection.request("POST", "/predict", json.dumps(ROW), {"content-type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        status = docker("exec", name, "cat", "/proc/1/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert set(facts["Uid"].split()) == set(facts["Gid"].split()) == {"10001"}
    assert int(facts["CapEff"], 16) == int(facts["CapPrm"], 16) == 0
    assert facts["NoNewPrivs"].strip() == "1"


def test_it_predicts_with_a_collector_of_traces_that_never_answers(built: Built) -> None:
    with served(built, "--env=OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9") as (_, connection):
        connection.request("POST", "/predict", json.dumps(ROW), {"content-type": "application/json"})
        assert connection.getresponse().status == 200


def test_it_writes_its_request_log_and_nothing_else(built: Built) -> None:
    with served(built) as (name, connection):
        connection.request("POST", "/predict", json.dumps(ROW), {"content-type": "application/json"})
        assert connection.getresponse().status == 200
        assert docker("exec", name, "python", "-c", "import os; print(len(os.listdir('/requests')))") >= "1"
        with pytest.raises(EngineError):
            docker("exec", name, "python", "-c", "open('/model/new', 'w')")


def test_a_volume_of_its_own_takes_the_request_log(built: Built) -> None:
    volume = docker("volume", "create")
    options = [one for one in HARDENED if not one.startswith("--tmpfs")]
    try:
        with container(built.here, *options, f"--volume={volume}:/requests", "--publish=127.0.0.1::8000") as name:
            host, _, port = docker("port", name, "8000/tcp").splitlines()[0].rpartition(":")
            wait_until_ready(name, host, int(port))
    finally:
        docker("volume", "rm", volume)


def test_a_signal_ends_it_cleanly(built: Built) -> None:
    with served(built, "--env=DRAIN_SECONDS=0") as (name, _):
        docker("stop", "--time=10", name)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", name) == "0"


def test_its_health_check_says_healthy_once_it_is_ready(built: Built) -> None:
    with served(built) as (name, _):
        deadline = time.monotonic() + HEALTH_SECONDS
        state = "starting"
        while state == "starting" and time.monotonic() < deadline:
            state = docker("inspect", "--format", "{{.State.Health.Status}}", name)
        assert state == "healthy"


def test_its_health_check_fails_where_nothing_answers(built: Built) -> None:
    check = json.loads(docker("image", "inspect", "--format", "{{json .Config.Healthcheck.Test}}", built.here))
    assert check[0] == "CMD"
    silent = ("-c", "import signal; signal.pause()")
    with (
        container(built.here, *HARDENED, "--entrypoint=python", command=silent) as name,
        pytest.raises(EngineError),
    ):
        docker("exec", name, *check[1:])


def test_the_self_test_passes_without_a_network_and_says_nothing_on_standard_error(built: Built) -> None:
    command = ["docker", "run", "--rm", "--network=none", *HARDENED, built.here, "--self-test"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["digest"] == built.image.model
    assert done.stderr == ""  # ONNX Runtime's telemetry would complain here that it cannot keep its identifier


def test_the_self_test_refuses_a_damaged_model(built: Built) -> None:
    with variant(built.image.reference, "USER 0", "RUN printf x >> /model/model.onnx", "USER 10001") as damaged:
        with pytest.raises(SelfTestError, match="self-test failed"):
            self_test(damaged, built.image.model)
        with pytest.raises(NotReadyError, match="ended by itself"):
            measure(damaged)


def test_the_self_test_of_another_model_is_refused(built: Built) -> None:
    with pytest.raises(SelfTestError, match="another model"):
        self_test(built.here, "sha256:" + "0" * 64)


def make_build(build: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "deploy", "build", "--build", str(build)]
    settings = {name: value for name, value in os.environ.items() if name != "TARGET"} | environment
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=settings, check=False)


def test_without_an_engine_the_stage_says_so(tmp_path: Path) -> None:
    done = make_build(tmp_path, DOCKER_HOST=f"unix://{tmp_path}/nothing.sock")
    assert done.returncode == Exit.USAGE
    assert "container engine" in done.stderr


def test_a_damaged_challenger_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    write_model(tmp_path / "train" / "model")
    (tmp_path / "train" / "model" / "golden.json").write_text("{}")
    done = make_build(tmp_path)
    assert done.returncode == Exit.FINDING
    assert "it was changed" in done.stderr


def test_without_an_engine_the_chain_skips_the_image_and_says_why(tmp_path: Path) -> None:
    done = make_build(tmp_path, DOCKER_HOST=f"unix://{tmp_path}/nothing.sock", TARGET="auto")
    assert done.returncode == Exit.PASS
    record = read_json(tmp_path / "image" / "stage.json", StageRecord, "make build")
    assert record.verdict == "skipped"
    assert "container engine" in record.headline


def test_a_process_may_be_asked_for_where_an_engine_answers(tmp_path: Path) -> None:
    done = make_build(tmp_path, TARGET="process")
    assert done.returncode == Exit.PASS
    assert "build: skipped" in done.stdout
    assert "TARGET=process" in done.stdout


@pytest.mark.parametrize("target", ["image", "auto"])
def test_a_base_image_that_cannot_be_had_is_named_with_what_to_do(tmp_path: Path, target: str) -> None:
    write_model(tmp_path / "train" / "model")
    done = make_build(tmp_path, PYTHON_IMAGE="127.0.0.1:9/no/such:image", TARGET=target)
    assert done.returncode == Exit.USAGE
    assert "127.0.0.1:9/no/such:image" in done.stderr
    assert "PYTHON_IMAGE=" in done.stderr
    assert "TARGET=process" in done.stderr
    assert not list(tmp_path.rglob("image.json"))


def test_a_base_image_whose_registry_refuses_says_that_no_job_logs_in_to_build(tmp_path: Path) -> None:
    write_model(tmp_path / "train" / "model")
    (tmp_path / "registry").mkdir()
    with private_registry(tmp_path / "registry") as registry:
        done = make_build(
            tmp_path, PYTHON_IMAGE=f"{registry.address}/user/base:1", DOCKER_CONFIG=str(tmp_path), GITHUB_RUN_ID="4711"
        )
    assert done.returncode == Exit.USAGE
    assert f"Nobody is logged in to {registry.address} in this job" in done.stderr
    assert "No job logs in before it builds" in done.stderr
    assert "AS pinned" in done.stderr


def test_a_build_that_fails_is_a_crash_and_leaves_no_image_json(tmp_path: Path) -> None:
    write_model(tmp_path / "train" / "model")
    done = make_build(tmp_path, BUILD_OPTIONS="--no-such-option")
    assert done.returncode == Exit.CRASH
    assert "BUILD_OPTIONS" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("image.json"))
