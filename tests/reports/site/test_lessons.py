"""Lessons as pages of the site: links lead on, to a page of the site, to the repository, or nowhere."""

from pathlib import Path

import pytest

from contracts.history import WorkflowRun
from contracts.outside.markdown import anchor_of
from reports.site.lessons import write_lessons

RUN = WorkflowRun(server="https://github.com", repository="acme/flights", run_id="1")
PAGE = """# One *page*

[next](02.md#part) [task](../../../exercises/01-api/README.md) [code](../../../service/settings.py#L3) [out](https://example.org)

| a | b |
| --- | --- |
| <b> | 2 |

<details><summary>Why?</summary>

Because.

</details>
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    learn = tmp_path / "docs" / "learn"
    (learn / "en").mkdir(parents=True)
    (learn / "pictures").mkdir()
    (learn / "pictures" / "a.svg").write_text("<svg/>")
    for name in ("README.md", "02.md"):
        (learn / "en" / name).write_text(PAGE, encoding="utf-8")
    (tmp_path / "exercises" / "01-api").mkdir(parents=True)
    (tmp_path / "exercises" / "01-api" / "README.md").write_text("# Task\n", encoding="utf-8")
    return tmp_path


def written(checkout: Path, run: WorkflowRun | None) -> str:
    assert write_lessons(checkout, checkout / "site", run) == "docs/learn/en/README.html"
    return (checkout / "site" / "docs" / "learn" / "en" / "README.html").read_text(encoding="utf-8")


def test_a_link_to_a_lesson_leads_to_its_page_and_any_other_to_the_repository(checkout: Path) -> None:
    page = written(checkout, RUN)
    assert '<a href="02.html#part">next</a>' in page
    assert '<a href="../../../exercises/01-api/README.html">task</a>' in page
    assert '<a href="https://github.com/acme/flights/blob/HEAD/service/settings.py#L3">code</a>' in page
    assert '<a href="https://example.org">out</a>' in page


def test_without_a_repository_a_link_to_code_is_plain_text(checkout: Path) -> None:
    assert "<a>code</a>" in written(checkout, None)


def test_answers_fold_tables_scroll_and_headings_have_names(checkout: Path) -> None:
    page = written(checkout, None)
    assert "<details><summary>Why?</summary>" in page
    assert '<div class="scroll"><table>' in page
    assert f'<h1 id="{anchor_of("One *page*")}">' in page
    assert (checkout / "site" / "docs" / "learn" / "pictures" / "a.svg").is_file()


def test_a_page_with_a_translation_links_to_it_and_says_its_language(checkout: Path) -> None:
    spanish = checkout / "docs" / "learn" / "es"
    spanish.mkdir()
    (spanish / "README.md").write_text("# Una semana\n", encoding="utf-8")
    assert '<a href="../../../docs/learn/es/README.html">Español</a>' in written(checkout, None)
    translated = (checkout / "site" / "docs" / "learn" / "es" / "README.html").read_text(encoding="utf-8")
    assert '<html lang="es">' in translated
    assert '<a href="../../../docs/learn/en/README.html">English</a>' in translated


def test_without_lessons_there_is_no_link(tmp_path: Path) -> None:
    assert write_lessons(tmp_path, tmp_path / "site", RUN) == ""
