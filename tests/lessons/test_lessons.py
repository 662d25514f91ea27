"""The lessons say what is so: excerpts, pictures, anchors, terms, lengths; and Spanish says what English says."""

import ast
import re
from pathlib import Path

import pytest

from exercises.graders.catalogue import EVERYTHING
from exercises.graders.hints import hints_of
from exercises.graders.rubric import rows
from exercises.lessons.__main__ import with_rows
from exercises.lessons.pictures import ROOT, pictures
from exercises.lessons.translation import FENCE, differences, digest_of, pages
from exercises.lessons.words import LANGUAGES, Language
from service.metrics import Metrics

LEARN = ROOT / "docs" / "learn"
ENGLISH = sorted((LEARN / "en").glob("*.md"))
CHAPTERS = [page for page in ENGLISH if re.match(r"\d\d-", page.name)]
EXCERPT = re.compile(r"<!-- excerpt: (\S+)(?: (\S+))? -->\n```\w+\n(.*?)\n```", re.S)
MOST_OF_A_CHAPTER, MOST_OF_A_LANGUAGE = 1100, 7000
PARTS: dict[Language, tuple[str, ...]] = {
    "en": ("**Goal.**", "## The idea", "## What goes wrong in practice", "## Questions"),
    "es": ("**Objetivo.**", "## La idea", "## Qué sale mal en la práctica", "## Preguntas"),
}
# Bold for weight, not as a term.
STRESSED = {"422", "500", "page", "ticket", "dependencies before source", "dependencias antes que código"}


def words(page: Path) -> int:
    """What a reader reads: without code, comments and addresses."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return len(re.sub(r"\]\([^)]*\)|<!--.*?-->", "", text).split())


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def source_of(path: str, symbol: str) -> str:
    """A file, or one function or class of it."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if not symbol:
        return text
    node: ast.AST = ast.parse(text)
    for name in symbol.split("."):
        node = next(one for one in ast.iter_child_nodes(node) if getattr(one, "name", None) == name)
    return ast.get_source_segment(text, node, padded=True) or ""


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda page: page.stem)
def test_every_excerpt_of_a_chapter_stands_in_the_code(chapter: Path) -> None:
    found = EXCERPT.findall(chapter.read_text(encoding="utf-8"))
    assert found
    for path, symbol, excerpt in found:
        assert excerpt in source_of(path, symbol), f"{path} {symbol} has no longer:\n{excerpt}"


