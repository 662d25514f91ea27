"""What of the workflows makes a target, calls a workflow or waits for a job that is gone. Edits text: comments stay."""

import re
from pathlib import Path

from tests.adopting import makefiles

# Jobs that shall go although some of their targets are there.
ASKED: set[str] = set()


def jobs(root: Path, text: str) -> str:
    """A workflow without these steps and without the jobs that have no command left; "" where no job is left."""
    head, found, body = text.partition("\njobs:\n")
    there = makefiles.names(root)
    blocks = re.split(r"\n\n(?=(?:  #.*\n)*  [\w-]+:\n)", body.rstrip("\n"))
    anchors = dict(re.findall(r"- &([\w-]+)\n(?:        name: .*\n)?        run: make ([a-z-]+)", body))
    kept = {_name(block): _steps(block, there, anchors) for block in blocks}
    kept = {name: block for name, block in kept.items() if name not in ASKED and _is_left(root, block)}
    # Every anchored text that a job used stays, with the job that now uses it first.
    cut = "\n\n".join(_needs(block, set(kept)) for block in kept.values())
    if not kept or set(kept) <= {"issue", "passed"}:
        return ""
    return head + found + with_anchors(body, cut) + "\n"


def _name(block: str) -> str:
    found = re.search(r"^  ([\w-]+):$", block, re.M)
    assert found, block
    return found[1]


def _steps(block: str, there: set[str], anchors: dict[str, str]) -> str:
    """A job without the steps whose target is gone. Comments go with the step that they stand above."""
    head, *steps = re.split(r"(?<=\n)(?=(?:      #.*\n)*      - )", block + "\n")
    left = []
    for step in steps:
        made = re.search(r"run: make ([a-z-]+)", step)
        alias = re.search(r"- \*([\w-]+)", step)
        target = made[1] if made else anchors.get(alias[1], "") if alias else ""
        if not target or target in there:
            left.append(step)
    return (head + "".join(left)).rstrip("\n")


def _is_left(root: Path, block: str) -> bool:
    """A job that makes something, or calls a workflow that is there."""
    called = re.search(r"uses: \$/(\.github/workflows/\S+)", block)
    if called:
        return (root / called[1]).exists()
    return bool(re.search(r"run: make |- \*(?!setup|keep|log-in)", block))


def _needs(block: str, there: set[str]) -> str:
    """`needs:` without the jobs that are gone."""

    def fewer(line: re.Match[str]) -> str:
        names = [one for one in re.findall(r"[\w-]+", line[1]) if one in there]
        written = names[0] if len(names) == 1 and "[" not in line[1] else f"[{', '.join(names)}]"
        return f"    needs: {written}\n" if names else ""

    return re.sub(r"^    needs: (.+)\n", fewer, block, flags=re.M)


def with_anchors(before: str, after: str) -> str:
    """`after`, in which the first use of an anchor that went with its place is the place where it is written out."""
    for name in dict.fromkeys(re.findall(r"&([\w-]+)", before)):
        if not re.search(rf"&{name}\b(?!-)", after) and re.search(rf"\*{name}\b(?!-)", after):
            written = re.search(rf"^( *)(.*&{name}\b(?!-).*\n(?:\1 +.*\n)*)", before + "\n", re.M)
            assert written, name
            use = re.search(rf"^ *\S* ?\*{name}(?![\w-])$", after + "\n", re.M)
            assert use, name
            after = after[: use.start()] + written[0].rstrip("\n") + after[use.end() :]
    return after
