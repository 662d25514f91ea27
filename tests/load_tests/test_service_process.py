"""The service's process: waited for, watched and always stopped."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from child_process import stop
from process_figures import cpu_seconds, peak_mb
from service_process import ServiceError, served

from testbed.tiny_build import write_model
from tests.refusals import refuses

MISBEHAVING = Path(__file__).with_name("misbehaving_service.py")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "model"
    write_model(folder)
    return folder


def test_our_service_is_ready_inside_and_gone_after(model: Path, tmp_path: Path) -> None:
    with served(model, tmp_path / "requests", tmp_path / "service.log") as service:
        assert psutil.pid_exists(service.pid)
        assert cpu_seconds(service.pid) > 0
        assert peak_mb(service.pid) > 10
    assert service.process.returncode == 0
    assert not psutil.pid_exists(service.pid)


def test_the_service_is_stopped_when_the_load_crashes(model: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        served(model, tmp_path / "requests", tmp_path / "service.log") as service,
    ):
        _ = 1 / 0
    assert not psutil.pid_exists(service.pid)


def test_a_changed_model_folder_is_refused_with_the_services_own_reason(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    (tmp_path / "model" / "model.onnx").write_bytes(b"changed")
    with (
        refuses(ServiceError, "service-ended", "code 3", "it was changed"),
        served(tmp_path / "model", tmp_path / "requests", tmp_path / "service.log"),
    ):
        pass


def test_a_service_that_does_not_start_is_refused_with_its_last_lines(model: Path, tmp_path: Path) -> None:
    command = (sys.executable, str(MISBEHAVING), "does not start")
    with (
        refuses(ServiceError, "service-ended", "code 1", "no such luck"),
        served(model, tmp_path / "requests", tmp_path / "service.log", command),
    ):
        pass


def test_a_service_that_is_never_ready_is_refused_and_stopped(model: Path, tmp_path: Path) -> None:
    command = (sys.executable, str(MISBEHAVING), "never ready")
    with (
        # On a busy machine two seconds may not be enough to listen, either.
        refuses(ServiceError, "service-not-ready", "2 s", "/readyz"),
        served(model, tmp_path / "requests", tmp_path / "service.log", command, ready_seconds=2),
    ):
        pass
    # Other tests of this worker may have children of their own, such as joblib's.
    assert not [child for child in psutil.Process().children() if str(MISBEHAVING) in child.cmdline()]


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    deaf = (
        f"import signal; signal.signal({int(signal.SIGTERM)}, signal.SIG_IGN); print('on', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        stop(process, seconds=0.2)
    assert process.returncode == -signal.SIGKILL
