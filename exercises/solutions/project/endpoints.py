"""Writes the page of endpoints from a running service's own document: `python endpoints.py URL > endpoints.md`."""

import json
import sys
import urllib.request


def page(url: str) -> str:
    """One line a route: what it does, and every status that it can answer."""
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        document = json.load(answer)
    lines = ["# Endpoints", "", "| route | what it does | answers |", "| --- | --- | --- |"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            told = (operation.get("description") or operation["summary"]).splitlines()[0].replace("|", "\\|")
            statuses = ", ".join(sorted(operation["responses"]))
            lines.append(f"| `{method.upper()} {path}` | {told} | {statuses} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(sys.argv[1]), end="")
