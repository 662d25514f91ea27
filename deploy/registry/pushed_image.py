"""The registry's digest of this run's image, which `make release` deploys to a host."""

from contracts.exits import UsageError
from contracts.image import PushedImage
from contracts.schema import read_json
from contracts.stage import Build
from deploy.registry.registry import check_digest_reference


def pushed_reference(build: Build) -> str:
    """`name@sha256:…`. Raises UsageError."""
    path = build.stage("build") / "pushed.json"
    if not path.exists():
        raise UsageError(
            "DEPLOY_HOST names a target, but this run's image was not pushed, so the target cannot pull it. Set the "
            "variable IMAGE_REPOSITORY too (docs/github.md)."
        )
    return check_digest_reference(read_json(path, PushedImage, "make publish-image").reference)
