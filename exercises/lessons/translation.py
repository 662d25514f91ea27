"""Compares a Spanish page with its English one: headings, code blocks, numbers and links must agree.

A Spanish page begins with `<!-- english: <digest> -->`, the sha256 of the English page that it was translated from, so
that an outdated translation is found.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from exercises.lessons.pictures import ROOT

DIGITS = 16
MARK = re.compile(r"^<!-- english: ([0-9a-f]+) -->$", re.M)
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# A number with its thousands and decimals, but no digit in a name such as p95.
NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])")


def pages() -> Iterator[tuple[Path, Path]]:
    """Each English page with the path of its Spanish one, which may be missing."""
    for english in sorted((ROOT / "docs/learn/en").glob("*.md")):
        yield english, ROOT / "docs/learn/es" / english.name
    for english in sorted((ROOT / "exercises").glob("*/README.md")):
        yield english, english.with_name("README.es.md")


def digest_of(english: str) -> str:
    """The digest that the Spanish page must carry."""
    return hashlib.sha256(english.encode()).hexdigest()[:DIGITS]


def differences(english: str, spanish: str) -> list[str]:
    """One sentence for each difference."""
    found = []
    carried, right = MARK.search(spanish), digest_of(english)
    if carried is None or carried[1] != right:
        seen = carried[1] if carried else "none"
        found.append(f"the digest is {seen}: read the English page again, then write <!-- english: {right} --> on top.")
    if _levels(english) != _levels(spanish):
        found.append(f"headings: English has levels {_levels(english)}, Spanish {_levels(spanish)}.")
    found += _of_code_blocks(FENCE.findall(english), FENCE.findall(spanish))
    found += _of_counts("numbers", _numbers(english), _numbers(spanish))
    return found + _of_counts("links", _links(_with_spanish_links(english)), _links(spanish))


def _of_code_blocks(english: list[str], spanish: list[str]) -> list[str]:
    found = []
    if len(english) != len(spanish):
        found.append(f"code blocks: English has {len(english)}, Spanish {len(spanish)}.")
    return found + [
        f"code block {number} differs: {ours.splitlines()[1:2]}"
        for number, (ours, other) in enumerate(zip(english, spanish, strict=False), 1)
        if ours != other
    ]


def _of_counts(what: str, english: Counter[str], spanish: Counter[str]) -> list[str]:
    if english == spanish:
        return []
    lacks, extra = sorted((english - spanish).elements()), sorted((spanish - english).elements())
    return [f"{what}: Spanish lacks {lacks}, and has {extra} more."]


def _levels(page: str) -> list[int]:
    return [len(one) for one in re.findall(r"^(#+) ", FENCE.sub("", page), re.M)]


def _numbers(page: str) -> Counter[str]:
    prose = LINK.sub("]", FENCE.sub("", MARK.sub("", page)))
    return Counter(NUMBER.findall(re.sub(r"`[^`]*`", "", prose)))


def _links(page: str) -> Counter[str]:
    """Links' targets without their anchors, which are translated."""
    return Counter(one.partition("#")[0] for one in LINK.findall(FENCE.sub("", page)))


def _with_spanish_links(english: str) -> str:
    """The page with the links of its Spanish version, which has its own pictures, tasks and chapters."""
    page = re.sub(r"-en(-\d)?\.svg\)", r"-es\1.svg)", english)
    return re.sub(r"(exercises/[\w-]+/README)\.md", r"\1.es.md", page).replace("/learn/en/", "/learn/es/")
