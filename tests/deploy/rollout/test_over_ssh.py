"""A command against a host: which engine, which key, which known hosts, and nothing left behind."""

import json
import sys
from pathlib import Path

import pytest

from contracts.exits import Exit
from deploy.rollout.over_ssh import main

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n-----END OPENSSH PRIVATE KEY-----"
TELL = """
import json, os, pathlib, shutil, subprocess, sys
ssh = shutil.which("ssh")
folder = pathlib.Path(ssh).parent
told = {"host": os.environ["DOCKER_HOST"], "named": os.environ.get("DEPLOY_SSH_KEY"), "folder": str(folder),
        "key": (folder / "key").read_text(), "known": (folder / "known_hosts").read_text(),
        "modes": [oct((folder / name).stat().st_mode & 0o777) for name in ("key", "known_hosts", "ssh")],
        "arguments": subprocess.run([ssh, "deploy@host", "a b"], capture_output=True, text=True).stdout.splitlines()}
pathlib.Path(sys.argv[1]).write_text(json.dumps(told))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A PATH whose ssh prints its arguments, one a line."""
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    ssh.chmod(0o755)
    return {
        "PATH": f"{ssh.parent}:/usr/bin:/bin",
        "DEPLOY_HOST": "ssh://deploy@host",
        "DEPLOY_SSH_KEY": KEY,
        "DEPLOY_KNOWN_HOSTS": "host ssh-ed25519 AAAA",
    }


def test_the_command_finds_an_ssh_that_knows_key_and_host(environment: dict[str, str], tmp_path: Path) -> None:
    assert main([sys.executable, "-c", TELL, str(tmp_path / "told")], environment) == 0
    told = json.loads((tmp_path / "told").read_text())
    assert told["host"] == "ssh://deploy@host"
    assert told["key"] == KEY + "\n"
    assert told["known"] == "host ssh-ed25519 AAAA\n"
    assert told["modes"] == ["0o600", "0o600", "0o700"]
    assert told["arguments"][-2:] == ["deploy@host", "a b"]
    assert {"IdentitiesOnly=yes", "StrictHostKeyChecking=yes", "BatchMode=yes"} <= set(told["arguments"])
    assert f"ControlPath={told['folder']}/connection-%C" in told["arguments"]
    assert told["named"] is None, "the key itself is in no environment that a container could see"
    assert not Path(told["folder"]).exists()


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_commands_code_is_handed_on(environment: dict[str, str], code: int) -> None:
    assert main([sys.executable, "-c", f"raise SystemExit({code})"], environment) == code


def test_without_a_key_the_persons_own_ssh_is_used(environment: dict[str, str], tmp_path: Path) -> None:
    script = "import os, sys, pathlib; pathlib.Path(sys.argv[1]).write_text(os.environ['PATH'])"
    del environment["DEPLOY_SSH_KEY"]
    assert main([sys.executable, "-c", script, str(tmp_path / "told")], environment) == 0
    assert (tmp_path / "told").read_text() == environment["PATH"]


def test_a_key_without_known_hosts_is_refused(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    ran = main(["false"], environment | {"DEPLOY_KNOWN_HOSTS": " "})
    assert ran == Exit.USAGE
    assert "ssh-keyscan" in capsys.readouterr().err


def test_no_host_is_refused(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["false"], environment | {"DEPLOY_HOST": ""}) == Exit.USAGE
    assert "DEPLOY_HOST" in capsys.readouterr().err


SETTINGS = """\
# Where clients come in
EDGE_ADDRESS=0.0.0.0

API_KEYS={"keys": [{"id": "web=1"}]}
PROBE_KEY=a key
"""


def test_the_command_has_the_hosts_settings_and_their_files(environment: dict[str, str], tmp_path: Path) -> None:
    script = """
import json, os, pathlib, sys
names = ("API_KEYS_FILE", "PROBE_KEY_FILE")
told = {"address": os.environ["EDGE_ADDRESS"], "whole": os.environ.get("DEPLOY_SETTINGS"),
        "texts": [pathlib.Path(os.environ[name]).read_text() for name in names],
        "modes": [oct(os.stat(os.environ[name]).st_mode & 0o777) for name in names],
        "path": os.environ["API_KEYS_FILE"]}
pathlib.Path(sys.argv[1]).write_text(json.dumps(told))
"""
    told = environment | {"DEPLOY_SETTINGS": SETTINGS}
    assert main([sys.executable, "-c", script, str(tmp_path / "told")], told) == 0
    seen = json.loads((tmp_path / "told").read_text())
    assert (seen["address"], seen["whole"]) == ("0.0.0.0", None)
    assert seen["texts"] == ['{"keys": [{"id": "web=1"}]}\n', "a key\n"]
    assert seen["modes"] == ["0o600", "0o600"]
    assert not Path(seen["path"]).exists()


@pytest.mark.parametrize(
    "line", ["a secret", "PATH=a secret", "IMAGE=a secret", "API_KEYS_FILE=a secret", "edge_port=a secret",
             "CERTIFICATES=a secret", "DOCKER_HOST=a secret"],
)  # fmt: skip
def test_what_is_no_setting_of_the_stack_is_refused_by_its_line_and_not_shown(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert main(["false"], environment | {"DEPLOY_SETTINGS": f"EDGE_PORT=80\n{line}"}) == Exit.USAGE
    said = capsys.readouterr().err
    assert "Line 2 " in said
    assert "a secret" not in said


def test_nothing_is_left_of_a_key_when_the_command_is_not_there(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(FileNotFoundError):
        main([str(tmp_path / "no such command")], environment)
    assert list((tmp_path / "scratch").iterdir()) == []
