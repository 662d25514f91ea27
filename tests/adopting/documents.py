"""What of the documents names a file or a make target that is gone."""

import re
from pathlib import Path

from tests.adopting import makefiles

LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#|mailto:)([^)#\s]+)[^)\s]*\)")
MODULE = re.compile(r"`python -m ([a-z][\w.]*)([^`]*)`")
COMMAND = re.compile(r"(?:(?<=`)|^)make ([a-z][a-z-]*)", re.M)


def owners(root: Path, text: str) -> str:
    """CODEOWNERS without the paths that are gone."""
    lines = text.splitlines(keepends=True)
    return "".join(
        line for line in lines if not line.startswith("/") or any(root.glob(line.split()[0].strip("/") or "*"))
    )


def updates(root: Path, text: str) -> str:
    """dependabot.yml without the folders that are gone."""
    head, *entries = re.split(r"(?m)^(?=  - package-ecosystem)", text)
    places = [re.findall(r'director\w+: \[?"?(/[\w./-]*)', entry) for entry in entries]
    kept = [
        entry
        for entry, paths in zip(entries, places, strict=True)
        if all((root / path.strip("/")).exists() for path in paths)
    ]
    return head + "".join(kept)


def document(path: Path, text: str) -> str:
    """A Markdown file: lists, tables, trees and listings lose lines; a sentence keeps its words."""
    root = next(one for one in path.parents if (one / "Makefile").exists())
    there = makefiles.names(root)

    def is_gone(link: str) -> bool:
        return not (path.parent / link).exists()

    text = re.sub(r"(?<=```tree\n).+?(?=```)", lambda tree: _tree(root, tree[0]), text, flags=re.S)
    kept = []
    for part in _parts(text):
        links = LINK.findall(part)
        lost = bool(links) and is_gone(links[0][1])
        commands = COMMAND.findall(part)
        if re.match(r" *- ", part) and lost:
            continue
        if re.match(r"\| |make ", part) and commands and commands[0] not in there:
            continue
        part = LINK.sub(lambda link: link[1] if is_gone(link[2]) else link[0], part)
        part = MODULE.sub(lambda m: m[0] if makefiles.exists(root, m[1]) else f"python -m {m[1]}{m[2]}", part)
        kept.append(
            re.sub(r"`make ([a-z][a-z-]*)([^`]*)`", lambda m: m[0] if m[1] in there else f"make {m[1]}{m[2]}", part)
        )
    return "".join(kept)


def _parts(text: str) -> list[str]:
    """Lines; a list item is one with the lines that continue it."""
    parts: list[str] = []
    for line in text.splitlines(keepends=True):
        if parts and re.match(r" *- ", parts[-1]) and re.match(r" {2,}(?!- )\S", line):
            parts[-1] += line
        else:
            parts.append(line)
    return parts


def _tree(root: Path, tree: str) -> str:
    lines = tree.splitlines(keepends=True)
    return "".join(line for line in lines if not line.strip() or (root / line.split()[0]).exists())
