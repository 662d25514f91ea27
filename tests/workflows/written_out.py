"""Workflows without anchors, and in the forms that act knows.

It knows neither `$/`, nor jobs that begin without a checkout, nor `queue` in `concurrency`.
"""

import re
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = re.compile(r"actions/checkout@[0-9a-f]{40}")


class WrittenOut(yaml.SafeDumper):  # type: ignore[misc]  # yaml has no types
    """YAML without anchors."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def load(path: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 reads its key `on` as true."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in document.items()}


def without_anchors(document: dict[str, Any]) -> str:
    return str(yaml.dump(document, Dumper=WrittenOut, sort_keys=False, width=300))


def for_act(github: Path) -> None:
    """Write out the workflows of this .github, in place."""
    found = CHECKOUT.search((github / "actions" / "setup" / "action.yml").read_text(encoding="utf-8"))
    assert found, "the set-up checks nothing out"
    checkout = {"name": "Check out, for act", "uses": found[0], "with": {"persist-credentials": False}}
    for path in sorted((github / "workflows").glob("*.yml")):
        document = load(path)
        for job in document["jobs"].values():
            job.get("concurrency", {}).pop("queue", None)
            if any(step.get("uses", "").startswith("$/") for step in job.get("steps", [])):
                job["steps"].insert(0, checkout)
        path.write_text(without_anchors(document).replace("uses: $/", "uses: ./"), encoding="utf-8")