def test_the_series_that_a_chapter_shows_are_those_of_the_service() -> None:
    metrics = Metrics()
    metrics.predictions.make([("false",), ("true",)])
    there = {line.rpartition(" ")[0] for line in metrics.exposition().decode().splitlines()}
    chapter = (LEARN / "en" / "05-monitoring.md").read_text(encoding="utf-8")
    shown = re.findall(r"^(gatehouse_\S+) [\d.]+$", chapter, re.M)
    assert len(shown) == 2
    assert set(shown) <= there


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [page.name for page in CHAPTERS])
def test_a_chapter_has_its_parts_three_questions_and_its_length(name: str, language: Language) -> None:
    chapter = LEARN / language / name
    text = chapter.read_text(encoding="utf-8")
    assert [part for part in PARTS[language] if part not in text] == []
    assert text.count("<details><summary>") == 3
    assert words(chapter) <= MOST_OF_A_CHAPTER
    assert re.search(rf"pictures/cycle-{language}-{int(name[:2])}\.svg", text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_is_read_in_an_evening(language: Language) -> None:
    read = [pair[LANGUAGES.index(language)] for pair in pages()]
    assert sum(map(words, read)) <= MOST_OF_A_LANGUAGE


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_bold_term_of_a_chapter_is_in_the_glossary(language: Language) -> None:
    glossary = (LEARN / language / "glossary.md").read_text(encoding="utf-8")
    terms = {one.lower() for one in re.findall(r"^\| ([^|]+?)(?: \(\*[^|]+\*\))? \|", glossary, re.M)}
    assert 40 <= len(terms) - 2 <= 60
    for chapter in (LEARN / language / page.name for page in CHAPTERS):
        lines = [line for line in chapter.read_text(encoding="utf-8").splitlines() if not line.startswith("- **")]
        prose = re.sub(r"^\d\. \*\*.*?\*\*", "", FENCE.sub("", "\n".join(lines)), flags=re.M)
        bold = {one.lower() for one in re.findall(r"\*\*([^*.?]+)\*\*", prose)} - STRESSED
        plain = {one for one in bold if one not in terms and one.rstrip("s") not in terms}
        assert not plain, f"{chapter.name}: {plain}"


def test_every_failure_sends_the_learner_to_a_heading_that_is_there() -> None:
    for exercise in EVERYTHING:
        for one in exercise.checks:
            page, _, anchor = one.read.partition("#")
            assert anchor in anchors(ROOT / page), f"{exercise.folder}: {one.name} says {one.read}"


def test_every_check_has_hints_in_both_languages_and_a_place_in_the_rubric() -> None:
    ruled = {(row.exercise, name) for row in rows() for name in row.checks}
    for exercise in EVERYTHING:
        names = [one.name for one in exercise.checks]
        english, spanish = (hints_of(ROOT / "exercises" / exercise.folder, language) for language in LANGUAGES)
        assert list(english) == list(spanish) == names
        for name in names:
            assert len(english[name]) == len(spanish[name])
            assert english[name][0] != spanish[name][0]
        assert exercise.number == "0" or {(exercise.folder, name) for name in names} <= ruled


def test_the_rubric_has_a_hundred_points_and_ten_more() -> None:
    points = {group: sum(row.most for row in rows() if row.group == group) for group in {row.group for row in rows()}}
    assert points == {"1": 20, "2": 20, "3": 20, "project": 30, "person": 10, "bonus": 10}
    for language in LANGUAGES:
        page = (LEARN / language / "rubric.md").read_text(encoding="utf-8")
        assert with_rows(page, language) == page, "run `make lessons`"


def test_the_drawings_are_what_the_code_gives() -> None:
    drawn = dict(pictures())
    kept = {path.name: path.read_text(encoding="utf-8") for path in (LEARN / "pictures").glob("*.svg")}
    assert kept == drawn, "run `make lessons`"


ROOMS = (
    "contracts", "training", "scoring", "service", "load-tests", "reports", "drills", "deploy", "publishing",
    "monitoring", "benchmarks",
)  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_names_its_chapter_and_the_chapter_links_to_the_room(room: str) -> None:
    module = ROOT / room / ("run.py" if room == "load-tests" else "__init__.py")
    named = re.search(r"Taught in (docs/learn/en/[\w-]+\.md)\.", module.read_text(encoding="utf-8"))
    assert named
    assert f"](../../../{room}/" in (ROOT / named[1]).read_text(encoding="utf-8")


@pytest.mark.parametrize(("english", "spanish"), list(pages()), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_spanish_page_says_what_the_english_one_says(english: Path, spanish: Path) -> None:
    assert spanish.is_file(), f"{spanish.relative_to(ROOT)} is not there"
    found = differences(english.read_text(encoding="utf-8"), spanish.read_text(encoding="utf-8"))
    assert not found, "\n".join(found)


PAGE = (
    "# Title\n\nOf 1,100 rows 0.5 % are late, see [here](../a.md#part), "
    "[this](../../docs/learn/en/b.md), [that](../exercises/01-api/README.md) and ![a](../pictures/api-en.svg).\n\n"
    "```\nmake data\n```\n"
)
TRANSLATED = (
    f"<!-- english: {digest_of(PAGE)} -->\n# Título\n\nDe 1,100 filas, 0.5 % llegan tarde: [aquí](../a.md#parte), "
    "[esto](../../docs/learn/es/b.md), [eso](../exercises/01-api/README.es.md) y "
    "![a](../pictures/api-es.svg).\n\n```\nmake data\n```\n"
)


def test_a_faithful_translation_has_no_difference() -> None:
    assert differences(PAGE, TRANSLATED) == []


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (digest_of(PAGE), "0" * 16, "the digest is 0000000000000000: read the English page again"),
        (f"<!-- english: {digest_of(PAGE)} -->\n", "", "the digest is none"),
        ("# Título", "## Título", "headings: English has levels [1], Spanish [2]."),
        ("make data", "make datos", "code block 1 differs"),
        ("```\nmake data\n```\n", "", "code blocks: English has 1, Spanish 0."),
        ("1,100", "1.100", "numbers: Spanish lacks ['1,100'], and has ['1.100'] more."),
        ("../a.md", "../b.md", "links: Spanish lacks ['../a.md'], and has ['../b.md'] more."),
        ("![a](../pictures/api-es.svg)", "", "links: Spanish lacks ['../pictures/api-es.svg'], and has [] more."),
        ("api-es.svg", "api-en.svg", "lacks ['../pictures/api-es.svg'], and has ['../pictures/api-en.svg'] more."),
        ("learn/es/b.md", "learn/en/b.md", "lacks ['../../docs/learn/es/b.md'], and has"),
        ("README.es.md", "README.md", "lacks ['../exercises/01-api/README.es.md'], and has"),
    ],
)
def test_a_difference_is_found_and_no_other(before: str, after: str, sentence: str) -> None:
    found = differences(PAGE, TRANSLATED.replace(before, after))
    assert len(found) == 1
    assert sentence in found[0]
