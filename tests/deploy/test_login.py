"""What is said where a registry refuses: who is logged in, what is required, and what to do here or on GitHub."""

import json
from pathlib import Path

import pytest

from deploy.login import DOCKER_HUB, has_login, is_refused, registry_of, remedy

ON_GITHUB = {"GITHUB_RUN_ID": "4711"}
OTHER = "registry.example:5000"


def logged_in(folder: Path, *registries: str) -> dict[str, str]:
    """The environment of somebody who ran `docker login` for these, with a credential store."""
    (folder / "config.json").write_text(json.dumps({"auths": {one: {} for one in registries}, "credsStore": "pass"}))
    return {"DOCKER_CONFIG": str(folder)}


@pytest.mark.parametrize(
    "said",
    [
        "pull access denied for user/x, repository does not exist or may require 'docker login': denied: requested "
        "access to the resource is denied",
        'Error response from daemon: Head "https://registry.example/v2/x/manifests/1": unauthorized',
        "failed to authorize: failed to fetch anonymous token: unexpected status: 403 Forbidden",
        "unexpected status from HEAD request to https://registry.example/v2/x/manifests/1: 401 Unauthorized",
        "denied: permission_denied: write_package",
        "no basic auth credentials",
    ],
)
def test_a_registry_that_refuses_is_recognized(said: str) -> None:
    assert is_refused(said)


@pytest.mark.parametrize(
    "said",
    [
        "deploy@host: Permission denied (publickey).",
        "manifest unknown",
        "dial tcp 127.0.0.1:5000: connect: connection refused",
        "toomanyrequests: You have reached your unauthenticated pull rate limit.",
    ],
)
def test_what_a_login_would_not_mend_is_no_refusal(said: str) -> None:
    assert not is_refused(said)


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("user/x:champion", DOCKER_HUB),
        ("python:3.13", DOCKER_HUB),
        ("docker.io/user/x", DOCKER_HUB),
        ("ghcr.io/user/x:1", "ghcr.io"),
        (f"{OTHER}/x@sha256:0", OTHER),
        ("localhost/x", "localhost"),
    ],
)
def test_the_registry_is_read_out_of_the_name(name: str, registry: str) -> None:
    assert registry_of(name) == registry


@pytest.mark.parametrize("entry", ["https://index.docker.io/v1/", "docker.io"])
def test_a_login_to_docker_hub_is_found_under_its_own_names(tmp_path: Path, entry: str) -> None:
    told = logged_in(tmp_path, entry)
    assert has_login(DOCKER_HUB, told)
    assert not has_login(OTHER, told)


@pytest.mark.parametrize("config", ["", "[]", '{"auths": 3}', '{"auths": {}}'])
def test_without_an_entry_nobody_is_logged_in(tmp_path: Path, config: str) -> None:
    assert not has_login(OTHER, {"DOCKER_CONFIG": str(tmp_path)})
    (tmp_path / "config.json").write_text(config)
    assert not has_login(OTHER, {"DOCKER_CONFIG": str(tmp_path)})


def test_the_config_is_found_in_the_home_too(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    logged_in(tmp_path / ".docker", OTHER)
    assert has_login(OTHER, {"HOME": str(tmp_path)})


def test_on_a_laptop_the_command_names_the_registry(tmp_path: Path) -> None:
    nowhere = {"DOCKER_CONFIG": str(tmp_path)}
    assert remedy(f"{OTHER}/x:1", nowhere).endswith(f"Run `docker login {OTHER}`.")
    assert remedy("user/x:1", nowhere).endswith("Run `docker login`.")
    assert "has no access" in remedy(f"{OTHER}/x:1", logged_in(tmp_path, OTHER))


def test_a_job_without_a_login_is_told_which_jobs_log_in(tmp_path: Path) -> None:
    said = remedy("user/x:1", {"DOCKER_CONFIG": str(tmp_path)} | ON_GITHUB)
    assert said.startswith("Nobody is logged in to Docker Hub in this job; required: ")
    assert "DOCKERHUB_USERNAME" in said
    assert "docker login" not in said
    base = remedy("user/x:1", {"DOCKER_CONFIG": str(tmp_path)} | ON_GITHUB, jobs="None does.")
    assert base.endswith(" None does.")


def test_a_job_whose_login_may_not_is_told_what_its_token_needs(tmp_path: Path) -> None:
    said = remedy(f"{OTHER}/x:1", logged_in(tmp_path, OTHER) | ON_GITHUB)
    assert "DOCKERHUB_TOKEN" in said
    assert "Read & Write" in said
