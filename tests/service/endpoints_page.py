"""docs/endpoints.md out of the service's own OpenAPI document: `make endpoints` writes it, a test compares it."""

import tempfile
from pathlib import Path
from typing import Any

from testbed.clients import InProcess
from testbed.served_folders import write_folder

PAGE = Path(__file__).parents[2] / "docs" / "endpoints.md"
INTRODUCTION = """\
# Endpoints

Written by `make endpoints` from the service's OpenAPI document, which is made from the model folder; CI compares the
two. Types and examples of your own features are at `/docs` of your own service. Every refusal is a problem detail
(RFC 9457) and repeats nothing of what was sent.
"""


def render(document: dict[str, Any]) -> str:
    """Every route with its statuses, one table a tag, in the document's order."""
    sections: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = operation.get("tags", ["other"])[0]
            statuses = ", ".join(sorted(operation["responses"]))
            told = _one_line(operation.get("description") or operation.get("summary", ""))
            sections.setdefault(tag, []).append(f"| `{method.upper()} {path}` | {told} | {statuses} |")
    tables = [
        f"## {tag}\n\n| route | what it does | answers |\n| --- | --- | --- |\n" + "\n".join(rows)
        for tag, rows in sections.items()
    ]
    return "\n".join([INTRODUCTION, "\n\n".join(tables), "", "## What a status means", "", _statuses(document)]) + "\n"


def _statuses(document: dict[str, Any]) -> str:
    meanings: dict[str, set[str]] = {}
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if not status.startswith("2"):
                    meanings.setdefault(status, set()).update(_titles(response))
    rows = [f"| {status} | {'; '.join(sorted(meanings[status]))} |" for status in sorted(meanings)]
    return "\n".join(["| status | because |", "| --- | --- |", *rows])


def _titles(response: dict[str, Any]) -> set[str]:
    titles = {
        _one_line(example["summary"])
        for content in response.get("content", {}).values()
        for example in content.get("examples", {}).values()
        if "summary" in example
    }
    return titles or {_one_line(response["description"])}


def _one_line(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


def document_of_a_service(folder: Path) -> dict[str, Any]:
    """The OpenAPI document of a service with a small model."""
    found: dict[str, Any] = InProcess(write_folder(folder / "model"), folder / "log").get("/openapi.json").json()
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(render(document_of_a_service(Path(folder))), encoding="utf-8")
    print(f"{PAGE.name} written")


if __name__ == "__main__":
    main()
