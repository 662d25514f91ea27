"""`make outcome`: the last job of a workflow. Did every job that this one needs pass?

GitHub counts a skipped required job as passed, so the only required check is the job that runs this. A skipped job is
allowed for a known reason only: it runs only on main (ON_MAIN), or `scope` found that only documents changed.

Reads   NEEDS, the `needs` context as JSON; GITHUB_REF and AS_OF
Exits   0 all passed · 3 one failed, was cancelled, or was skipped for no known reason · 2 NEEDS is not that context
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from contracts.exits import Exit

# The chain's jobs, skipped if only documents changed.
CHAIN = frozenset({"train", "image", "report"})
# Jobs that run only on main.
ON_MAIN = frozenset({"deploy"})
# Publishing is skipped for a pull request from a fork, which may not write.
MAY_WRITE = frozenset({"publish"})


def not_passed(needs: Mapping[str, Any], deploys: bool) -> Iterator[str]:
    """One sentence for each job that did not pass."""
    only_documents = needs.get("scope", {}).get("outputs", {}).get("chain") == "false"
    for job, seen in needs.items():
        result = seen.get("result")
        if result == "success":
            continue
        beyond_the_chain = job in ON_MAIN | MAY_WRITE
        stays_out = job in CHAIN or beyond_the_chain if only_documents else beyond_the_chain and not deploys
        if result == "skipped" and stays_out:
            continue
        yield f"{job}: {result}"


def main(environment: Mapping[str, str] = os.environ) -> Exit:
    """Run the command and return its exit code."""
    needs = _read(environment.get("NEEDS", ""))
    if not needs:
        print("outcome: NEEDS is not the JSON of the `needs` context; it is set by the workflow.", file=sys.stderr)
        return Exit.USAGE
    against = list(not_passed(needs, deploys(environment)))
    if against:
        print(f"outcome: not passed. {', '.join(against)}", file=sys.stderr)
        return Exit.FINDING
    print("outcome: passed. " + ", ".join(f"{job}: {seen['result']}" for job, seen in needs.items()))
    return Exit.PASS


def _read(text: str) -> dict[str, dict[str, Any]]:
    """The context; empty if the text is not one."""
    try:
        needs = json.loads(text)
    except ValueError:
        return {}
    fits = isinstance(needs, dict) and all(isinstance(one, dict) for one in needs.values())
    return needs if fits else {}


def deploys(environment: Mapping[str, str]) -> bool:
    """Whether this run deploys: on main, unless a retrain was started by hand."""
    return environment.get("GITHUB_REF") == "refs/heads/main" and not environment.get("AS_OF")
